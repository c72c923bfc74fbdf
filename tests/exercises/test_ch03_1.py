"""Chapter 3.1's checks: the right answer passes, each common mistake is told what is wrong."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from gptlab.exercises import ch03_1 as check

# --- how many pairs


def test_pairs_right() -> None:
    assert check.pairs(55).passed
    assert check.pairs(torch.tensor(55)).passed


@pytest.mark.parametrize(
    ("answer", "says"),
    [(100, "every pair"), (45, "itself"), (50, "diagonal"), (10, "one pair"), (7, "row by row")],
)
def test_pairs_wrong(answer: int, says: str) -> None:
    verdict = check.pairs(answer)
    assert verdict.state == "wrong" and says in verdict.message
    assert "55" not in verdict.message


# --- the mask


def mask_right(n: int) -> Tensor:
    return torch.ones(n, n).tril().bool()


def mask_right_by_loops(n: int) -> Tensor:
    return torch.tensor([[j <= i for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("answer", [mask_right, mask_right_by_loops])
def test_mask_right(answer: Callable[..., Any]) -> None:
    assert check.causal_mask(answer).passed


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda n: torch.ones(n, n).tril(), "True and False"),
        (lambda n: torch.ones(n, n).bool(), "the future included"),
        (lambda n: torch.zeros(n, n).bool(), "Nobody"),
        (lambda n: ~mask_right(n), "swapped: here True means"),
        (lambda n: mask_right(n).T, "Rows and columns"),
        (lambda n: torch.ones(n, n).tril(-1).bool(), "itself"),
        (lambda n: torch.ones(n, n).tril(1).bool(), "query 0 may look at key 1"),
        (lambda n: mask_right(n) & torch.ones(n, n).triu(-1).bool(), "query 2 may not look at key"),
        (lambda n: mask_right(4), "should be (1, 1)"),
        (lambda n: [[True]], "not list"),
        (mask_right(4), "function itself"),
    ],
)
def test_mask_wrong(answer: Callable[..., Any], says: str) -> None:
    verdict = check.causal_mask(answer)
    assert verdict.state == "wrong" and says in verdict.message, verdict


# --- attention


def hide(scores: Tensor, mask: Tensor, with_value: float = -math.inf) -> Tensor:
    return scores.masked_fill(~mask, with_value)


def scores_of(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))


def attention_right(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return hide(scores_of(q, k), mask).softmax(-1) @ v


def attention_right_with_a_large_number(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return hide(scores_of(q, k), mask, -1e9).softmax(-1) @ v


def attention_by_torch(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def attention_right_in_place(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    scores = q.mul_(q.size(-1) ** -0.5) @ k.transpose(-2, -1)
    return scores.masked_fill_(mask.logical_not_(), -math.inf).softmax(-1) @ v


@pytest.mark.parametrize(
    "answer",
    [
        attention_right,
        attention_right_with_a_large_number,
        attention_by_torch,
        attention_right_in_place,
    ],
)
def test_attention_right(answer: Callable[..., Any]) -> None:
    assert check.attention(answer).passed


def with_scale(factor: Callable[[Tensor], float]) -> Callable[..., Tensor]:
    return lambda q, k, v, mask: hide(q @ k.transpose(-2, -1) * factor(q), mask).softmax(-1) @ v


MISTAKES: list[tuple[Callable[..., Any], str]] = [
    (with_scale(lambda q: 1.0), "scale is missing"),
    (with_scale(lambda q: 1 / q.size(-1)), "divided by too much"),
    (with_scale(lambda q: q.size(-1) ** 0.5), "wrong way"),
    (with_scale(lambda q: q.size(-2) ** -0.5), "counts tokens"),
    (lambda q, k, v, mask: scores_of(q, k).softmax(-1) @ v, "not used"),
    (lambda q, k, v, mask: hide(scores_of(q, k), ~mask).softmax(-1) @ v, "nan"),
    (
        lambda q, k, v, mask: hide(scores_of(q, k), ~mask).softmax(-1).nan_to_num() @ v,
        "upside down",
    ),
    (lambda q, k, v, mask: (scores_of(q, k).softmax(-1) * mask) @ v, "no longer sum to 1"),
    (lambda q, k, v, mask: hide(scores_of(q, k), mask, 0.0).softmax(-1) @ v, "e⁰"),
    (lambda q, k, v, mask: (scores_of(q, k) * mask).softmax(-1) @ v, "e⁰"),
    (lambda q, k, v, mask: hide(scores_of(q, k), mask).softmax(-2) @ v, "wrong axis"),
    (lambda q, k, v, mask: hide(scores_of(q, k), mask, 0.0) @ v, "no softmax"),
    (lambda q, k, v, mask: hide(scores_of(k, q), mask).softmax(-1) @ v, "roles"),
    (lambda q, k, v, mask: hide(scores_of(q, k), mask).softmax(-1) @ k, "mix the keys"),
    (lambda q, k, v, mask: hide(q @ k / 2, mask).softmax(-1) @ v, "shapes do not fit"),
    (lambda q, k, v, mask: hide(q @ k.T / 3**0.5, mask).softmax(-1) @ v, "with batch and heads"),
    (lambda q, k, v, mask: hide(scores_of(q, k), mask).softmax(1) @ v, "with batch and heads"),
    (lambda q, k, v, mask: hide(scores_of(q, k), mask).softmax(-1), "one number a pair"),
    (lambda q, k, v, mask: (attention_right(q, k, v, mask), 0), "output alone"),
    (lambda q, k, v, mask: attention_right(q, k, v, mask)[0], "has shape (3,)"),
    (lambda q, k, v, mask: 3 * attention_right(q, k, v, mask), "first token"),
    (lambda q, k, v, mask: hide(2 * scores_of(q, k), mask).softmax(-1) @ v, "numbers are not"),
    (lambda q, k, v, mask: (scores_of(q, k) + mask).softmax(-1) @ v, "added as 1 and 0"),
    (
        lambda q, k, v, mask: attention_right(q, k, v, torch.ones_like(mask).tril()),
        "under no other",
    ),
]


@pytest.mark.parametrize(("answer", "says"), MISTAKES)
@pytest.mark.filterwarnings("ignore:The use of `x.T`")
def test_attention_wrong(answer: Callable[..., Any], says: str) -> None:
    verdict = check.attention(answer)
    assert verdict.state == "wrong" and says in verdict.message, verdict


def test_every_mistake_in_attention_has_its_own_message() -> None:
    said = {check.attention(answer).message for answer, _ in MISTAKES[:14]}
    assert len(said) == 13  # two ways of writing a score of 0


# --- heads


def split_right(x: Tensor, n_head: int) -> Tensor:
    return x.unflatten(-1, (n_head, -1)).transpose(1, 2)


def split_right_with_view(x: Tensor, n_head: int) -> Tensor:
    b, t, c = x.shape
    return x.view(b, t, n_head, c // n_head).permute(0, 2, 1, 3)


@pytest.mark.parametrize("answer", [split_right, split_right_with_view])
def test_split_right(answer: Callable[..., Any]) -> None:
    assert check.split_heads(answer).passed


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x, n: x.view(x.size(0), n, x.size(1), -1), "reading order"),
        (lambda x, n: x.unflatten(-1, (n, -1)), "(B, T, H, D)"),
        (lambda x, n: x.unflatten(-1, (-1, n)), "(B, T, D, H)"),
        (lambda x, n: x.unflatten(-1, (-1, n)).permute(0, 3, 1, 2), "every 3-th column"),
        (lambda x, n: split_right(x, n).transpose(2, 3), "last two axes"),
        (lambda x, n: torch.stack(x.chunk(n, -1)), "in front of the batch"),
        (lambda x, n: split_right(x, n).flip(1), "places are not"),
        (lambda x, n: x, "should be (2, 3, 5, 4)"),
        (lambda x, n: split_right(x, 3), "raised"),
        (lambda x, n: 3, "not int"),
    ],
)
def test_split_wrong(answer: Callable[..., Any], says: str) -> None:
    verdict = check.split_heads(answer)
    assert verdict.state == "wrong" and says in verdict.message, verdict
