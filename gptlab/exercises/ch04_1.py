"""The checks of chapter 4.1: a run's budget, windows, shifted labels, clipping, accumulation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.exercises import pretraining
from gptlab.exercises.checks import Wrong, call, exercise, number, same, tensor
from gptlab.model import GPT

_TOKENS, _EPOCHS, _BATCH, _CONTEXT, _PIECES = 2_457_600, 3, 16, 128, 4
_IGNORED = -100


@exercise("Work out the number of updates and hand it to updates(…).")
def updates(answer: Any) -> str:
    """Check the number of updates of three epochs in batches of 16 × 128 tokens, in 4 pieces."""
    value = number(answer)
    right = _EPOCHS * _TOKENS / (_BATCH * _CONTEXT)
    mistakes = {
        right * _PIECES: (
            "The pieces are counted as updates. They only save memory: the weights move once, when "
            "all pieces of a batch are through."
        ),
        right / _PIECES: (
            "The pieces make the batch larger there. They are parts of it: 16 sequences in all."
        ),
        right / _EPOCHS: "That is one epoch: once through the text.",
        right / _EPOCHS**2: "The epochs go the other way: more of them need more updates.",
        right * _CONTEXT: "That is sequences in, not tokens: each sequence reads n_ctx tokens.",
        right * _BATCH: "That counts sequences. An update reads a whole batch of them.",
        float(_EPOCHS * _TOKENS): "Those are the tokens read. How many does one update read?",
        float(_BATCH * _CONTEXT): "That is what one update reads. How often must that be done?",
    }
    if value in mistakes:
        raise Wrong(mistakes[value])
    if value != right:
        raise Wrong("Two numbers: the tokens to read in all, and the tokens that one update reads.")
    return "Batch, context and updates multiply to tokens; epochs are tokens over the text's length."


@exercise("Fill in windows(documents, end, n_ctx) so that it returns the pair (x, y).")
def windows(answer: Any) -> str:
    """Check a function documents (lists of ids), end, n_ctx → x, y, (N, n_ctx) each."""
    whole = [[5, 3, 8], [2, 9], [4, 7, 6, 1]]  # with the end tokens 12 ids
    for documents, n_ctx in ((whole, 4), (whole, 5), ([*whole, [3]], 4), ([[8, 2, 6]], 3)):
        result = call(answer, [list(document) for document in documents], 0, n_ctx)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Wrong(f"Return two tensors, (x, y), not {type(result).__name__}.")
        x, y = result
        for name, part in (("x", x), ("y", y)):
            if not isinstance(part, Tensor) or part.dim() != 2:
                what = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
                raise Wrong(f"{name} should be a tensor (N, n_ctx), not {what}.")
        _judge_windows(x, y, documents, n_ctx)
    return "One stream, cut without a gap: every token but the first is a target, and once."


def _judge_windows(x: Tensor, y: Tensor, documents: Sequence[Sequence[int]], n_ctx: int) -> None:
    """Compare with what the common mistakes would give."""
    rows = list(zip(x.tolist(), y.tolist(), strict=False))
    if x.shape != y.shape:
        raise Wrong(f"x is {tuple(x.shape)} and y {tuple(y.shape)}: each input needs one target.")
    stream = _stream(documents, [0], [])
    if rows == _pairs(stream, n_ctx, n_ctx):
        return
    right = _pairs(stream, n_ctx, n_ctx)
    mistakes = [
        (
            _pairs(_stream(documents, [], []), n_ctx, n_ctx),
            "The documents run into each other: nothing says where one ends and the next begins.",
        ),
        (
            _pairs(_stream(documents, [], [0]), n_ctx, n_ctx),
            "The id stands behind each document. It should stand in front: so the first document "
            "too begins with it, as later prompts do.",
        ),
        (
            _pairs(_stream(documents, [], [0])[:-1], n_ctx, n_ctx),
            "The first document has no end-of-text token in front of it; all others do.",
        ),
        (
            _pairs(stream, n_ctx, 1),
            "Your windows overlap: each starts one token after the one before. They should share "
            "nothing.",
        ),
        (
            _pairs(stream, n_ctx, n_ctx + 1),
            "A token is lost between two windows: it is nobody's target. The last target of one "
            "window may be the first input of the next.",
        ),
        ([(x, x) for x, _ in right], "x and y are the same: the model would learn to copy."),
        (
            [(x, [*x[1:], x[0]]) for x, _ in right],
            "The last target of each window is its own first token. It should be the token that "
            "comes next in the stream, which is the first of the next window.",
        ),
        ([(y, x) for x, y in right], "x and y are exchanged: the target is the token after."),
        (
            [pair for d in documents for pair in _pairs([0, *d], n_ctx, n_ctx)],
            "Each document is cut on its own, and its last tokens are thrown away. Make one stream "
            "of all of them first.",
        ),
    ]
    for wrong, message in mistakes:
        if rows == wrong:
            raise Wrong(message)
    if tuple(x.shape) != (len(right), n_ctx):
        raise Wrong(
            f"A stream of {len(stream)} tokens and n_ctx {n_ctx} make {len(right)} windows: x "
            f"should be {(len(right), n_ctx)}, not {tuple(x.shape)}. The last input needs a target "
            f"too, and a window that is not full is left out."
        )
    raise Wrong(f"For the documents {documents} and n_ctx {n_ctx} you return x = {x.tolist()}.")


def _stream(
    documents: Sequence[Sequence[int]], before: Sequence[int], after: Sequence[int]
) -> list[int]:
    return [token for document in documents for token in (*before, *document, *after)]


def _pairs(stream: Sequence[int], n_ctx: int, stride: int) -> list[tuple[list[int], list[int]]]:
    """Cut windows, each with the token after it, a stride apart: (inputs, targets) of each."""
    starts = range(0, len(stream) - n_ctx, stride)
    return [(list(stream[i : i + n_ctx]), list(stream[i + 1 : i + n_ctx + 1])) for i in starts]


@exercise("Fill in labels_for_library(x, y) so that it returns a tensor (B, T).")
def labels_for_library(answer: Any) -> str:
    """Check a function x, y (B, T), y moved on already → labels for a library that moves them."""
    x = torch.tensor([[5, 3, 8, 2, 9], [4, 7, 6, 1, 3]])  # (B, T)
    plain = torch.tensor([[3, 8, 2, 9, 6], [7, 6, 1, 3, 8]])
    masked = torch.tensor([[_IGNORED, 8, 2, _IGNORED, 6], [_IGNORED, _IGNORED, 1, 3, _IGNORED]])
    for y in (plain, masked):
        labels = tensor(call(answer, x, y), (2, 5), "labels")
        if labels.is_floating_point() or labels.is_complex():
            raise Wrong("Labels are ids: whole numbers, not floating point.")
        # The library throws the first column away, so whatever stands there is right.
        if torch.equal(labels[:, 1:].long(), y[:, :-1]):
            continue
        mistakes = {
            "Handed over as they are, they are moved a second time: position t would be asked for "
            "the token after the next.": y,
            "Right where every target counts. But a target of -100 was left out on purpose, and "
            "your labels ask for it again.": x,
            "They moved the wrong way: now each position is asked for a token three ahead.": (
                y.roll(-1, 1)
            ),
        }
        for message, wrong in mistakes.items():
            if torch.equal(labels[:, 1:-1].long(), wrong[:, 1:-1]):
                raise Wrong(message)
        raise Wrong(
            f"For y = {y.tolist()} you return {labels.tolist()}. The library will ask position t "
            f"for labels[t + 1]. Which of yours must stand there?"
        )
    return "Moved back by one before the library moves them on: the two cancel."


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
            "Each number is cut off on its own, which bends the direction. Scale all by one factor.",
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
    for wrong, message in mistakes:
        if _alike(mine, wrong):
            raise Wrong(message)
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
    if math.isclose(value, right, rel_tol=1e-4):
        return
    with torch.no_grad():
        means = [F.cross_entropy(*_flat(x, y)).nan_to_num().item() for x, y in pieces]
    if math.isclose(value, sum(means) / len(means), rel_tol=1e-4):
        raise Wrong(
            "The gradients are right; the loss is the mean of the pieces' means. It needs the same "
            "weights as the gradients."
        )
    if math.isclose(value, sum(means), rel_tol=1e-4):
        raise Wrong("The gradients are right; the loss is the sum of the pieces' means.")
    raise Wrong(
        f"The gradients are right, but you return {value:.4f}, and the mean over all targets that "
        f"count is another number."
    )


def _flat(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return _small_gpt()(x).flatten(0, 1), y.flatten()
