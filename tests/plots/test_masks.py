"""Pictures of masks count what may look, and reach is what gradients see."""

import pytest
import torch

from gptlab import plots
from gptlab.attention import causal_mask
from gptlab.config import preset
from gptlab.model import GPT


def test_the_mask_counts_its_pairs() -> None:
    assert "10 of 16 pairs may look (62%)" in plots.mask_map(causal_mask(4)).sentence


def test_reach_grows_by_band_minus_one() -> None:
    assert "layer 0: 256" in plots.reach_map(preset("gpt3-tiny")).sentence
    banded = preset("gpt3-tiny", attention=("banded",), band=10)
    said = plots.reach_map(banded).sentence
    assert "layer 0: 10, layer 1: 19, layer 2: 28, layer 3: 37" in said


@pytest.mark.parametrize("pattern", [("banded",), ("banded", "dense"), ("dense", "banded")])
def test_reach_is_what_gradients_see(pattern: tuple[str, ...]) -> None:
    """The brute force: through how many tokens does the last output depend on the input?"""
    torch.manual_seed(0)
    config = preset("gpt3-tiny", attention=pattern, band=4, n_layer=3, n_ctx=24, vocab_size=9)
    model = GPT(config)
    embedded = torch.randn(1, 24, 128, requires_grad=True)
    said = plots.reach_map(config).sentence
    for layer in range(3):
        x = embedded
        for block in model.h[: layer + 1]:
            x = block(x)
        (gradient,) = torch.autograd.grad(x[0, -1].square().sum(), embedded)
        seen = int((gradient[0].abs().sum(-1) > 0).sum())
        assert f"layer {layer}: {seen}" in said
