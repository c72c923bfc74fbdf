"""The checks of chapter 3.4: the banded mask, what it saves, the exponent of a power law."""

from __future__ import annotations

import math
from typing import Any

import torch

from gptlab.attention import causal_mask
from gptlab.exercises.checks import Wrong, call, exercise, number, tensor


@exercise("Fill in banded_mask(T, band) so that it returns a tensor of True and False.")
def banded_mask(answer: Any) -> str:
    """Check a function (T, band) → boolean (T, T): a token sees itself and band - 1 before it."""
    for n, band in ((6, 2), (5, 1), (4, 9)):
        mask = tensor(call(answer, n, band), (n, n), "the mask").bool()
        right = causal_mask(n, band=band)
        if torch.equal(mask, right):
            continue
        where = f"(T = {n}, band = {band})"
        if (mask & ~causal_mask(n)).any():
            raise Wrong(f"Some token sees a later one {where}: the band is causal too.")
        if torch.equal(mask, causal_mask(n)):
            raise Wrong(f"That is the whole causal mask; the band hides nothing in it {where}.")
        if torch.equal(mask, causal_mask(n, band=band + 1)):
            raise Wrong(f"One token too many {where}: the token itself counts as one of the band.")
        if not mask.diagonal().all():
            raise Wrong(f"A token does not see itself {where}.")
        raise Wrong(f"The band has the wrong width {where}. How far back may i - j go?")
    return "The oldest token seen lies band - 1 back."


@exercise("Hand the number of pairs to pairs(…).")
def pairs(answer: Any) -> str:
    """Check how many (query, key) pairs remain of T = 1,000 tokens under a band of 100."""
    value, n, band = number(answer), 1000, 100
    if value == n * band:
        raise Wrong("Close: the first tokens have fewer than a whole band before them.")
    if value == n * (n + 1) / 2:
        raise Wrong("That is the dense causal mask. The band leaves far fewer.")
    if value != int(causal_mask(n, band=band).sum()):
        raise Wrong("Rows 1, 2, … 100 grow by one; what does each of the other 900 rows hold?")
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
