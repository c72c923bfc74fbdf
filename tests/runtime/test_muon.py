"""Muon in float32: torch's own updates, without the rounding."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gptlab import settings
from gptlab.runtime.muon import Float32Muon, orthogonal
from gptlab.settings import TrainSettings, make_optimizers

SHAPES = pytest.mark.parametrize("shape", [(48, 16), (16, 48), (32, 32)])
COEFFICIENTS = (3.4445, -4.775, 2.0315)
ASKED: dict[str, Any] = {"lr": 1e-2, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}


def moved(kind: type[torch.optim.Muon], shape: tuple[int, int], updates: int) -> Tensor:
    """Return a matrix after some updates by gradients that are the same for every kind."""
    generator = torch.Generator().manual_seed(1)
    weight = nn.Parameter(torch.randn(shape, generator=generator))
    optimizer = kind([weight], **ASKED)
    for _ in range(updates):
        weight.grad = torch.randn(shape, generator=generator)
        optimizer.step()
    return weight.detach()


@SHAPES
def test_it_goes_where_torch_goes(shape: tuple[int, int]) -> None:
    """As far as bfloat16 has digits: a step is 2e-2 in size, and they differ by some per cent."""
    ours, theirs = (moved(kind, shape, 5) for kind in (Float32Muon, torch.optim.Muon))
    start = moved(Float32Muon, shape, 0)
    assert (ours - start).norm() > 0.1
    assert (ours - theirs).norm() < 0.02 * (ours - start).norm()


@SHAPES
def test_every_singular_value_goes_through_the_polynomial(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    values = values / values.norm()
    a, b, c = COEFFICIENTS
    for _ in range(5):
        values = a * values + b * values**3 + c * values**5
    expected = left @ torch.diag(values) @ right
    found = orthogonal(matrix, COEFFICIENTS, 5, eps=1e-7)
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not orthogonal(torch.zeros(3, 4), COEFFICIENTS, 5, eps=1e-7).any()


def test_what_one_has_kept_the_other_goes_on_with() -> None:
    weight = nn.Parameter(torch.eye(4))
    first, second = (kind([weight], **ASKED) for kind in (torch.optim.Muon, Float32Muon))
    weight.grad = torch.ones(4, 4)
    first.step()
    second.load_state_dict(deepcopy(first.state_dict()))
    kept = [one.state[weight]["momentum_buffer"] for one in (first, second)]
    assert torch.equal(*kept) and kept[0].any()
    before = kept[0].clone()
    second.step()
    assert (second.state[weight]["momentum_buffer"] > before).all()


def test_a_step_of_another_size_is_refused() -> None:
    weight = nn.Parameter(torch.eye(4))
    weight.grad = torch.ones(4, 4)
    with pytest.raises(ValueError, match="adjust_lr_fn is 'original'"):
        Float32Muon([weight], adjust_lr_fn="original").step()


@pytest.mark.parametrize("has", [False, True])
def test_the_processor_decides(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    monkeypatch.setattr(settings, "has_bfloat16", lambda kind: has)
    model = nn.ModuleDict({"h": nn.ModuleList([nn.Linear(4, 4)])})
    muon, _ = make_optimizers(model, TrainSettings(optimizer="muon", learning_rate=1e-2))
    assert isinstance(muon, Float32Muon) != has
