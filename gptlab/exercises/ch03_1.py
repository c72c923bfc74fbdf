"""The checks of chapter 3.1: counting pairs, the causal mask, attention, splitting into heads.

Those of its larger exercises stand in two modules beside this one, and can be had from here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gptlab.attention import attend
from gptlab.attention import causal_mask as reference_mask
from gptlab.exercises.ch03_1_model import induction_score, norm_and_mlp
from gptlab.exercises.ch03_1_training import train_step
from gptlab.exercises.checks import Wrong, call, exercise, name_mistake, number, same, tensor

__all__ = [
    "attention",
    "causal_mask",
    "induction_score",
    "norm_and_mlp",
    "pairs",
    "split_heads",
    "train_step",
]

_PAIRS_T = 10


@exercise("Count the pairs and hand the number to pairs(…).")
def pairs(answer: Any) -> str:
    """Check how many (query, key) pairs may look among 10 tokens under the causal mask."""
    value, n = number(answer), _PAIRS_T
    if value == n * n:
        raise Wrong(
            f"{n * n} is every pair of {n} tokens. With the causal mask no token looks ahead."
        )
    if value == n * (n - 1) / 2:
        raise Wrong("Nearly: that leaves out a kind of pair. May a token look at itself?")
    if value == n * n / 2:
        raise Wrong(
            "Half of all pairs is close, but the diagonal does not split in half: on which side "
            "of the mask does it lie?"
        )
    if value == n:
        raise Wrong("That is one pair a token. Later tokens may look at more than one.")
    if value != int(reference_mask(n).sum()):
        raise Wrong(
            "Count the light cells of the mask row by row: how many in the first row, the second, "
            "the last?"
        )
    return "The rows have 1, 2, … 10 light cells, and T · (T + 1) / 2 adds them up."


@exercise("Fill in causal_mask(T) so that it returns a tensor of True and False.")
def causal_mask(answer: Any) -> str:
    """Check a function T → boolean (T, T), True where query i (row) may look at key j (column)."""
    for n in (4, 1, 7):
        mask = tensor(call(answer, n), (n, n), f"causal_mask({n})")
        if mask.dtype != torch.bool:
            raise Wrong(
                f"The mask has dtype {mask.dtype}; it should hold True and False (torch.bool)."
            )
        _judge_mask(mask, n)
    return "Row i is True up to column i: a query sees itself and what came before."


def _judge_mask(mask: Tensor, n: int) -> None:
    right = reference_mask(n)
    if torch.equal(mask, right):
        return
    if mask.all():
        raise Wrong("Every pair may look, the future included: nothing is masked yet.")
    if not mask.any():
        raise Wrong("Nobody may look at anything: a softmax over such a row has no answer.")
    if torch.equal(mask, ~right):
        raise Wrong(
            "True and False are swapped: here True means “may look”, and each query looks only at "
            "its future."
        )
    if torch.equal(mask, right.T):
        raise Wrong(
            "Rows and columns are swapped: the first query sees everything and the last one only "
            "itself."
        )
    if torch.equal(mask, right & ~torch.eye(n, dtype=torch.bool)):
        raise Wrong("A token may also look at itself: the diagonal is False in your mask.")
    i, j = (mask != right).nonzero()[0].tolist()
    word = "may" if mask[i, j] else "may not"
    raise Wrong(f"For T = {n}, your mask says that query {i} {word} look at key {j}. Is that so?")


@exercise("Fill in attention(q, k, v, mask) so that it returns the output (…, T, D).")
def attention(answer: Any) -> str:
    """Check scaled dot-product attention (…, T, D) → (…, T, D) under a boolean mask (T, T)."""
    generator = torch.Generator().manual_seed(31)
    # T and D differ, so that a forgotten transpose cannot pass by accident. The queries are long
    # enough for a wrong scale to show.
    q, k, v = (2 * torch.randn(5, 3, generator=generator) for _ in range(3))
    mask = reference_mask(5)
    out = _attention_of(answer, q, k, v, mask)
    _judge_attention(out, q, k, v, mask)

    q, k, v = (torch.randn(2, 4, 6, 3, generator=generator) for _ in range(3))
    mask = reference_mask(6)
    try:
        out = _attention_of(answer, q, k, v, mask)
    except Wrong as wrong:
        raise Wrong(
            "It is right for one head (T, D), but not with batch and heads in front "
            f"(B, H, T, D): only the last two axes may change places. {wrong}"
        ) from None
    if not same(out, attend(q, k, v, mask)[0]):
        raise Wrong(
            "It is right for one head (T, D), but not with batch and heads in front "
            "(B, H, T, D). Count axes from the end: -1, -2."
        )

    # Another mask than the causal one, with a future in it: a mask of the answer's own shows.
    mask = torch.rand(6, 6, generator=generator) < 0.5
    mask |= torch.eye(6, dtype=torch.bool)
    if not same(_attention_of(answer, q, k, v, mask), attend(q, k, v, mask)[0]):
        raise Wrong(
            "It is right under the causal mask and under no other: use the mask that is handed "
            "over, True where a query may look, instead of one of your own."
        )
    return "Scores, scale, mask, softmax, weighted mean: equal to gptlab's attention."


def _attention_of(answer: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    try:
        result = call(answer, q, k, v, mask)
    except RuntimeError as error:
        text = str(error)
        if "mat1 and mat2" in text or "size" in text or "shape" in text:
            raise Wrong(
                f"The shapes do not fit: {text.splitlines()[0]}. Each score is a query times a "
                f"key, and both lie in rows; which of them has to lie in columns?"
            ) from None
        raise
    if isinstance(result, tuple):
        raise Wrong("Return the output alone, not several things.")
    if isinstance(result, Tensor) and result.shape == (*q.shape[:-1], k.size(-2)):
        raise Wrong(
            f"The result has shape {tuple(result.shape)}, one number a pair of tokens. Those are "
            f"weights; the values are still waiting to be mixed with them."
        )
    return tensor(result, tuple(q.shape))


def _judge_attention(out: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> None:
    """Compare with what the common mistakes would give."""
    if same(out, attend(q, k, v, mask)[0]):
        return
    d = q.size(-1)
    scores = q @ k.transpose(-2, -1)
    scaled = scores / d**0.5
    hidden = scaled.masked_fill(~mask, float("-inf"))
    if not out.isfinite().all():
        raise Wrong(
            "The result holds nan or inf. A row whose scores are all -inf has no softmax: check "
            "which places you hide."
        )
    mistakes = {
        "The scale is missing: the scores go into the softmax too large.": (
            attend(q, k, v, mask, scale=1.0)[0]
        ),
        "The scores are divided by too much: footnote 4 speaks of the variance, and the scale "
        "belongs to the standard deviation.": attend(q, k, v, mask, scale=1 / d)[0],
        "The scale goes the wrong way: the scores grow where they should shrink.": (
            attend(q, k, v, mask, scale=d**0.5)[0]
        ),
        "The scale counts tokens (T); it should go by the width of a query (D).": (
            attend(q, k, v, mask, scale=q.size(-2) ** -0.5)[0]
        ),
        "The mask is not used: queries look at their future.": attend(q, k, v)[0],
        "The mask is upside down: it hides what a query may see.": (
            attend(q, k, v, ~mask)[0].nan_to_num()
        ),
        "The mask comes after the softmax, so the rows of weights no longer sum to 1.": (
            (scaled.softmax(-1) * mask) @ v
        ),
        "A hidden score of 0 is no hidden score: e⁰ = 1 still gets weight. What must a score be "
        "so that e to its power is 0?": scaled.masked_fill(~mask, 0.0).softmax(-1) @ v,
        "True and False are added as 1 and 0, which hides nothing. What must a hidden score be so "
        "that e to its power is 0?": (scaled + mask).softmax(-1) @ v,
        "The softmax runs over the wrong axis: the columns of weights sum to 1, and it should be "
        "the rows, one for each query.": hidden.softmax(-2) @ v,
        "There is no softmax: the scores themselves are used as weights.": (
            scaled.masked_fill(~mask, 0.0) @ v
        ),
        "Queries and keys have changed roles: row i should belong to query i.": (
            attend(k, q, v, mask)[0]
        ),
        "The weights mix the keys; it should be the values.": attend(q, k, k, mask)[0],
    }
    name_mistake(out, ((wrong, message) for message, wrong in mistakes.items()), same)
    if not same(out[0], v[0]):
        raise Wrong(
            "The first token sees only itself, so its output should be its own value, and it is "
            "not. Work through the five steps for that one row."
        )
    raise Wrong(
        f"The shape {tuple(out.shape)} is right, the numbers are not. Print your weights: are "
        f"they 0 above the diagonal, and does each row sum to 1?"
    )


@exercise("Fill in split_heads(x, n_head) so that it returns a tensor (B, H, T, D).")
def split_heads(answer: Any) -> str:
    """Check a function (B, T, C), H → (B, H, T, D): head h gets columns h·D to (h+1)·D."""
    for b, t, h, d in ((2, 5, 3, 4), (1, 4, 2, 2), (3, 1, 1, 6)):
        x = torch.arange(b * t * h * d, dtype=torch.float32).reshape(b, t, h * d)
        result = call(answer, x, h)
        right = torch.stack(x.split(d, dim=-1), dim=1)  # (B, H, T, D)
        if isinstance(result, Tensor) and result.shape != right.shape:
            _judge_shape(tuple(result.shape), b, t, h, d)
        _judge_split(tensor(result, (b, h, t, d)), x, right)
    return "Each head reads its own D columns of every token."


def _judge_shape(shape: tuple[int, ...], b: int, t: int, h: int, d: int) -> None:
    if shape == (b, t, h, d):
        raise Wrong(
            f"The shape is (B, T, H, D) = {shape}: the columns are split, but heads and tokens "
            f"still have to change places."
        )
    if shape == (h, b, t, d):
        raise Wrong(f"The heads stand in front of the batch, {shape}; the batch comes first.")
    if shape == (b, h, d, t):
        raise Wrong(f"The last two axes are swapped, {shape}: each token should be a row.")
    if shape == (b, t, d, h):
        raise Wrong(
            f"The shape is (B, T, D, H) = {shape}: each head's columns lie side by side, so which "
            f"of H and D has to come first when the width is split?"
        )


def _judge_split(result: Tensor, x: Tensor, right: Tensor) -> None:
    if same(result, right):
        return
    b, h, t, d = right.shape
    if same(result, x.reshape(b, h, t, d)):
        raise Wrong(
            "The shape is right, but the numbers are dealt out in reading order: head 0 got whole "
            "tokens instead of its columns of every token. Split only the last axis, then reorder."
        )
    if same(result, x.reshape(b, t, d, h).permute(0, 3, 1, 2)):
        raise Wrong(
            f"Head 0 got every {h}-th column. It should get the first {d} columns, which lie side "
            f"by side."
        )
    raise Wrong(
        f"The shape is right, the places are not: head 0 of token 0 should be the first {d} "
        f"numbers of token 0."
    )
