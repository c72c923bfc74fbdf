"""Chapter 5.3's checks: right answers pass, and each common mistake gets a message of its own."""

import random
import re
from collections import Counter
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer

from gptlab.exercises import ch05_3


def by_rouge_score(told, right):  # type: ignore[no-untyped-def]
    found = RougeScorer(["rougeL"]).score(" ".join(right), " ".join(told))
    return found["rougeL"].fmeasure


def common(one, other):  # type: ignore[no-untyped-def]
    if not one or not other:
        return 0
    if one[0] == other[0]:
        return 1 + common(one[1:], other[1:])
    return max(common(one[1:], other), common(one, other[1:]))


def run(one, other):  # type: ignore[no-untyped-def]
    for n in range(min(len(one), len(other)), 0, -1):
        places = [{tuple(s[i : i + n]) for i in range(len(s) - n + 1)} for s in (one, other)]
        if places[0] & places[1]:
            return n
    return 0


def f(told, right, count=common):  # type: ignore[no-untyped-def]
    return 2 * count(told, right) / (len(told) + len(right))


def shared(told, right):  # type: ignore[no-untyped-def]
    return (Counter(told) & Counter(right)).total()


def copied(text, told):  # type: ignore[no-untyped-def]
    return [sum(word in text for word in told) / len(told), run(text, told)]


def split(documents, share, seed, key=lambda one: one[0], drop=0):  # type: ignore[no-untyped-def]
    keys = sorted({key(one) for one in documents})
    random.Random(seed).shuffle(keys)
    tested = set(keys[: round(share * len(keys))])
    train = [one for one in documents if key(one) not in tested]
    return train[drop:], [one for one in documents if key(one) in tested]


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch05_3.rouge_l, by_rouge_score),
        (ch05_3.rouge_l, f),
        (ch05_3.copied, copied),
        (ch05_3.copied, lambda *a: tuple(copied(*a))),
        (ch05_3.split, split),
    ],
)
def test_right_answers_pass(check: Any, answer: Any) -> None:
    verdict = check(answer)
    assert verdict.passed, verdict.message


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        (ch05_3.rouge_l, lambda a, b: f(a, b, shared), "ROUGE-1"),
        (ch05_3.rouge_l, lambda a, b: f(a, b, run), "no gaps"),
        (ch05_3.rouge_l, lambda a, b: common(a, b) / len(a), "precision alone"),
        (ch05_3.rouge_l, lambda a, b: common(a, b) / len(b), "recall alone"),
        (
            ch05_3.rouge_l,
            lambda a, b: (common(a, b) / len(a) + common(a, b) / len(b)) / 2,
            "plain mean",
        ),
        (ch05_3.rouge_l, common, "not yet a share"),
        (ch05_3.rouge_l, lambda a, b: 0.77, "precision is its share"),
        (ch05_3.copied, lambda a, b: 1.0, "two numbers"),
        (ch05_3.copied, lambda a, b: [len(set(a) & set(b)) / len(set(b)), run(a, b)], "as often"),
        (ch05_3.copied, lambda a, b: [sum(w in b for w in a) / len(a), run(a, b)], "the summary's"),
        (ch05_3.copied, lambda a, b: [1 - copied(a, b)[0], run(a, b)], "that are new"),
        (ch05_3.copied, lambda a, b: [0.123, run(a, b)], "coverage should be"),
        (ch05_3.copied, lambda a, b: [copied(a, b)[0], common(a, b)], "no gaps|longest stretch"),
        (ch05_3.copied, lambda a, b: [copied(a, b)[0], 9], "not 9"),
        (ch05_3.split, lambda *a: split(*a, key=lambda one: one), "modules must be drawn"),
        (ch05_3.split, lambda *a: split(*a, drop=1), "neither side"),
        (ch05_3.split, lambda d, share, seed: split(d, share / 2, seed), "you test on"),
        (ch05_3.split, lambda d, share, seed: split(d, share, 1), "is the seed used"),
        (ch05_3.split, lambda d, share, seed: split(d, share, random.random()), "two different"),
        (ch05_3.split, lambda d, share, seed: split(d * 2, share, seed), "twice"),
        (ch05_3.split, lambda *a: split(*a)[0], "pair|documents"),
        (ch05_3.split, lambda *a: ([("x", "y", "z")], []), "none of the documents"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, said: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and re.search(said, verdict.message), verdict.message
