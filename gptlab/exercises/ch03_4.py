"""The checks of chapter 3.4: the band, the exponent of a power law, learning in the context."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gptlab.attention import attend, causal_mask
from gptlab.exercises.checks import Wrong, call, exercise, number, same, tensor
from gptlab.runtime.fast_attention import fast_attend


@exercise("Fill in banded_mask(T, band) so that it returns a tensor of True and False.")
def banded_mask(answer: Any) -> str:
    """Check a function (T, band) → boolean (T, T): a token sees itself and band - 1 before it."""
    for n, band in ((6, 2), (5, 1), (4, 9)):
        mask = tensor(call(answer, n, band), (n, n), "the mask")
        if mask.dtype != torch.bool:
            raise Wrong(_not_boolean(mask))
        _judge_mask(mask, n, band)
    return "The oldest token seen lies band - 1 back."


def _not_boolean(mask: Tensor) -> str:
    said = f"The mask has dtype {mask.dtype}; it should hold True and False (torch.bool)."
    if mask.is_floating_point() and mask.isneginf().any():
        said += " Yours is a mask to add to scores: −∞ hides a key. Here False does."
    return said


def _judge_mask(mask: Tensor, n: int, band: int) -> None:
    right = causal_mask(n, band=band)
    if torch.equal(mask, right):
        return
    where = f"(T = {n}, band = {band})"
    if torch.equal(mask, ~right):
        raise Wrong(f"True and False are swapped {where}: True means that the query may look.")
    if torch.equal(mask, right.T):
        raise Wrong(f"Rows and columns are swapped {where}: a row is a query, a column a key.")
    if (mask & ~causal_mask(n)).any():
        raise Wrong(f"Some token sees a later one {where}: the band is causal too.")
    if torch.equal(mask, causal_mask(n)):
        raise Wrong(f"That is the whole causal mask; the band hides nothing in it {where}.")
    if torch.equal(mask, causal_mask(n, band=band + 1)):
        raise Wrong(f"One token too many {where}: the token itself counts as one of the band.")
    if not mask.diagonal().all():
        raise Wrong(f"A token does not see itself {where}.")
    raise Wrong(f"The band has the wrong width {where}. How far back may i - j go?")


@exercise("Hand the number of pairs to pairs(…).")
def pairs(answer: Any) -> str:
    """Check how many (query, key) pairs remain of T = 1,000 tokens under a band of 100."""
    value, n, band = number(answer), 1000, 100
    right = int(causal_mask(n, band=band).sum())
    if value == n * band:
        raise Wrong("Close: the first tokens have fewer than a whole band before them.")
    if value == n * (n + 1) / 2:
        raise Wrong("That is the dense causal mask. The band leaves far fewer.")
    if value in (n * n, n * n / 2):
        raise Wrong("That is most of the square. How many keys does the last query see?")
    if value == band * (band + 1) / 2:
        raise Wrong("Those are the pairs of the first rows, while they still grow. And the others?")
    if value == (n - band) * band:
        raise Wrong("Those are the rows that hold a whole band. And the first ones?")
    if value in (right + band, right - band, right + band / 2, right - band / 2):
        raise Wrong("Very close. Try a band of 3 on 6 tokens, where you can count every pair.")
    if value != right:
        raise Wrong(
            "No. Draw the mask of 6 tokens with a band of 3, count its rows, and look for the rule."
        )
    return "95,050 of 500,500: growing with T · band instead of T²."


@exercise("Fill in exponent(x1, loss1, x2, loss2) so that it returns a number.")
def exponent(answer: Any) -> str:
    """Check a function of two points of L = (scale / x)^a → a."""
    for a, scale in ((0.076, 8.8e13), (0.5, 10.0)):
        x1, x2 = 1e6, 1e8
        loss1, loss2 = (scale / x1) ** a, (scale / x2) ** a
        value = number(call(answer, x1, loss1, x2, loss2))
        if math.isclose(value, -a, rel_tol=1e-6):
            raise Wrong("The sign: the law is written so that a is positive when the loss falls.")
        if math.isclose(value, 1 / a, rel_tol=1e-6):
            raise Wrong("Upside down: a is the change of log loss for one unit of log x.")
        if math.isclose(abs(value), abs(loss2 - loss1) / (x2 - x1), rel_tol=1e-6):
            raise Wrong("That is the slope of a straight line. Take logarithms of both first.")
        if not math.isclose(value, a, rel_tol=1e-6):
            raise Wrong(f"For a law with exponent {a} you return {value:.4g}.")
    return "A power law is a straight line in logarithms, and a is its slope, turned positive."


@exercise("Fill in banded_attention(q, k, v, band) so that it returns a tensor (B, H, T, D).")
def banded_attention(answer: Any) -> str:
    """Check a function of q, k, v (B, H, T, D) and a band → output (B, H, T, D)."""
    generator = torch.Generator().manual_seed(34)
    for n, band in ((7, 3), (9, 1), (5, 5), (6, 40), (70, 16)):
        # Long queries, so that a wrong scale shows.
        q, k, v = (2 * torch.randn(2, 3, n, 4, generator=generator) for _ in range(3))
        out = tensor(call(answer, q, k, v, band), (2, 3, n, 4))
        if not same(out, fast_attend(q, k, v, band)):
            raise Wrong(f"{_attention_mistake(out, q, k, v, band)} (T = {n}, band = {band})")
    return "Equal to gptlab's fast attention under five bands, one of them wider than the text."


def _attention_mistake(out: Tensor, q: Tensor, k: Tensor, v: Tensor, band: int) -> str:
    """Say what is wrong by what the common mistakes would give."""
    n = q.size(-2)
    mask = causal_mask(n, band=band)
    scores = q @ k.transpose(-2, -1)  # (B, H, T, T)
    scaled = scores / q.size(-1) ** 0.5
    hidden = scaled.masked_fill(~mask, float("-inf"))
    later = causal_mask(n, band=band).T | mask
    if not out.isfinite().all():
        return "The result holds nan or inf: some row of your mask hides every key."
    mistakes = {
        "The band is not used: every earlier token is seen.": attend(q, k, v, causal_mask(n))[0],
        "Nothing is masked at all.": attend(q, k, v)[0],
        "The band lies on both sides: tokens see later ones.": attend(q, k, v, later)[0],
        "The band is one token too wide.": attend(q, k, v, causal_mask(n, band=band + 1))[0],
        "The scale is missing: scores are divided by the root of the width of a query.": (
            attend(q, k, v, mask, scale=1.0)[0]
        ),
        "The scale goes by the number of tokens; it should go by the width of a query.": (
            attend(q, k, v, mask, scale=n**-0.5)[0]
        ),
        "The mask comes after the softmax, so the rows of weights no longer sum to 1.": (
            (scaled.softmax(-1) * mask) @ v
        ),
        "A score of 0 hides nothing: e⁰ = 1 still gets weight.": (
            scaled.masked_fill(~mask, 0.0).softmax(-1) @ v
        ),
        "The softmax runs over queries; each query's weights over its keys should sum to 1.": (
            hidden.softmax(-2) @ v
        ),
        "There is no softmax: scores are used as weights.": scaled.masked_fill(~mask, 0.0) @ v,
    }
    if band > 1:
        narrow = attend(q, k, v, causal_mask(n, band=band - 1))[0]
        mistakes["The band is one token too narrow: the token itself counts as one."] = narrow
    for message, wrong in mistakes.items():
        if same(out, wrong):
            return message
    return "The shape is right, the numbers are not. Compare the weights of one row by hand."


@exercise("Fill in accuracy_by_examples(x, right) so that it returns a list of four numbers.")
def accuracy_by_examples(answer: Any) -> str:
    """Check a function of x (N, P) and right (N, P) → accuracy after 0, 1, 2 and 3 examples."""
    x = torch.tensor([[3, 5, 3, 3, 5, 3, 8], [5, 5, 5, 8, 5, 3, 3], [8, 3, 8, 8, 3, 3, 8]])
    right = torch.tensor(
        [[0, 1, 0, 1, 1, 0, 1], [0, 1, 1, 0, 1, 0, 0], [1, 0, 1, 0, 1, 1, 1]], dtype=torch.bool
    )
    got = call(answer, x, right)
    if isinstance(got, Tensor):
        got = list(got) if got.dim() else [got]
    if not isinstance(got, list | tuple) or len(got) != 4:
        raise Wrong("Return four numbers: the accuracy after 0, 1, 2 and 3 earlier examples.")
    values = [number(value) for value in got]
    _judge_accuracies(values, x, right)
    return "Counted within each sequence, before the question itself: so it is measured above too."


def _judge_accuracies(values: list[float], x: Tensor, right: Tensor) -> None:
    def shares(count: Tensor, of: Callable[[Tensor, int], Tensor] = torch.eq) -> list[float]:
        return [right[of(count, n)].float().mean().item() for n in range(4)]

    def are(other: list[float]) -> bool:
        # A mistake may leave a group empty, and then what stands there is anybody's choice.
        close = zip(values, other, strict=True)
        return all(math.isnan(b) or math.isclose(a, b, abs_tol=1e-4) for a, b in close)

    same_x = x[:, :, None] == x[:, None, :]  # (N, P, P)
    earlier = same_x.tril(-1).sum(2)  # (N, P)
    if are(shares(earlier)):
        return
    # In one long row the examples of other sequences count too.
    line = x.flatten()
    in_line = (line[:, None] == line[None, :]).tril(-1).sum(1).view_as(x)
    mistakes = {
        "The question itself is counted as an example: the first of its kind has none before it.": (
            shares(earlier + 1)
        ),
        "Later pairs are counted too; the model has only seen the earlier ones.": (
            shares(same_x.sum(2) - 1)
        ),
        "That is the accuracy by place in the sequence, whatever was asked before.": (
            shares(torch.arange(x.size(1)).expand_as(x))
        ),
        "Those are accuracies after n examples or more; each number belongs to exactly n.": (
            shares(earlier, torch.ge)
        ),
        "Examples of other sequences are counted as well: every row has a rule of its own.": (
            shares(in_line)
        ),
        "Only examples that were answered right are counted; a wrong answer's example stands in "
        "the context as well.": shares((same_x & right[:, None, :]).tril(-1).sum(2)),
        "Those are numbers of right answers; divide each by how many such questions there are.": (
            [float(right[earlier == n].sum()) for n in range(4)]
        ),
        "Divide by the number of questions with n examples, not by the number of all.": (
            [(right & (earlier == n)).float().mean().item() for n in range(4)]
        ),
    }
    for message, wrong in mistakes.items():
        if are(wrong):
            raise Wrong(message)
    if not all(0 <= value <= 1 for value in values):
        raise Wrong("An accuracy lies between 0 and 1.")
    raise Wrong(
        "Not these. Take one row by hand: which of its questions have no earlier example, which "
        "have one?"
    )
