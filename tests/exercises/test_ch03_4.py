"""Right answers pass; an empty one and each common mistake get a message of their own."""

from math import log
from typing import Any

import pytest
import torch

from gptlab.attention import attend, causal_mask
from gptlab.exercises import ch03_4


def ours(q, k, v, mask):  # type: ignore[no-untyped-def]
    return attend(q, k, v, mask)[0]


def earlier(x: torch.Tensor) -> torch.Tensor:
    return (x[:, :, None] == x[:, None, :]).tril(-1).sum(2)


def shares(count: torch.Tensor, right: torch.Tensor) -> list[float]:
    return [right[count == n].float().mean().item() for n in range(4)]


def at_least(x: torch.Tensor, right: torch.Tensor) -> list[float]:
    return [right[earlier(x) >= n].float().mean().item() for n in range(4)]


def by_hand(x: torch.Tensor, right: torch.Tensor) -> list[float]:
    """The slow and plain way, as a reader may write it."""
    asked, answered = [0] * 9, [0] * 9
    for row, marks in zip(x.tolist(), right.tolist(), strict=True):
        for place, question in enumerate(row):
            n = row[:place].count(question)
            asked[n] += 1
            answered[n] += marks[place]
    return [answered[n] / asked[n] for n in range(4)]


def as_if_one_row(x: torch.Tensor, right: torch.Tensor) -> list[float]:
    return shares(earlier(x.reshape(1, -1)).view_as(x), right)


def additive(n: int, band: int) -> torch.Tensor:
    right = causal_mask(n, band=band)
    return torch.zeros(n, n).masked_fill(~right, -torch.inf)


def distance(n: int) -> torch.Tensor:
    return torch.arange(n)[:, None] - torch.arange(n)[None, :]


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch03_4.banded_mask, lambda n, w: (distance(n) >= 0) & (distance(n) < w)),
        (ch03_4.pairs, 95_050),
        (ch03_4.banded_attention, lambda q, k, v, w: ours(q, k, v, causal_mask(q.size(2), band=w))),
        (ch03_4.accuracy_by_examples, by_hand),
        (ch03_4.accuracy_by_examples, lambda x, r: torch.tensor(shares(earlier(x), r))),
        (ch03_4.exponent, lambda x1, l1, x2, l2: -(log(l2) - log(l1)) / (log(x2) - log(x1))),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch03_4.banded_mask, lambda n, w: distance(n).abs() < w, "causal too"),
        (ch03_4.banded_mask, lambda n, w: distance(n) >= 0, "hides nothing"),
        (ch03_4.banded_mask, lambda n, w: (distance(n) >= 0) & (distance(n) <= w), "too many"),
        (ch03_4.banded_mask, lambda n, w: (distance(n) > 0) & (distance(n) < w), "see itself"),
        (ch03_4.banded_mask, lambda n, w: distance(n) == 0, "wrong width"),
        (ch03_4.banded_mask, additive, "to add to scores"),
        (ch03_4.banded_mask, lambda n, w: causal_mask(n, band=w).float(), "torch.bool"),
        (ch03_4.banded_mask, lambda n, w: ~causal_mask(n, band=w), "True and False are swapped"),
        (ch03_4.banded_mask, lambda n, w: causal_mask(n, band=w).T, "Rows and columns"),
        (ch03_4.pairs, 5_050, "And the others"),
        (ch03_4.pairs, 90_000, "And the first ones"),
        (ch03_4.pairs, 1_000_000, "most of the square"),
        (ch03_4.pairs, 95_000, "Very close"),
        (ch03_4.pairs, 100_000, "first tokens"),
        (ch03_4.pairs, 500_500, "dense causal"),
        (ch03_4.pairs, 7, "look for the rule"),
        (ch03_4.banded_attention, lambda q, k, v, w: ours(q, k, v, None), "Nothing is masked"),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: ours(q, k, v, causal_mask(q.size(2))),
            "band is not used",
        ),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: ours(q, k, v, distance(q.size(2)).abs() < w),
            "both sides",
        ),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: ours(q, k, v, causal_mask(q.size(2), band=w + 1)),
            "too wide",
        ),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: ours(q, k, v, causal_mask(q.size(2), band=max(1, w - 1))),
            "too narrow",
        ),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: attend(q, k, v, causal_mask(q.size(2), band=w), scale=1.0)[0],
            "scale is missing",
        ),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: ours(q, k, v, (distance(q.size(2)) > 0) & (distance(q.size(2)) < w)),
            "hides every key",
        ),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: (
                ((q @ k.transpose(-2, -1) / 2).softmax(-1) * causal_mask(q.size(2), band=w)) @ v
            ),
            "after the softmax",
        ),
        (
            ch03_4.banded_attention,
            lambda q, k, v, w: (
                (q @ k.transpose(-2, -1) / 2)
                .masked_fill(~causal_mask(q.size(2), band=w), 0.0)
                .softmax(-1)
                @ v
            ),
            "hides nothing",
        ),
        (ch03_4.banded_attention, lambda q, k, v, w: v, "the numbers are not"),
        (ch03_4.banded_attention, lambda q, k, v, w: v[0], "shape"),
        (ch03_4.accuracy_by_examples, lambda x, r: shares(earlier(x) + 1, r), "itself is counted"),
        (
            ch03_4.accuracy_by_examples,
            lambda x, r: shares((x[:, :, None] == x[:, None, :]).sum(2) - 1, r),
            "Later pairs",
        ),
        (
            ch03_4.accuracy_by_examples,
            lambda x, r: shares(torch.arange(x.size(1)).expand_as(x), r),
            "by place",
        ),
        (ch03_4.accuracy_by_examples, at_least, "or more"),
        (ch03_4.accuracy_by_examples, as_if_one_row, "other sequences"),
        (
            ch03_4.accuracy_by_examples,
            lambda x, r: shares(
                ((x[:, :, None] == x[:, None, :]) & r[:, None, :]).tril(-1).sum(2), r
            ),
            "answered right",
        ),
        (
            ch03_4.accuracy_by_examples,
            lambda x, r: [int(r[earlier(x) == n].sum()) for n in range(4)],
            "divide each",
        ),
        (
            ch03_4.accuracy_by_examples,
            lambda x, r: [(r & (earlier(x) == n)).float().mean().item() for n in range(4)],
            "not by the number of all",
        ),
        (ch03_4.accuracy_by_examples, lambda x, r: [0.5] * 4, "by hand"),
        (ch03_4.accuracy_by_examples, lambda x, r: 0.5, "four numbers"),
        (ch03_4.exponent, lambda x1, l1, x2, l2: log(l2 / l1) / log(x2 / x1), "sign"),
        (ch03_4.exponent, lambda x1, l1, x2, l2: -log(x2 / x1) / log(l2 / l1), "Upside down"),
        (ch03_4.exponent, lambda x1, l1, x2, l2: (l2 - l1) / (x2 - x1), "straight line"),
        (ch03_4.exponent, lambda *_: 0.3, "you return 0.3"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


@pytest.mark.parametrize("answer", range(0, 100_001, 950))
def test_a_wrong_number_of_pairs_is_not_told_the_right_one(answer: int) -> None:
    verdict = ch03_4.pairs(answer)
    assert not verdict.passed or answer == 95_050
    if not verdict.passed:
        assert "95" not in verdict.message and "900" not in verdict.message


def test_each_mistake_gives_accuracies_of_its_own() -> None:
    """Or the wrong diagnosis could come first: the made-up answers tell all of them apart."""
    said = set()
    for name, answer in {
        "right": by_hand,
        "itself": lambda x, r: shares(earlier(x) + 1, r),
        "or more": at_least,
        "one row": as_if_one_row,
    }.items():
        said.add((name, ch03_4.accuracy_by_examples(answer).message))
    assert len({message for _, message in said}) == len(said)
