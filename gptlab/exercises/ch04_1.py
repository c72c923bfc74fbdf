"""The checks of chapter 4.1: a run's budget, windows, shifted labels; what an update is made of."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.ch04_1_update import accumulate, clip
from gptlab.exercises.checks import Wrong, call, exercise, name_mistake, number, tensor

__all__ = ["accumulate", "clip", "labels_for_library", "updates", "windows"]

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
    return (
        "Batch, context and updates multiply to tokens; epochs are tokens over the text's length."
    )


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
        *(
            (
                _pairs(behind, n_ctx, n_ctx),
                "The id stands behind the documents, or between them. It should stand in front of "
                "each, of the first too.",
            )
            for behind in (_stream(documents, [], [0]), _stream(documents, [], [0])[:-1])
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
    name_mistake(rows, mistakes, operator.eq)
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
