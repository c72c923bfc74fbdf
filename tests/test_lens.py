"""The lens reads what the output layer would: at the last point it is the model's own answer."""

import pytest
import torch

from gptlab.config import preset
from gptlab.lens import logit_lens
from gptlab.model import GPT

IDS = torch.randint(50, (12,), generator=torch.Generator().manual_seed(1))


def tiny(name: str, n_layer: int = 3) -> GPT:
    torch.manual_seed(0)
    model = GPT(preset(name, vocab_size=50, n_ctx=24, n_layer=n_layer, n_embd=32, band=5))
    for weight in model.parameters():  # fresh gains and shifts would hide a forgotten norm
        torch.nn.init.normal_(weight, 0.0, 0.3)
    return model


@pytest.mark.parametrize("name", ["gpt1-tiny", "gpt2-tiny", "gpt3-tiny"])
def test_at_the_last_point_it_is_the_model(name: str) -> None:
    model = tiny(name)
    trace = model.trace(IDS)
    lens = logit_lens(model, trace)
    points = [f"{layer}.{point}" for layer in range(3) for point in ("mid", "out")]
    assert list(lens) == ["embed", *points]
    torch.testing.assert_close(lens["2.out"], trace.logits, atol=1e-4, rtol=1e-5)
    assert not any(x.requires_grad for x in lens.values())


@pytest.mark.parametrize("name", ["gpt1-tiny", "gpt2-tiny"])
def test_a_point_is_what_a_model_that_ends_there_says(name: str) -> None:
    """The brute force: the same weights with the later blocks cut off."""
    model = tiny(name)
    lens = logit_lens(model, model.trace(IDS))
    for layer in range(3):
        short = tiny(name, n_layer=layer + 1)
        short.load_state_dict(
            {k: v for k, v in model.state_dict().items() if k in dict(short.state_dict())}
        )
        torch.testing.assert_close(lens[f"{layer}.out"], short(IDS[None])[0], atol=1e-4, rtol=1e-4)


def test_the_model_is_left_in_its_mode() -> None:
    model = tiny("gpt2-tiny").train()
    logit_lens(model, model.trace(IDS))
    assert model.training
