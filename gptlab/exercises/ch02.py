"""The checks of chapter 2: shapes on the way, embedding, writing on, who wrote the next token."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.checks import Empty, Wrong, call, exercise, name_mistake, same, tensor

Shape = tuple[int, ...]


def _shapes(T: int, C: int, H: int, V: int) -> dict[str, Shape]:
    return {
        "ids": (T,),
        "embedded": (T, C),
        "queries": (H, T, C // H),
        "attention": (H, T, T),
        "inside the MLP": (T, 4 * C),
        "after a block": (T, C),
        "logits": (T, V),
        "next token": (V,),
    }


@exercise("Fill in shapes(T, C, H, V) so that it returns a dict: a tuple of sizes for each step.")
def shapes(answer: Any) -> str:
    """Check a function (tokens, width, heads, vocabulary) → {step: shape}."""
    for T, C, H, V in ((5, 12, 3, 40), (7, 32, 4, 11)):
        found = call(answer, T, C, H, V)
        right = _shapes(T, C, H, V)
        if not isinstance(found, dict):
            raise Wrong(f"Return a dict, {{step: shape}}, not {type(found).__name__}.")
        if missing := [step for step in right if step not in found]:
            raise Wrong(f"Your dict has nothing for {', '.join(f'“{step}”' for step in missing)}.")
        if all(found[step] is ... for step in right):
            raise Empty
        for step, shape in right.items():
            _judge_shape(step, found[step], shape, (T, C, H, V))
    return "Only the embedding, attention and the output layer change what a number is an index of."


def _judge_shape(step: str, value: Any, right: Shape, sizes: Shape) -> None:
    T, C, H, V = sizes
    if value is ...:
        raise Wrong(f"“{step}” is still open.")
    if isinstance(value, int) and not isinstance(value, bool):
        raise Wrong(f"“{step}” is a number; a shape with one size is written (n,), with a comma.")
    if not isinstance(value, tuple | list):
        raise Wrong(f"“{step}” should be a tuple of sizes, not {type(value).__name__}.")
    shape = tuple(value)
    if shape == right:
        return
    mistakes: dict[tuple[str, Shape], str] = {
        ("queries", (T, C)): "A head does not see the whole width: how is it dealt out?",
        ("queries", (H, T, C)): "The heads share the width; how much of it has one of H?",
        ("queries", (T, C // H)): "That is one head's. All heads stand side by side in the trace.",
        ("attention", (T, T)): "That is one head's. Each head has weights of its own.",
        ("attention", (H, T, C // H)): "Weights, not vectors: each token looks at each token.",
        ("inside the MLP", (T, C)): "Between its two layers the MLP is wider than outside.",
        ("after a block", (T, 4 * C)): "The MLP comes back to what it started from before it adds.",
        ("logits", (V,)): "A GPT predicts after every token, not after the last one alone.",
        ("logits", (T, C)): "Those are the vectors that the output layer reads.",
        ("next token", (T, V)): "Only one position's prediction says what comes after the text.",
        ("next token", (1,)): "Before a token is drawn, each of them has its probability.",
        ("embedded", (T, V)): "The table has a row for each token. How long is a row?",
        ("ids", (T, V)): "An id is one number. Nothing has V columns yet.",
    }
    if hint := mistakes.get((step, shape)):
        raise Wrong(f"“{step}”: {hint}")
    if shape == (1, *right):
        raise Wrong(f"“{step}”: here is one sequence and no batch; leave the 1 in front out.")
    if sorted(shape) == sorted(right):
        raise Wrong(f"“{step}”: the sizes are right, their order is not. Heads, tokens, features.")
    raise Wrong(
        f"“{step}” is not {shape} for T = {T}, C = {C}, H = {H}, V = {V}. Which letters does it "
        f"have, of these four?"
    )


@exercise("Fill in embed(ids, tokens, positions, start) so that it returns a tensor (T, C).")
def embed(answer: Any) -> str:
    """Check a function ids (T,), tokens (V, C), positions (n_ctx, C), start → vectors (T, C)."""
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randn(9, 6, generator=generator)  # (V, C)
    positions = torch.randn(9, 6, generator=generator)  # (n_ctx, C)
    for listed, start in (([3, 1, 1, 7], 0), ([2, 5, 2], 4), ([6], 8)):
        ids = torch.tensor(listed)
        found = tensor(call(answer, ids, tokens, positions, start), (len(listed), 6))
        _judge_embedded(found, ids, tokens, positions, start)
    return "The same token at two places is two vectors, and that is how order comes in."


def _judge_embedded(
    found: Tensor, ids: Tensor, tokens: Tensor, positions: Tensor, start: int
) -> None:
    T = len(ids)
    told, places = tokens[ids], positions[start : start + T]  # (T, C) each
    if same(found, told + places):
        return
    mistakes = [
        (told, "The positions are missing: the same token would be the same vector everywhere."),
        (places, "The tokens are missing: every sentence would look alike."),
        (
            tokens[:T] + places,
            "Those are the first rows of the table. Which rows are asked for?",
        ),
        (told + positions[:T], "start is not used: the first of these ids stands at place start."),
        (
            told + positions[ids],
            "Positions are looked up by id here. Where does a token stand?",
        ),
        (told + positions[start], "All of them get the first one's position."),
        (told + places.flip(0), "The positions run backwards."),
        (told * places, "Multiplied. The two vectors are added."),
        (told - places, "Subtracted. The two vectors are added."),
    ]
    name_mistake(found, mistakes, same)
    raise Wrong(
        f"For ids {ids.tolist()} from place {start} on the vectors are not right. Look at one "
        f"token: a row of one table, plus a row of the other."
    )


#: Of the toy model below.
_V = 11


class _Toy:
    """Stands in for a model: what comes next depends on every token that is read."""

    def __init__(self, n_ctx: int) -> None:
        self.n_ctx = n_ctx

    def __call__(self, ids: Any) -> Tensor:
        """Return scores (T, V) for ids (T,), or say what is wrong with them."""
        if not isinstance(ids, Tensor):
            raise Wrong(f"logits_of reads a tensor of ids (T,), not {type(ids).__name__}.")
        if ids.dim() != 1 or len(ids) == 0:
            raise Wrong(f"logits_of reads ids (T,), T ≥ 1; it was given {tuple(ids.shape)}.")
        if len(ids) > self.n_ctx:
            raise Wrong(
                f"logits_of was given {len(ids)} tokens, and the model reads {self.n_ctx} at most. "
                f"What is written goes on growing; what is read must not."
            )
        places = torch.arange(1, len(ids) + 1)
        following = ((ids + 1) * places).cumsum(0) % _V  # (T,)
        # No two tokens are equally likely, and the least likely differs from place to place.
        liked, disliked = (
            torch.nn.functional.one_hot(of, _V) for of in (following, (following + 5) % _V)
        )  # (T, V)
        return liked - disliked + 0.01 * torch.arange(_V) / _V


def _written(ids: list[int], n: int, choose: Callable[[list[int]], int]) -> list[int]:
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids))
    return ids


@exercise("Fill in write(logits_of, ids, n, n_ctx) so that it returns a list of ids.")
def write(answer: Any) -> str:
    """Check a function (ids (T,) → logits (T, V), ids, n, n_ctx) → ids with n more, greedily."""
    for ids, n, n_ctx in (([4, 9, 1], 3, 9), ([5], 1, 4), ([4, 9, 1, 3], 6, 5), ([7] * 8, 2, 5)):
        found = call(answer, _Toy(n_ctx), list(ids), n, n_ctx)
        if isinstance(found, Tensor):
            found = found.tolist()
        if not isinstance(found, list | tuple):
            raise Wrong(f"Return a list of ids, not {type(found).__name__}.")
        if not all(isinstance(i, int) or (isinstance(i, Tensor) and i.numel() == 1) for i in found):
            raise Wrong("The list should hold ids, which are whole numbers.")
        _judge_written([int(i) for i in found], ids, n, n_ctx)
    return "That is all of greedy writing: read, take the likeliest, write it down, read again."


def _judge_written(found: list[int], ids: list[int], n: int, n_ctx: int) -> None:
    toy = _Toy(n_ctx)

    def after(window: list[int]) -> Tensor:
        return toy(torch.tensor(window))

    def last(written: list[int]) -> list[int]:
        return written[-n_ctx:]

    right = _written(ids, n, lambda written: int(after(last(written))[-1].argmax()))
    if found == right:
        return
    if found == ids:
        raise Wrong("You return the ids as they came; nothing is written.")
    if len(right) > n and found == right[-n:]:
        raise Wrong("Those are the new ids alone. Return what was read with them.")
    if found == right[-n_ctx:]:
        raise Wrong("The beginning is lost: cut what is read, and keep what is written.")
    if len(found) != len(right):
        raise Wrong(f"{len(ids)} ids and {n} more are {len(right)}; you return {len(found)}.")
    if found[: len(ids)] != ids:
        raise Wrong("The ids it began with should stand at the front, unchanged.")
    once = int(after(last(ids))[-1].argmax())
    mistakes: list[tuple[Callable[[list[int]], int], str]] = [
        (
            lambda written: int(after(last(written))[0].argmax()),
            "You look at the first row of the logits. Which row has read the whole window?",
        ),
        (
            lambda written: int(after(last(written)).argmax()),
            "argmax over all rows at once gives a place in a table. Take one row first.",
        ),
        (
            lambda written: int(after(last(written))[-1].argmin()),
            "Those are the least likely tokens.",
        ),
        (
            lambda written: int(after(written[-1:])[-1].argmax()),
            "The model reads the newest token alone; it has no memory of the others.",
        ),
        (
            lambda written: int(after(written[:n_ctx])[-1].argmax()),
            "The window stays at the beginning. It should end at the newest token.",
        ),
        (
            lambda written: int(after(written[-n_ctx + 1 :])[-1].argmax()),
            "The window is one token shorter than it may be.",
        ),
        (
            lambda written: once,
            "The same token each time: the model has to read again after each new one.",
        ),
    ]
    name_mistake(
        found, ((_written(ids, n, choose), hint) for choose, hint in mistakes), operator.eq
    )
    raise Wrong(
        f"From {ids}, n = {n} and n_ctx = {n_ctx} you write {found[len(ids) :]}. Go through it one "
        f"token at a time: what is read, which row, which id?"
    )


@exercise("Fill in contributions(writes, gain, row) so that it returns a tensor (n,).")
def contributions(answer: Any) -> str:
    """Check a function writes (n, C), gain (C,), row (C,) → what each adds to a logit (n,)."""
    generator = torch.Generator().manual_seed(3)
    for n, C in ((4, 6), (7, 5)):
        spread = torch.arange(1.0, n + 1)[:, None]
        writes = torch.randn(n, C, generator=generator) * spread + 0.5  # (n, C)
        gain = 1 + torch.rand(C, generator=generator)
        row = torch.randn(C, generator=generator)
        result = call(answer, writes, gain, row)
        if isinstance(result, Tensor) and result.numel() == 1:
            raise Wrong("One number: that is the sum. Each of the n parts has a share of its own.")
        if isinstance(result, Tensor) and result.shape == (n, C):
            raise Wrong(f"That has {C} numbers a part. The dot product with row makes one of them.")
        _judge_contributions(tensor(result, (n,)), writes, gain, row)
    return "They sum to the logit, up to the norm's shift, which nobody wrote."


def _judge_contributions(found: Tensor, writes: Tensor, gain: Tensor, row: Tensor) -> None:
    stream = writes.sum(0)  # (C,)
    scale = (stream.var(correction=0) + 1e-5).sqrt()
    centred = writes - writes.mean(-1, keepdim=True)  # (n, C)
    right = centred / scale * gain @ row  # (n,)
    if same(found, right):
        return
    of_each = (writes.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()  # (n, 1)
    mistakes = [
        (
            centred / of_each * gain @ row,
            "Each part is divided by its own spread. The norm sees their sum, so there is one s.",
        ),
        (writes / scale * gain @ row, "The mean is still in: each part's own has to be taken off."),
        (centred / scale @ row, "The gain is not used."),
        (centred * gain @ row, "Nothing is divided by s yet."),
        (writes @ row, "The norm is missing: mean, s and gain."),
        (
            centred / stream.std() * gain @ row,
            "Close: that variance divides by C − 1. A LayerNorm's divides by C.",
        ),
        (
            (writes - stream.mean()) / scale * gain @ row,
            "From each part the mean of the sum is taken off, n times too often. Each has its own.",
        ),
        (
            (writes - writes.mean(0)) / scale * gain @ row,
            "The mean runs over the parts. It should run over the C numbers of each part.",
        ),
        (
            centred / (stream.var(correction=0) + 1e-5) * gain @ row,
            "Divided by the variance; s is its root.",
        ),
        (
            right / right.sum(),
            "Those are shares of 1. What each adds should sum to the logit itself.",
        ),
        (right.softmax(0), "No softmax here: what is added may be below 0."),
    ]
    name_mistake(found, mistakes, same)
    raise Wrong(
        f"For {len(writes)} parts you return numbers that sum to {found.sum().item():.3f}. Take "
        f"one part at a time: off its mean, over s, times gain and row, summed."
    )
