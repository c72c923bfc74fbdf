"""A config is either possible or refused, and holds all that differs between the generations."""

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from gptlab.config import PRESETS, GPTConfig, preset
from gptlab.papers import GPT3_TABLE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_head": 5}, "n_embd is 128 and n_head is 5"),
        ({"n_layer": 0}, "n_layer is 0"),
        ({"n_ctx": -3}, "n_ctx is -3"),
        ({"vocab_size": 3.5}, "vocab_size is 3.5"),
        ({"band": 0}, "band is 0"),
        ({"norm": "middle"}, "norm is 'middle'"),
        ({"attention": "dense"}, "attention is 'dense'"),
        ({"attention": ()}, r"attention is \(\)"),
        ({"attention": ("sparse",)}, "attention has 'sparse'"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"init_std": 0.0}, "init_std is 0.0"),
        ({"init_std": math.nan}, "init_std is nan"),
        ({"final_norm": 1}, "final_norm is 1"),
        ({"heads": 4}, "no field heads"),
    ],
)
def test_impossible_values_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        preset("gpt2-tiny", **changes)


def test_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="gpt2-tiny"):
        preset("gpt4")


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        preset("gpt2").n_layer = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", PRESETS)
def test_round_trip_through_plain_values(name: str) -> None:
    config = preset(name)
    again = GPTConfig.from_dict(config.to_dict())
    assert again == config
    assert hash(again) == hash(config)


def test_a_file_from_before_init_std_means_what_it_meant() -> None:
    values = preset("gpt2").to_dict()
    del values["init_std"]
    assert GPTConfig.from_dict(values) == preset("gpt2")
    with pytest.raises(ValueError, match="check \\['band'\\]"):
        GPTConfig.from_dict({name: value for name, value in values.items() if name != "band"})


def test_tiny_weights_are_drawn_by_width() -> None:
    """0.02 at 768; four times as many inputs, half the size of each."""
    assert preset("gpt2-tiny", n_embd=768).init_std == pytest.approx(preset("gpt2").init_std)
    narrow, wide = preset("gpt1-tiny"), preset("gpt1-tiny", n_embd=4 * 128)
    assert narrow.init_std == pytest.approx(2 * wide.init_std)
    assert preset("gpt3-tiny", n_embd=64, init_std=0.3).init_std == 0.3


def test_what_the_papers_changed() -> None:
    assert set(preset("gpt1-tiny").diff(preset("gpt2-tiny"))) == {
        "norm",
        "final_norm",
        "residual_init_scale",
        "n_ctx",
    }
    assert set(preset("gpt2-tiny").diff(preset("gpt3-tiny"))) == {"attention", "n_ctx"}
    assert preset("gpt1-tiny").diff(preset("gpt2-tiny"))["norm"] == ("post", "pre")


def test_tiny_versions_share_width_and_depth() -> None:
    shapes = {
        (c.n_layer, c.n_head, c.n_embd, c.vocab_size)
        for c in map(preset, ("gpt1-tiny", "gpt2-tiny", "gpt3-tiny"))
    }
    assert len(shapes) == 1


def test_bands_alternate() -> None:
    config = preset("gpt3-tiny")
    assert [config.layer_band(i) for i in range(4)] == [None, 32, None, 32]
    assert preset("gpt2-tiny").layer_band(1) is None


@pytest.mark.parametrize("row", GPT3_TABLE, ids=lambda row: row.preset)
def test_gpt3_table_as_printed_or_openly_corrected(row: Any) -> None:
    config = preset(row.preset)
    built = (config.n_layer, config.n_embd, config.n_head, config.head_dim)
    printed = (row.n_layer, row.d_model, row.n_head, row.d_head)
    assert (built == printed) == (row.correction == "")
    assert config.head_dim == row.d_head
