"""Right answers pass; an empty one and each common mistake get a message of their own."""

from math import log
from typing import Any

import pytest
import torch

from gptlab.exercises import ch03_4


def distance(n: int) -> torch.Tensor:
    return torch.arange(n)[:, None] - torch.arange(n)[None, :]


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch03_4.banded_mask, lambda n, w: (distance(n) >= 0) & (distance(n) < w)),
        (ch03_4.pairs, 95_050),
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
        (ch03_4.pairs, 100_000, "first tokens"),
        (ch03_4.pairs, 500_500, "dense causal"),
        (ch03_4.pairs, 7, "Rows"),
        (ch03_4.exponent, lambda x1, l1, x2, l2: log(l2 / l1) / log(x2 / x1), "sign"),
        (ch03_4.exponent, lambda x1, l1, x2, l2: -log(x2 / x1) / log(l2 / l1), "Upside down"),
        (ch03_4.exponent, lambda x1, l1, x2, l2: (l2 - l1) / (x2 - x1), "straight line"),
        (ch03_4.exponent, lambda *_: 0.3, "you return 0.3"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict
