"""Chapter 3.1's larger exercises: a block's other half, and a head's induction score."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import gptlab
from gptlab.exercises import ch03_1 as check

# --- a block's other half


def normed(x: Tensor, gain: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * gain + shift


def tanh_gelu(x: Tensor) -> Tensor:
    return x / 2 * (1 + torch.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3)))


def half_right(
    x: Tensor,
    gain: Tensor,
    shift: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    b_out: Tensor,
    norm: Callable[..., Tensor] = normed,
    gelu: Callable[[Tensor], Tensor] = tanh_gelu,
) -> Tensor:
    return x + gelu(norm(x, gain, shift) @ w_in + b_in) @ w_out + b_out


def half_by_torch(
    x: Tensor,
    gain: Tensor,
    shift: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    b_out: Tensor,
) -> Tensor:
    read = F.layer_norm(x, gain.shape, gain, shift)
    return x + F.linear(F.gelu(F.linear(read, w_in.T, b_in), approximate="tanh"), w_out.T, b_out)


def half_in_place(x: Tensor, *weights: Tensor) -> Tensor:
    return x.add_(half_by_torch(x, *weights) - x)


@pytest.mark.parametrize("answer", [half_right, half_by_torch, half_in_place])
def test_half_right(answer: Callable[..., Any]) -> None:
    verdict = check.norm_and_mlp(answer)
    assert verdict.passed, verdict


def with_norm(norm: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *a: half_right(*a, norm=norm)


def with_gelu(gelu: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *a: half_right(*a, gelu=gelu)


def over(axis: int | tuple[int, int]) -> Callable[..., Tensor]:
    def norm(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        variance = x.var(axis, keepdim=True, unbiased=False)
        return (x - x.mean(axis, keepdim=True)) / (variance + 1e-5).sqrt() * gain + shift

    return norm


def divided(x: Tensor, by: Tensor) -> Tensor:
    return (x - x.mean(-1, keepdim=True)) / by


def variance_of(x: Tensor, **options: Any) -> Tensor:
    return x.var(-1, keepdim=True, **({"unbiased": False} | options))


HALF_MISTAKES: list[tuple[Callable[..., Any], str]] = [
    (with_norm(lambda x, g, b: x), "LayerNorm is missing"),
    (with_norm(over(0)), "over the tokens"),
    (with_norm(over((0, 1))), "all tokens together"),
    (
        with_norm(
            lambda x, g, b: divided(x, (variance_of(x, unbiased=True) + 1e-5).sqrt()) * g + b
        ),
        "C - 1",
    ),
    (
        with_norm(lambda x, g, b: divided(x, x.std(-1, keepdim=True)) * g + b),
        "C - 1",
    ),
    (
        with_norm(lambda x, g, b: x / (variance_of(x) + 1e-5).sqrt() * g + b),
        "not taken away",
    ),
    (with_norm(lambda x, g, b: divided(x, variance_of(x) + 1e-5) * g + b), "variance itself"),
    (with_norm(lambda x, g, b: F.layer_norm(x, g.shape)), "Neither gain nor shift"),
    (with_norm(lambda x, g, b: F.layer_norm(x, g.shape, None, b)), "gain is not used"),
    (with_norm(lambda x, g, b: F.layer_norm(x, g.shape, g)), "shift is not used"),
    (with_norm(lambda x, g, b: normed(x, b, g)), "changed roles"),
    (
        lambda x, g, b, w_in, b_in, w_out, b_out: (
            x + tanh_gelu(normed(x, g, b) @ w_in) @ w_out + b_out
        ),
        "b_in is not used",
    ),
    (
        lambda x, g, b, w_in, b_in, w_out, b_out: (
            x + tanh_gelu(normed(x, g, b) @ w_in + b_in) @ w_out
        ),
        "b_out is not used",
    ),
    (with_gelu(lambda x: x), "GELU is missing"),
    (with_gelu(F.relu), "ReLU"),
    (with_gelu(F.gelu), "error function"),
    (with_gelu(lambda x: x * torch.sigmoid(1.702 * x)), "sigmoid form"),
    (lambda x, *w: half_right(x, *w) - x, "residual is missing"),
    (lambda x, g, b, *w: half_right(x, g, b, *w) - x + normed(x, g, b), "normalised copy"),
    (lambda x, g, b, *w: normed(half_right(x, g, b, *w, norm=lambda x, *_: x), g, b), "after the"),
    (lambda *a: 2 * half_right(*a), "numbers are not"),
    (with_norm(lambda x, g, b: divided(x, variance_of(x).sqrt()) * g + b), "0 / 0"),
    (with_norm(lambda x, g, b: divided(x, variance_of(x).sqrt() + 1e-5) * g + b), "to the root"),
    (with_norm(lambda x, g, b: normed(x, g, b, eps=1e-6)), "1e-5 there"),
    (with_norm(lambda x, g, b: normed(x, g, b).nan_to_num() + (x == 2.0)), "hardly does"),
    (
        lambda x, g, b, w_in, b_in, w_out, b_out: tanh_gelu(normed(x, g, b) @ w_in + b_in),
        "four times too wide",
    ),
    (lambda x, g, b, w_in, *_: x + w_in @ normed(x, g, b), "shapes do not fit"),
    (lambda x, g, b, w_in, *_: x + normed(x, g, b) @ w_in, "shapes do not fit"),
    (lambda *a: half_right(*a)[0], "has shape (8,)"),
    (lambda *a: [half_right(*a)], "not list"),
]


@pytest.mark.parametrize(("answer", "says"), HALF_MISTAKES)
def test_half_wrong(answer: Callable[..., Any], says: str) -> None:
    verdict = check.norm_and_mlp(answer)
    assert verdict.state == "wrong" and says in verdict.message, verdict


def test_a_half_that_is_not_handed_back_is_told_so() -> None:
    def forgetful(*a: Tensor) -> None:
        half_right(*a)

    assert "return" in check.norm_and_mlp(forgetful).message


# --- the induction score


def score_right(attention: Tensor, n: int) -> Tensor:
    return attention.diagonal(1 - n)[1:].mean()


def score_by_loop(attention: Tensor, n: int) -> float:
    return sum(attention[i, i - n + 1].item() for i in range(n, 2 * n)) / n


def score_by_places(attention: Tensor, n: int) -> float:
    queries = torch.arange(n, 2 * n)
    return attention[queries, queries - n + 1].mean().item()


@pytest.mark.parametrize("answer", [score_right, score_by_loop, score_by_places])
def test_score_right(answer: Callable[..., Any]) -> None:
    verdict = check.induction_score(answer)
    assert verdict.passed, verdict


def at(ahead: int) -> Callable[..., Tensor]:
    def weights(attention: Tensor, n: int) -> Tensor:
        queries = torch.arange(n, 2 * n)
        return attention[queries, queries - n + ahead]

    return weights


def before(attention: Tensor, n: int) -> Tensor:
    queries = torch.arange(n, 2 * n)
    return attention[queries, queries - 1].mean()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda a, n: at(0)(a, n).mean(), "same token's earlier place"),
        (lambda a, n: a.diagonal(-n).mean(), "same token's earlier place"),
        (lambda a, n: at(-1)(a, n).mean(), "one key before"),
        (before, "just before the query"),
        (lambda a, n: a.diagonal(-1).mean(), "previous-token head"),
        (lambda a, n: a.diagonal()[n:].mean(), "itself"),
        (lambda a, n: at(1)(a, n).sum() / (2 * n), "all 2n queries"),
        (lambda a, n: a.diagonal(1 - n).mean(), "query 4"),
        (lambda a, n: at(1)(a, n).sum(), "sum"),
        (lambda a, n: at(1)(a, n).max(), "largest"),
        (lambda a, n: score_right(a.T, n), "Rows and columns"),
        (lambda a, n: at(1)(a, n)[1:].mean(), "Query 5 is left out"),
        (lambda a, n: at(1)(a, n)[:-1].mean(), "Query 9 is left out"),
        (lambda a, n: a[n:, :n].mean(), "quarter"),
        (at(1), "has shape (5,)"),
        (lambda a, n: score_right(a, 5), "For n = 3"),
        (lambda a, n: 0.5, "For n = 5 you return 0.5000"),
        (lambda a, n: "0.5", "not str"),
        (lambda a, n: a[0, 100], "raised IndexError"),
    ],
)
def test_score_wrong(answer: Callable[..., Any], says: str) -> None:
    verdict = check.induction_score(answer)
    assert verdict.state == "wrong" and says in verdict.message, verdict


def test_a_score_that_is_not_handed_back_is_told_so() -> None:
    def forgetful(attention: Tensor, n: int) -> None:
        score_right(attention, n)

    assert "return" in check.induction_score(forgetful).message


def test_the_score_is_what_the_package_measures() -> None:
    torch.manual_seed(3)
    model = gptlab.GPT(gptlab.preset("gpt2-tiny", n_layer=2, n_ctx=12, vocab_size=20)).eval()
    by_package = gptlab.heads.head_scores(model, rows=3)["induction"]  # (layer, head)
    said = gptlab.heads.repeated_tokens(20, 6, rows=3)
    maps = torch.stack([model.trace(tokens).attention for tokens in said])  # (row, layer, head, …)
    for layer in range(2):
        for head in range(4):
            mean = sum(score_by_loop(row[layer, head], 6) for row in maps) / 3
            assert math.isclose(mean, by_package[layer, head].item(), rel_tol=1e-5)
