"""Pictures of a model's weights add up and say how the stream and the gradients change."""

import pytest
import torch

from gptlab import plots
from gptlab.config import GPTConfig, preset
from gptlab.model import GPT
from tests.plots.made import depth_results

VARIED = [
    preset("gpt1"),
    preset("gpt2"),
    preset("gpt2-tiny", bias=False),
    preset("gpt2-tiny", tie_weights=False),
]


@pytest.mark.parametrize("config", VARIED)
def test_the_bars_add_up_to_the_model(config: GPTConfig) -> None:
    with torch.device("meta"):
        count = GPT(config).num_parameters()
    said = plots.parameter_bars(config, "it").sentence
    assert f"{count:,} in all" in said
    assert ("output layer" in said) != config.tie_weights


def test_the_bars_of_gpt1_are_those_of_its_formula() -> None:
    said = plots.parameter_bars(preset("gpt1"), "GPT-1").sentence
    d, layers = 768, 12
    for part, count in {
        "token embedding": 40_478 * d,
        "position embedding": 512 * d,
        "attention": layers * (4 * d * d + 4 * d),
        "MLP": layers * (8 * d * d + 5 * d),
        "LayerNorms": layers * 4 * d,
    }.items():
        assert f"{part} {count:,}" in said


def test_the_streams_spread_is_told_at_its_end() -> None:
    said = plots.stream_growth({"scaled": [1.0, 1.1, 1.2], "plain": [1.0, 2.0, 4.0]}).sentence
    assert said.endswith("after 3 blocks: scaled 1.20; plain 4.00.")


def test_gradients_of_the_first_and_the_last_block() -> None:
    results = depth_results(("a", "b"))
    said = plots.gradient_norms(results, names=["b"]).sentence
    assert said.endswith("step 0. b: 1e-09 in the first block, 0.125 in the last.")
    with pytest.raises(ValueError, match="step 5; kept are: 0"):
        plots.gradient_norms(results, step=5)


def test_weights_that_stay_have_no_bar_and_a_zero() -> None:
    shares = {"trained": {"embeddings": 1.5, "block 1": 0.25}, "asked": {"block 1": 0.0}}
    picture = plots.weights_moved(shares)
    assert picture.sentence == (
        "Share by which weights moved. trained: embeddings 150%, block 1 25%; asked: block 1 0."
    )
    (ax,) = picture.figure.axes
    bottom, _ = ax.get_ylim()
    shown = [bar.get_height() for bar in ax.patches if bar.get_height() > bottom]
    assert shown == [1.5, 0.25]
    hatches = {bar.get_hatch() for bar in ax.patches}
    assert len(hatches) == 2, "colour does not stand alone"


def test_nothing_moved_can_be_drawn_too() -> None:
    assert plots.weights_moved({"asked": {"block 1": 0.0}}).png().startswith(b"\x89PNG")


def test_parts_stand_in_the_order_of_the_deepest_model() -> None:
    shares = {"small": {"block 0": 0.1, "norm": 0.1}, "deep": {"block 0": 0.1, "b": 0.1, "norm": 0}}
    (ax,) = plots.weights_moved(shares).figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["block 0", "b", "norm"]
