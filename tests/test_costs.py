"""Costs from a config, against modules, torch's counter and tensors that are there."""

import math

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from gptlab.config import PRESETS, GPTConfig, preset
from gptlab.costs import (
    PROCESSORS,
    bill,
    cache_bytes,
    forward_operations,
    parameters,
    training_bytes,
    training_operations,
)
from gptlab.model import GPT
from gptlab.papers import GPT3_TABLE
from gptlab.runtime.reading import Reading
from gptlab.settings import TrainSettings, make_optimizers

SMALL = GPTConfig(vocab_size=50, n_ctx=32, n_layer=3, n_head=2, n_embd=16)


@pytest.mark.parametrize("name", PRESETS)
def test_parameters_are_those_of_the_model(name: str) -> None:
    with torch.device("meta"):
        assert parameters(PRESETS[name]) == GPT(PRESETS[name]).num_parameters()


@pytest.mark.parametrize(
    "changes", [{"bias": False}, {"tie_weights": False}, {"final_norm": False}, {"norm": "post"}]
)
def test_parameters_of_what_is_no_preset(changes: dict) -> None:  # type: ignore[type-arg]
    config = SMALL.replace(**changes)
    assert parameters(config) == GPT(config).num_parameters()


def counted(config: GPTConfig, n_token: int, backward: bool = False) -> int:
    model = GPT(config)
    tokens = torch.zeros(1, n_token, dtype=torch.long)
    # The counter does not know the CPU's fused attention; written out, it sees both products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        _, loss = model(tokens, tokens)
        if backward:
            loss.backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("n_token", [1, 7, 32])
def test_operations_are_those_that_torch_counts(n_token: int) -> None:
    assert forward_operations(SMALL, n_token) == counted(SMALL, n_token)


def test_training_takes_three_forward_passes() -> None:
    assert training_operations(SMALL, 32) == counted(SMALL, 32, backward=True)


def test_a_band_costs_no_more_than_its_width() -> None:
    banded = SMALL.replace(attention=("dense", "banded"), band=8)
    fewer = forward_operations(SMALL) - forward_operations(banded)
    assert fewer == 4 * 16 * 32 * (32 - 8)  # the one banded layer of three
    assert forward_operations(SMALL, 8) == forward_operations(banded, 8)


def test_training_bytes_are_those_of_the_tensors() -> None:
    model = GPT(SMALL)
    model(torch.zeros(1, 4, dtype=torch.long), torch.zeros(1, 4, dtype=torch.long))[1].backward()
    (adamw,) = make_optimizers(model, TrainSettings(learning_rate=1e-3))
    adamw.step()
    state = [t for one in adamw.state.values() for t in one.values() if t.dim() > 0]
    tensors = {
        "weights": list(model.parameters()),
        "gradients": [weight.grad for weight in model.parameters()],
        "AdamW's two means": state,
    }
    found = {name: sum(t.nbytes for t in kept) for name, kept in tensors.items()}  # type: ignore[union-attr]
    assert found == training_bytes(SMALL)


def test_the_cache_is_as_large_as_its_tensors() -> None:
    config = SMALL.replace(attention=("dense", "banded"), band=8)
    for made in (SMALL, config):
        model, cache = GPT(made), GPT(made).new_cache()
        model(torch.zeros(1, 20, dtype=torch.long), reading=Reading(cache))
        seen = [kept.seen for kept in cache._layers if kept is not None]
        assert cache_bytes(made, 20, width=4) == sum(t.nelement() * 4 for t in seen)


def test_gpt3s_compute_is_that_of_its_paper() -> None:
    """Brown et al. 2020, table D.1: 3.14e23 operations for 300 billion tokens, by 6 a parameter."""
    made = training_operations(preset("gpt3-175b"), 300e9)
    assert made == pytest.approx(3.14e23, rel=0.05)
    (row,) = [row for row in GPT3_TABLE if row.preset == "gpt3-175b"]
    assert 6 * row.parameters * 300e9 == pytest.approx(3.14e23, rel=0.01)


def test_a_bill_by_hand() -> None:
    """One hour of an A100 at half its speed, at 3 an hour and a quarter more energy."""
    one_hour = 312e12 * 0.5 * 3600
    found = bill(one_hour, PROCESSORS["A100"], utilisation=0.5, price=3.0, overhead=1.25)
    assert (found.hours, found.money) == (1.0, 3.0)
    assert found.kilowatt_hours == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: bill(1.0, PROCESSORS["A100"], utilisation=0), "utilisation is 0"),
        (lambda: bill(1.0, PROCESSORS["A100"], utilisation=1.1), "utilisation is 1.1"),
        (lambda: bill(1.0, PROCESSORS["A100"], price=-1), "price is -1"),
        (lambda: bill(math.nan, PROCESSORS["A100"]), "operations is nan"),
        (lambda: forward_operations(SMALL, 33), "n_token is 33"),
        (lambda: forward_operations(SMALL, 0), "n_token is 0"),
        (lambda: training_operations(SMALL, -1.0), "tokens is -1"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(call, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=said):
        call()
