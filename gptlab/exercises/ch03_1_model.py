"""More checks of chapter 3.1: a block's other half, and what one kind of head does."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number, same, tensor

#: What each mistake changes in `_half`, and what is said of it.
_HALF_MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"norm": "none"}, "The LayerNorm is missing: the MLP reads x as it is."),
    (
        {"axis": 0},
        "The mean and the variance are taken over the tokens. Each token is normalised on its own, "
        "over its C numbers.",
    ),
    (
        {"axis": (0, 1)},
        "One mean and one variance for all tokens together. Each token, a row of x, has its own.",
    ),
    (
        {"unbiased": True},
        "The variance is divided by C - 1, as x.var and x.std do unless told otherwise. In a "
        "LayerNorm it is the plain mean of the squares, divided by C.",
    ),
    ({"centre": False}, "The mean is not taken away before the division."),
    ({"root": False}, "You divide by the variance itself. Which power of it is a spread?"),
    ({"gain": False, "shift": False}, "Neither gain nor shift is used: they follow the division."),
    ({"gain": False}, "The gain is not used: it multiplies what has been normalised."),
    ({"shift": False}, "The shift is not used: it is added to what has been normalised."),
    ({"swapped": True}, "Gain and shift have changed roles: one multiplies, the other is added."),
    ({"b_in": False}, "b_in is not used: it is added before the GELU."),
    ({"b_out": False}, "b_out is not used: it is added after W_out."),
    ({"gelu": "none"}, "Nothing stands between W_in and W_out: there the GELU is missing."),
    ({"gelu": "relu"}, "Between W_in and W_out stands a ReLU; a GPT has a GELU."),
    (
        {"gelu": "erf"},
        "Nearly: that is the exact GELU, with the error function. The papers' code uses the tanh "
        "form. The two differ by less than 0.0005, and it shows.",
    ),
    (
        {"gelu": "sigmoid"},
        "Nearly: that is the sigmoid form of the GELU; here it is the tanh form.",
    ),
    (
        {"carry": "nothing"},
        "The residual is missing: what the MLP gives is added to the stream, not put in its place.",
    ),
    (
        {"carry": "normed"},
        "The MLP's output is added to the normalised copy. What is carried on is x itself.",
    ),
    (
        {"norm": "after"},
        "The LayerNorm comes after the addition, as in GPT-1; here it comes first.",
    ),
)


@exercise(
    "Fill in norm_and_mlp(x, gain, shift, W_in, b_in, W_out, b_out) so that it returns a "
    "tensor (T, C)."
)
def norm_and_mlp(answer: Any) -> str:
    """Check LayerNorm, W_in (C, 4C), GELU, W_out (4C, C) and the residual: (T, C) → (T, C)."""
    generator = torch.Generator().manual_seed(35)
    width = 8
    shapes = ((width,), (width,), (width, 4 * width), (4 * width,), (4 * width, width), (width,))
    weights = [torch.randn(shape, generator=generator) for shape in shapes]
    weights = [w / len(w) ** 0.5 if w.dim() > 1 else w for w in weights]
    # So far from 0 that eps, which is looked at by itself below, changes nothing here.
    x = 4 * torch.randn(5, width, generator=generator) + 1
    result = _half_of(answer, x, weights)
    if not same(result, _half(x, weights)):
        name_mistake(
            result,
            ((_half(x, weights, **changed), message) for changed, message in _HALF_MISTAKES),
            same,
        )
        raise Wrong(
            "The shape is right, the numbers are not. Print what you have after the LayerNorm with "
            "a gain of 1 and a shift of 0: does each row have mean 0 and variance 1?"
        )
    # One row without any variance, and one whose variance is of the size of eps.
    x[1], x[3] = 2.0, 0.002 * torch.randn(width, generator=generator)
    result = _half_of(answer, x, weights)
    if not result[1].isfinite().all():
        raise Wrong(
            "Right, until a row holds eight equal numbers: its variance is 0, and 0 / 0 is no "
            "number. What does the formula add to the variance?"
        )
    if same(result, _half(x, weights, eps_inside=False)):
        raise Wrong("eps is added to the variance, under the root; yours is added to the root.")
    if not same(result, _half(x, weights)):
        raise Wrong(
            "Right for rows that vary much, wrong for one that hardly does: eps is 1e-5 there, "
            "added to the variance."
        )
    return "With attention before it, that is a whole block. Each token has been worked on alone."


def _half_of(answer: Any, x: Tensor, weights: list[Tensor]) -> Tensor:
    try:
        result = call(answer, x, *weights)
    except RuntimeError as error:
        text = str(error)
        if "mat1 and mat2" in text or "size" in text:
            raise Wrong(
                f"The shapes do not fit: {text.splitlines()[0]}. Tokens are rows, (T, C), and W_in "
                f"is (C, 4C): which of the two stands on the left?"
            ) from None
        raise
    if isinstance(result, Tensor) and result.shape == (len(x), 4 * x.size(1)):
        raise Wrong(
            f"The result has shape {tuple(result.shape)}, four times too wide: W_out is missing."
        )
    return tensor(result, tuple(x.shape))


def _half(x: Tensor, weights: list[Tensor], **changed: Any) -> Tensor:
    """Do what a block's other half does, or one of the mistakes instead."""
    gain, shift, w_in, b_in, w_out, b_out = weights
    used = {name: changed.get(name, True) for name in ("gain", "shift", "b_in", "b_out")}
    gain, shift = (shift, gain) if changed.get("swapped") else (gain, shift)

    def norm(z: Tensor) -> Tensor:
        axis = changed.get("axis", -1)
        deviations = z - z.mean(axis, keepdim=True)
        variance = deviations.square().mean(axis, keepdim=True)
        if changed.get("unbiased"):
            variance = variance * z.size(-1) / (z.size(-1) - 1)
        spread = (variance + 1e-5).sqrt()
        if not changed.get("root", True):
            spread = variance + 1e-5
        if not changed.get("eps_inside", True):
            spread = variance.sqrt() + 1e-5
        z = (deviations if changed.get("centre", True) else z) / spread
        z = z * gain if used["gain"] else z
        return z + shift if used["shift"] else z

    place = changed.get("norm", "before")
    normed = norm(x) if place == "before" else x
    inner = normed @ w_in + b_in if used["b_in"] else normed @ w_in  # (T, 4C)
    bent = {
        "tanh": lambda: F.gelu(inner, approximate="tanh"),
        "erf": lambda: F.gelu(inner),
        "sigmoid": lambda: inner * torch.sigmoid(1.702 * inner),
        "relu": lambda: F.relu(inner),
        "none": lambda: inner,
    }[changed.get("gelu", "tanh")]()
    out = bent @ w_out + b_out if used["b_out"] else bent @ w_out
    carried = {"x": x, "normed": normed, "nothing": torch.zeros_like(x)}
    out = out + carried[changed.get("carry", "x")]
    return norm(out) if place == "after" else out


@exercise("Fill in induction_score(attention, n) so that it returns a number.")
def induction_score(answer: Any) -> str:
    """Check a function attention (2n, 2n), n → mean weight on the token after the earlier one."""
    generator = torch.Generator().manual_seed(37)
    for n in (5, 3):
        # With no mask: above the diagonal stands something, so that rows and columns differ.
        attention = torch.randn(2 * n, 2 * n, generator=generator).softmax(-1)
        result = call(answer, attention, n)
        if isinstance(result, Tensor) and result.numel() > 1:
            raise Wrong(
                f"The result has shape {tuple(result.shape)}; the score is one number, the mean of "
                f"the weights that count."
            )
        value = number(result)
        if not close(value, _on_stripe(attention, n).mean().item()):
            raise Wrong(_wrong_score(value, attention, n))
    return (
        "A head with a score near 1 continues whatever repeats itself: it finds what came next the "
        "last time. gptlab.heads.head_scores measures the same."
    )


def _on_stripe(attention: Tensor, n: int, ahead: int = 1, first: int | None = None) -> Tensor:
    """Return the weights that queries give to the key ``ahead`` of their token's earlier place.

    Args:
        attention: (2n, 2n), a query a row.
        n: tokens before they are said again.
        ahead: 1 for the key just after, 0 for the same token.
        first: the first query that counts, by default n.
    """
    queries = torch.arange(n if first is None else first, 2 * n)
    return attention[queries, queries - n + ahead]


def _wrong_score(value: float, attention: Tensor, n: int) -> str:
    weights, whole = _on_stripe(attention, n), attention.diagonal(1 - n)
    second = torch.arange(n, 2 * n)
    mistakes = [
        (
            _on_stripe(attention, n, ahead=0).mean(),
            "That is the weight on the same token's earlier place. An induction head looks at what "
            "came after it.",
        ),
        (
            _on_stripe(attention, n, ahead=-1).mean(),
            "That is one key before the token's earlier place; it should be one after.",
        ),
        (
            attention[second, second - 1].mean(),
            "That is the token just before the query: the score of a previous-token head.",
        ),
        (attention.diagonal(-1).mean(), "That is the score of a previous-token head."),
        (attention[second, second].mean(), "That is the weight each query gives to itself."),
        (
            weights.sum() / (2 * n),
            "The sum is right, but it is divided by all 2n queries. Only those of the second time "
            "count.",
        ),
        (
            whole.mean(),
            f"That takes in query {n - 1}, which still belongs to the first time: nothing has been "
            f"repeated there.",
        ),
        (weights.sum(), "That is the sum over the queries; the score is their mean."),
        (weights.max(), "That is the largest of the weights; the score is their mean."),
        (
            _on_stripe(attention.T, n).mean(),
            "Rows and columns are swapped: attention[query, key], a row for each query.",
        ),
        (
            _on_stripe(attention, n, first=n + 1).mean(),
            f"Query {n} is left out: there the second time begins.",
        ),
        (weights[:-1].mean(), f"Query {2 * n - 1} is left out, the last one."),
        (
            attention[n:, :n].mean(),
            "That is the mean of the whole lower left quarter. Each query has one key that counts.",
        ),
    ]
    for wrong, message in mistakes:
        if close(value, wrong.item()):
            return message
    return (
        f"For n = {n} you return {value:.4f}. Query {n} is the first to count: which key does it "
        f"belong with, and is it attention[query, key] that you read?"
    )
