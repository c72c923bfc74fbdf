"""Looking inside changes nothing, and changing the inside changes only what it says."""

import pytest
import torch

from gptlab.attention import attend, causal_mask
from gptlab.config import preset
from gptlab.model import GPT
from gptlab.runtime.reading import Reading

TINY = ["gpt1-tiny", "gpt2-tiny", "gpt3-tiny"]


def tiny(name: str) -> GPT:
    torch.manual_seed(0)
    return GPT(preset(name, vocab_size=50, n_ctx=24, n_embd=32, band=5))


IDS = torch.randint(50, (20,), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", TINY)
def test_logits_are_those_of_the_fast_path(name: str) -> None:
    model = tiny(name).eval()
    torch.testing.assert_close(model.trace(IDS).logits, model(IDS[None])[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", TINY)
def test_what_is_kept_fits_together(name: str) -> None:
    model = tiny(name)
    trace = model.trace(IDS)
    assert trace.attention.shape == (4, 4, 20, 20)
    assert trace.queries.shape == trace.keys.shape == trace.values.shape == (4, 4, 20, 8)
    for layer in range(4):
        mask = causal_mask(20, band=model.config.layer_band(layer))
        _, weights = attend(trace.queries[layer], trace.keys[layer], trace.values[layer], mask)
        torch.testing.assert_close(trace.attention[layer], weights)
    torch.testing.assert_close(model.lm_head(trace.residual["final"]), trace.logits)
    assert list(trace.residual) == [
        "embed",
        *(f"{layer}.{point}" for layer in range(4) for point in ("mid", "out")),
        "final",
    ]


def test_training_mode_and_gradients_are_left_alone() -> None:
    model = tiny("gpt2-tiny").train()
    trace = model.trace(IDS)
    assert model.training
    assert not trace.logits.requires_grad
    with pytest.raises(ValueError):
        model.trace(IDS, ablate=[(9, 9)])
    assert model.training


def test_ablating_every_head_leaves_only_the_bias() -> None:
    model = tiny("gpt2-tiny")
    trace = model.trace(IDS, ablate=[(0, head) for head in range(4)])
    moved = trace.residual["0.mid"] - trace.residual["embed"]
    torch.testing.assert_close(moved, model.h[0].attn.c_proj.bias.detach().expand(20, -1))


def test_ablating_one_head_equals_zeroing_its_columns() -> None:
    model = tiny("gpt2-tiny")
    ablated = model.trace(IDS, ablate=[(2, 1)]).logits
    assert not torch.allclose(ablated, model.trace(IDS).logits)
    with torch.no_grad():
        model.h[2].attn.c_proj.weight[:, 8:16] = 0  # head 1 of width 8
    torch.testing.assert_close(model.trace(IDS).logits, ablated)


def test_patching_the_residual_stream_carries_one_run_into_another() -> None:
    model = tiny("gpt2-tiny")
    other = IDS.flip(0)
    source = model.trace(other)
    patched = model.trace(IDS, patch={"1.out": source.residual["1.out"]})
    torch.testing.assert_close(patched.logits, source.logits)
    doubled = model.trace(IDS, patch={"embed": lambda x: 2 * x})
    plain = model.trace(IDS)
    torch.testing.assert_close(doubled.residual["embed"], 2 * plain.residual["embed"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ablate": [(4, 0)]}, "no head 0 in layer 4"),
        ({"patch": {"7.out": IDS}}, "no point 7.out"),
        ({"patch": {"0.out": torch.zeros(3)}}, r"shape \(3,\); it must be \(20, 32\)"),
    ],
)
def test_wrong_requests_name_what_there_is(arguments: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        tiny("gpt2-tiny").trace(IDS, **arguments)
    with pytest.raises(ValueError, match="one sequence"):
        tiny("gpt2-tiny").trace(torch.zeros(2, 5, dtype=torch.long))


@pytest.mark.parametrize("name", TINY)
def test_whoever_looks_on_changes_nothing_of_how_it_is_read(name: str) -> None:
    """Past padding and on from a cache, the written-out path gives what the fast one gives."""
    model = tiny(name).eval()
    tokens, padding = torch.stack([IDS, IDS.flip(0)]), torch.tensor([6, 0])
    seen: list[str] = []

    def look(name: str, x: torch.Tensor) -> torch.Tensor:
        seen.append(name)
        return x

    outputs = []
    for tap in (None, look):
        reading = Reading(model.new_cache(), padding, tap)
        parts = [model(part, reading=reading) for part in tokens.split([13, 1, 6], dim=1)]
        outputs.append(torch.cat(parts, dim=1))
    torch.testing.assert_close(outputs[1][0, 6:], outputs[0][0, 6:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(outputs[1][1], outputs[0][1], atol=1e-5, rtol=1e-5)
    assert seen.count("2.attention") == 3
