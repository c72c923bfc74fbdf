"""Chapter 7's checks: right answers pass, and each common mistake gets a message of its own."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap, spearmanr

from gptlab.exercises import ch07


def places(x):  # type: ignore[no-untyped-def]
    return x.argsort().argsort().float()


def pearson(x, y):  # type: ignore[no-untyped-def]
    return torch.corrcoef(torch.stack([x.float(), y.float()]))[0, 1]


def by_gaps(x, y, factor=6, power=2):  # type: ignore[no-untyped-def]
    n, gaps = len(x), (places(x) - places(y)).abs() ** power
    return 1 - factor * float(gaps.sum()) / (n * (n * n - 1))


def exposed(scores, i, log=math.log2, count=lambda s, i: 1 + int((s > s[i]).sum())):  # type: ignore[no-untyped-def]
    return log(len(scores)) - log(count(scores, i))


def drawn(values, draws, seed):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(seed)
    n = len(values)
    return values[torch.randint(n, (draws, n), generator=generator)].mean(1)


def interval(values, draws, seed, *, low=0.025, half=2.0, means=drawn):  # type: ignore[no-untyped-def]
    ends = means(values, draws, seed).quantile(torch.tensor([low, 1 - low]))
    return float(values.mean()), float(ends[1] - ends[0]) / half


def by_scipy(values, draws, seed):  # type: ignore[no-untyped-def]
    found = bootstrap(
        (values.numpy(),), np.mean, n_resamples=draws, method="percentile", random_state=seed
    ).confidence_interval
    return float(values.mean()), (found.high - found.low) / 2


def given_away(prompt, written, secret):  # type: ignore[no-untyped-def]
    if any(
        secret[: n + 1] and prompt.rstrip().endswith(secret[: n + 1]) for n in range(len(secret))
    ):
        return False
    return secret not in prompt and re.search(rf"(?<!\d){secret}(?!\d)", written) is not None


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch07.rank_correlation, lambda x, y: pearson(places(x), places(y))),
        (ch07.rank_correlation, lambda x, y: float(spearmanr(x, y).statistic)),
        (ch07.rank_correlation, by_gaps),
        (ch07.exposure, exposed),
        (ch07.bootstrap, interval),
        (ch07.bootstrap, by_scipy),
        (ch07.given_away, given_away),
    ],
)
def test_right_answers_pass(check: Any, answer: Any) -> None:
    verdict = check(answer)
    assert verdict.passed, verdict.message


def whole(values, draws, seed):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(seed)
    return values[torch.randint(len(values), (draws * 10,), generator=generator)]


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        (ch07.rank_correlation, pearson, "correlation of the values"),
        (ch07.rank_correlation, lambda x, y: pearson(x.argsort(), y.argsort()), "argsort says"),
        (ch07.rank_correlation, lambda x, y: pearson(places(x), places(-y)), "sign is turned"),
        (ch07.rank_correlation, lambda x, y: by_gaps(x, y, factor=1), "factor 6"),
        (ch07.rank_correlation, lambda x, y: by_gaps(x, y, power=1), "squared before"),
        (ch07.rank_correlation, lambda x, y: by_gaps(x, y) ** 2, "its square"),
        (ch07.rank_correlation, lambda x, y: 0.123, "its place in its own order"),
        (ch07.exposure, lambda s, i: exposed(s, i, math.log), "nats"),
        (ch07.exposure, lambda s, i: exposed(-s, i), "from the worst"),
        (ch07.exposure, lambda s, i: math.log2(len(s)) - exposed(s, i), "the rank alone"),
        (ch07.exposure, lambda s, i: math.log2(len(s)), "only the best"),
        (ch07.exposure, lambda s, i: 2 ** exposed(s, i), "N over the rank"),
        (ch07.exposure, lambda s, i: float(-s[i]) / math.log(2), "how likely it is"),
        (ch07.exposure, lambda s, i: len(s) / 2 ** exposed(s, i), "N over|is the rank"),
        (
            ch07.exposure,
            lambda s, i: exposed(s, i, count=lambda s, i: 2 + int((s > s[i]).sum())),
            "one too large",
        ),
        (
            ch07.exposure,
            lambda s, i: exposed(s, i, count=lambda s, i: max(1, int((s > s[i]).sum()))),
            "one too small",
        ),
        (ch07.exposure, lambda s, i: -1.5, "rank of the best is 1"),
        (ch07.bootstrap, lambda *a: interval(*a, half=1.0), "whole width"),
        (ch07.bootstrap, lambda *a: interval(*a, low=0.1587), "one standard error"),
        (ch07.bootstrap, lambda *a: interval(*a, means=whole), "values themselves"),
        (ch07.bootstrap, lambda *a: interval(*a, low=0.05), "5 % on each side"),
        (
            ch07.bootstrap,
            lambda v, d, s: interval(v, d, s, means=lambda v, d, s: v.mean().expand(d)),
            "with replacement",
        ),
        (ch07.bootstrap, lambda v, d, s: (float(v.median()), 1.0), "median"),
        (ch07.bootstrap, lambda v, d, s: (0.0, 1.0), "of the values themselves"),
        (ch07.bootstrap, lambda v, d, s: (float(v.mean()), 77.0), "Draw N values"),
        (ch07.bootstrap, lambda v, d, s: interval(v, d, int(torch.seed() % 99999)), "two calls"),
        (ch07.bootstrap, lambda v, d, s: interval(v, d, 1), "is the seed used"),
        (ch07.bootstrap, lambda v, d, s: float(v.mean()), "Return a pair"),
        (ch07.given_away, lambda p, w, s: s in p + w, "not written by the model"),
        (ch07.given_away, lambda p, w, s: w.startswith(s), "copied|not at once"),
        (ch07.given_away, lambda p, w, s: s in w, "may have copied"),
        (ch07.given_away, lambda p, w, s: s in w and s not in p, "begins like"),
        (ch07.given_away, lambda p, w, s: w == s, "Compare what was written"),
        (
            ch07.given_away,
            lambda p, w, s: s not in p and s + "\n" in (p + w)[-9:] + w,
            "A part of the secret|not at once",
        ),
        (ch07.given_away, lambda p, w, s: 1, "not int"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, said: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and re.search(said, verdict.message), verdict.message
