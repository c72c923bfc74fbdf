"""The checks of chapter 4.1's update: gradients clipped together, a batch worked off in pieces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.exercises import pretraining
from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number, same, tensor
from gptlab.model import GPT

_IGNORED = -100


@exercise("Fill in clip(gradients, limit) so that it returns a list of tensors.")
def clip(answer: Any) -> str:
    """Check a function gradients (a list of tensors), limit → gradients whose norm is limited."""
    draw = torch.Generator().manual_seed(41)
    shapes = ((3, 4), (4,), (2, 5))
    large = [3 * torch.randn(shape, generator=draw) for shape in shapes]
    small = [gradient / 200 for gradient in large]
    nothing = [torch.zeros(shape) for shape in shapes]
    for gradients, limit in ((large, 1.0), (large, 2.5), (small, 1.0), (nothing, 1.0)):
        result = call(answer, [gradient.clone() for gradient in gradients], limit)
        if not isinstance(result, tuple | list) or len(result) != len(shapes):
            raise Wrong(f"Return a list of {len(shapes)} tensors, as many as came in.")
        mine = [tensor(g, s, "a gradient") for g, s in zip(result, shapes, strict=True)]
        if not _alike(mine, pretraining.clip(gradients, limit)):
            _judge_clip(mine, gradients, limit)
    return "One factor for all: the step gets shorter and keeps its direction."


def _judge_clip(mine: Sequence[Tensor], gradients: Sequence[Tensor], limit: float) -> None:
    """Compare with what the common mistakes would give."""
    norms = [gradient.norm().item() for gradient in gradients]
    norm = math.hypot(*norms)
    if norm == 0:
        raise Wrong("Where all gradients are 0 there is nothing to clip: yours are no longer 0.")

    def scaled(factor: float) -> list[Tensor]:
        return [gradient * factor for gradient in gradients]

    each = [min(1.0, limit / one) for one in norms]
    mistakes = [
        (
            [g * factor for g, factor in zip(gradients, each, strict=True)],
            "Each tensor is clipped by a norm of its own, which bends the direction of the step. "
            "One norm belongs to all of them together.",
        ),
        (
            [gradient.clamp(-limit, limit) for gradient in gradients],
            "Each number is cut off on its own, which bends the direction. One factor, for all.",
        ),
        (scaled(min(1.0, limit / sum(norms))), "Norms do not add up; their squares do."),
        (scaled(min(1.0, limit / norm**2)), "That is the norm's square: a root is missing."),
        (scaled(min(1.0, 1 / norm)), "The norm becomes 1, whatever the limit."),
    ]
    if norm <= limit:
        mistakes = [
            (scaled(limit / norm), "The norm is below the limit, and yours makes it larger.")
        ]
    else:
        mistakes.append((list(gradients), "The norm is above the limit, and nothing is clipped."))
    name_mistake(mine, mistakes, _alike)
    mean = math.hypot(*(gradient.float().norm().item() for gradient in mine))
    raise Wrong(
        f"The norm of all is {norm:.3f} and the limit {limit}; yours have the norm {mean:.3f}."
    )


def _alike(mine: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    return all(same(one, other) for one, other in zip(mine, others, strict=True))


@exercise("Fill in accumulate(model, pieces) so that it returns the loss as a float.")
def accumulate(answer: Any) -> str:
    """Check a function that leaves the gradients of a batch in pieces, as one batch would."""
    with torch.enable_grad():
        for pieces in _batches():
            mine, whole = _small_gpt(), _small_gpt()
            for stale in (mine, whole):  # gradients of an earlier batch
                stale(*_batches()[0][0])[1].backward()
            told = call(answer, mine, [(x.clone(), y.clone()) for x, y in pieces])
            whole.zero_grad()
            loss = whole(*(torch.cat(parts) for parts in zip(*pieces, strict=True)))[1]
            loss.backward()
            if not same(_gradient(mine), _gradient(whole)):
                raise Wrong(_what_went_wrong(_gradient(mine), pieces))
            _judge_loss(told, loss.item(), pieces)
    return "However a batch is cut, its gradient is the same: memory is all that pieces cost less."


def _small_gpt() -> GPT:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(41)
        return GPT(GPTConfig(vocab_size=11, n_ctx=6, n_layer=1, n_head=2, n_embd=8, init_std=0.3))


def _batches() -> list[list[tuple[Tensor, Tensor]]]:
    """Three batches of three pieces: all targets count, some do, and in one piece none does."""
    ids = torch.randint(11, (6, 7), generator=torch.Generator().manual_seed(41))
    x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()  # (6, 6) each
    some, none = y.clone(), y.clone()
    some[:2, :5], some[3, 2:] = _IGNORED, _IGNORED
    none[2:4], none[5, :3] = _IGNORED, _IGNORED
    return [list(zip(x.split(2), kind.split(2), strict=True)) for kind in (y, some, none)]


def _gradient(model: GPT) -> Tensor:
    """All gradients in one row; zeros where there are none."""
    parts = [
        torch.zeros_like(weight) if weight.grad is None else weight.grad
        for weight in model.parameters()
    ]
    return torch.cat([part.detach().flatten() for part in parts])


def _what_went_wrong(mine: Tensor, pieces: Sequence[tuple[Tensor, Tensor]]) -> str:
    """Say what kind of sum the gradients are, from what each piece alone would give."""
    alone = []
    for x, y in pieces:
        model = _small_gpt()
        model(x, y)[1].backward()
        alone.append(_gradient(model))
    stale = _small_gpt()
    stale(*_batches()[0][0])[1].backward()
    before = _gradient(stale)
    counts = [int((y != _IGNORED).sum()) for _, y in pieces]
    weights = [count / sum(counts) for count in counts]
    right = torch.stack([w * g for w, g in zip(weights, alone, strict=True)]).sum(0)
    heap = torch.stack(alone).sum(0)
    unequal = "Pieces with few targets that count pull as hard as those with many. "
    mistakes = [
        (before, "The gradients are still those of an earlier batch: nothing was computed."),
        (torch.zeros_like(before), "The gradients are cleared, and no new ones were computed."),
        (
            right + before,
            "The gradients of the batch before are still in there: backward() adds to what stands "
            "there.",
        ),
        (
            alone[-1] * weights[-1],
            "Only the last piece is left: the gradients are cleared between the pieces.",
        ),
        (alone[-1], "Only the last piece is left, and as if it were the whole batch."),
        (heap, "The pieces' gradients are added as they are: together they are too large."),
        (
            heap / len(pieces),
            unequal + "A mean of means is the batch's mean only where all counts are equal.",
        ),
        (
            right * sum(counts),
            "Those are the gradients of the sum over the targets. The loss is their mean.",
        ),
        (
            right * sum(counts) / sum(y.numel() for _, y in pieces),
            "All positions are counted, and those with a target of -100 do not count.",
        ),
    ]
    for wrong, message in mistakes:
        if same(mine, wrong):
            return message
    return (
        "These are not the gradients that one batch of all the pieces gives. How much does each "
        "piece's mean weigh in the mean of the whole?"
    )


def _judge_loss(told: Any, right: float, pieces: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Look at what was returned where the gradients are right."""
    if isinstance(told, Tensor):
        raise Wrong("The gradients are right, but the loss is a tensor. Return a plain number.")
    value = number(told)
    if close(value, right):
        return
    with torch.no_grad():
        means = [F.cross_entropy(*_flat(x, y)).nan_to_num().item() for x, y in pieces]
    if close(value, sum(means) / len(means)):
        raise Wrong(
            "The gradients are right; the loss is the mean of the pieces' means. It needs the same "
            "weights as the gradients."
        )
    if close(value, sum(means)):
        raise Wrong("The gradients are right; the loss is the sum of the pieces' means.")
    raise Wrong(
        f"The gradients are right, but you return {value:.4f}, and the mean over all targets that "
        f"count is another number."
    )


def _flat(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return _small_gpt()(x).flatten(0, 1), y.flatten()
