"""The checks of chapter 8: parameters, the cache, rotary positions and RMSNorm by hand."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor

from gptlab.config import preset
from gptlab.costs import cache_bytes, parameters
from gptlab.exercises.checks import Wrong, call, exercise, name_mistake, number, same, tensor
from gptlab.experiments.successors import rotate as _right_rotate

#: V, n_ctx, L, C of models in GPT-2's form.
_SHAPES = ((50257, 1024, 12, 768), (1000, 64, 3, 48), (517, 33, 1, 20))


@exercise("Fill in count(V, n_ctx, L, C) so that it returns a number.")
def count(answer: Any) -> str:
    """Check a function V, n_ctx, L, C → parameters of a GPT-2."""
    for V, n_ctx, L, C in _SHAPES:
        value = number(call(answer, V, n_ctx, L, C))
        config = preset("gpt2", vocab_size=V, n_ctx=n_ctx, n_layer=L, n_embd=C, n_head=1)
        right = parameters(config)
        if value == right:
            continue
        body = L * (12 * C * C + 13 * C)
        mistakes = (
            (
                body + 2 * C,
                "The embeddings are missing: a row of C numbers for each token and place.",
            ),
            (right - n_ctx * C, "The table of positions is missing."),
            (right - V * C, "The table of tokens is missing."),
            (right + V * C, "The output layer is the token table once more; it counts once."),
            (right - 2 * C, "The last LayerNorm is missing: a gain and a bias of C numbers each."),
            (right - 13 * C * L, "Biases and LayerNorms are missing: 9C and 4C a layer."),
            (right - 9 * C * L, "The biases are missing: 3C, C, 4C and C a layer."),
            (right - 4 * C * L, "The two LayerNorms of each layer are missing."),
            (V * C + n_ctx * C + body // L + 2 * C, "That is one layer; there are L of them."),
        )
        name_mistake(value, mistakes, operator.eq)
        raise Wrong(
            f"For V = {V}, n_ctx = {n_ctx}, L = {L}, C = {C} you return {value:,.0f}. Go through "
            f"the parts: two tables, L layers, the last norm."
        )
    return "With this you know the size of any GPT-2 before it is built."


#: L, H, D, tokens, bytes a number.
_CACHES = ((12, 10, 64, 1024, 4), (3, 5, 8, 10, 4), (1, 2, 5, 7, 2))


@exercise("Fill in cache(L, H, D, T, width) so that it returns a number of bytes.")
def cache(answer: Any) -> str:
    """Check a function L, H, D, T, bytes a number → bytes of the keys and values kept."""
    for L, H, D, T, width in _CACHES:
        value = number(call(answer, L, H, D, T, width))
        config = preset("gpt2", n_layer=L, n_head=H, n_embd=H * D, n_ctx=T)
        right = cache_bytes(config, T, width)
        if value == right:
            continue
        mistakes = (
            (right / 2, "That is the keys alone; values are kept as well."),
            (right * 1.5, "Queries are not kept: only the newest token asks."),
            (right / width, "Those are the numbers; each has a width in bytes."),
            (right / L, "That is one layer; each of the L layers keeps its own."),
            (right / H, "That is one head; each of the H heads has keys and values of its own."),
            (right / T, "That is one token; T of them are kept."),
            (right * T, "T × T is the number of scores, and those are not kept."),
        )
        name_mistake(value, mistakes)
        raise Wrong(
            f"For L = {L}, H = {H}, D = {D}, T = {T} and {width} bytes you return {value:,.0f}. "
            f"What is kept of one token, in one head of one layer?"
        )
    return "It grows with every token written, and with every text that is written at once."


@exercise("Fill in rotate(x, base) so that it returns a tensor of the same shape.")
def rotate(answer: Any) -> str:
    """Check a function x (T, D), base → the rows turned by their position (T, D)."""
    generator = torch.Generator().manual_seed(4)
    for T, D, base in ((5, 8, 10_000.0), (9, 4, 100.0), (3, 2, 10.0)):
        x = torch.randn(T, D, generator=generator)
        right = _right_rotate(x, base=base)
        found = tensor(call(answer, x, base), (T, D))
        if same(found, right):
            continue
        _name_the_turn(x, base, found)
        raise Wrong(
            f"For x of shape {(T, D)} and base {base:g} the rows are not turned as they should be. "
            f"Pair i is x[:, i] with x[:, i + D/2], its angle in row t is t · base^(−2i/D)."
        )
    return "The product of two turned rows depends on how far apart they are, not on where."


def _name_the_turn(x: Tensor, base: float, found: Tensor) -> None:
    T, D = x.shape
    if same(found, x):
        raise Wrong("The rows come back as they were.")
    lengths = x.norm(dim=-1)
    if not same(found.norm(dim=-1), lengths):
        raise Wrong("The rows have changed their length; to turn is cos and sin, one minus sign.")
    if not same(found[0], x[0]):
        raise Wrong("The first row has been turned; its position is 0, and so is its angle.")
    wrong = {
        "The rows are turned the other way round: the minus stands before the second half's sine "
        "in the first half.": _turned(x, -_angles(T, D, base)),
        "All pairs turn at the speed of the first; the speed falls with i.": _turned(
            x, _angles(T, D, 1.0)
        ),
        "The exponent runs too slowly: −2i/D, i counted to D/2.": _turned(
            x, torch.arange(T)[:, None] * base ** (-torch.arange(D // 2) / D)
        ),
        "Neighbours are paired. That works as well, but here pair i is x[:, i] with "
        "x[:, i + D/2].": _neighbours(x, base),
    }
    name_mistake(found, ((value, message) for message, value in wrong.items()), same)


def _angles(T: int, D: int, base: float) -> Tensor:
    half = D // 2
    return torch.arange(T)[:, None] * base ** (-torch.arange(half) / half)  # (T, D / 2)


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)


def _neighbours(x: Tensor, base: float) -> Tensor:
    T, D = x.shape
    turned = _turned(torch.cat([x[:, ::2], x[:, 1::2]], -1), _angles(T, D, base))
    a, b = turned.chunk(2, dim=-1)
    return torch.stack([a, b], -1).flatten(-2)


@exercise("Fill in rms_norm(x, gain, eps) so that it returns a tensor of the same shape.")
def rms_norm(answer: Any) -> str:
    """Check a function x (B, T, C), gain (C,), eps → RMSNorm of x."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(2, 3, 6, generator=generator) * 4 + 1.5
    gain = torch.rand(6, generator=generator) + 0.5
    for scale, eps in ((1.0, 1e-6), (1e-3, 1e-3)):
        given = x * scale
        found = tensor(call(answer, given, gain, eps), (2, 3, 6))
        right = torch.nn.functional.rms_norm(given, (6,), gain, eps)
        if same(found, right):
            continue
        _name_the_norm(given, gain, eps, found)
        raise Wrong(
            "Take the root of the mean of the squares, over each token's C numbers; divide by "
            "it; times the gain."
        )
    zeros = tensor(call(answer, torch.zeros(1, 1, 6), gain, 1e-6), (1, 1, 6))
    if not same(zeros, torch.zeros(1, 1, 6)):
        raise Wrong("For a token of zeros something else than zeros comes back.")
    return "One statistic instead of two, and no bias: cheaper, and here as good."


def _name_the_norm(x: Tensor, gain: Tensor, eps: float, found: Tensor) -> None:
    square = x.square()
    mean = square.mean(-1, keepdim=True)
    wrong = {
        "The gain is missing.": x * (mean + eps).rsqrt(),
        "That is LayerNorm: it takes the mean off first. RMSNorm does not.": (
            torch.nn.functional.layer_norm(x, (6,), gain, None, eps)
        ),
        "That is the sum of the squares; take their mean.": (
            gain * x * (square.sum(-1, keepdim=True) + eps).rsqrt()
        ),
        "The mean goes over all numbers together; each token has its own.": (
            gain * x * (square.mean() + eps).rsqrt()
        ),
        "The mean goes over the tokens; it should go over the C numbers of each.": (
            gain * x * (square.mean(-2, keepdim=True) + eps).rsqrt()
        ),
        "The root is missing.": gain * x / (mean + eps),
        "eps is missing, or stands outside the root; it is added to the mean of the squares.": (
            gain * x * mean.rsqrt()
        ),
        "eps stands outside the root; it is added to the mean of the squares.": (
            gain * x / (mean.sqrt() + eps)
        ),
    }
    name_mistake(found, ((value, message) for message, value in wrong.items()), same)
