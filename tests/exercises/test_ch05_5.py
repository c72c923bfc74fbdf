"""Chapter 5.5's checks: right answers pass, and each common mistake gets a message of its own."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.naive_bayes import MultinomialNB

from gptlab.exercises import ch05_5, ch05_5_care
from gptlab.exercises.ch05_5 import _bayes, _f1, _softmax


def f1(answers, right, label):  # type: ignore[no-untyped-def]
    both = sum(a == b == label for a, b in zip(answers, right, strict=True))
    return 2 * both / (answers.count(label) + right.count(label))


def of_sklearn(measure):  # type: ignore[no-untyped-def]
    def answer(answers, right, label):  # type: ignore[no-untyped-def]
        given, true = ([one == label for one in part] for part in (answers, right))
        return float(measure(true, given, zero_division=0))

    return answer


precision, recall = of_sklearn(precision_score), of_sklearn(recall_score)


def harmonic(answers, right, label):  # type: ignore[no-untyped-def]
    p, r = precision(answers, right, label), recall(answers, right, label)
    return 2 * p * r / (p + r) if p + r else 0.0


def mean_f1(answers, right, label):  # type: ignore[no-untyped-def]
    return float(f1_score(right, answers, average="macro"))


def another(answers, right, label):  # type: ignore[no-untyped-def]
    return f1(answers, right, max(set(right) - {label}))


def by_sklearn(texts, labels, asked):  # type: ignore[no-untyped-def]
    counter = CountVectorizer(analyzer=list)
    model = MultinomialNB(alpha=1.0).fit(counter.fit_transform(texts), labels)
    joint = model.predict_joint_log_proba(counter.transform(asked))
    return [dict(zip(model.classes_.tolist(), row, strict=True)) for row in joint.tolist()]


def by_hand(texts, labels, asked):  # type: ignore[no-untyped-def]
    told = {y: Counter[str]() for y in set(labels)}
    for text, y in zip(texts, labels, strict=True):
        told[y].update(text)
    known = set().union(*told.values())

    def score(text, y):  # type: ignore[no-untyped-def]
        below = sum(told[y].values()) + len(known)
        each = [math.log((told[y][word] + 1) / below) for word in text if word in known]
        return math.log(labels.count(y) / len(labels)) + sum(each)

    return [{y: score(text, y) for y in told} for text in asked]


def changed(**faults: Any) -> Any:
    return lambda texts, labels, asked: _bayes(texts, labels, asked, **faults)


def each(change: Any) -> Any:
    return lambda *a: [change(one) for one in by_hand(*a)]


def in_places(confidence, n_bins):  # type: ignore[no-untyped-def]
    return (confidence * n_bins).long().clamp(max=n_bins - 1)


def error(confidence, right, n_bins, *, gap=torch.abs, weigh=None, last=True, at=None):  # type: ignore[no-untyped-def]
    places = in_places(confidence, n_bins) if last else (confidence * n_bins).long()
    total = 0.0
    for place in range(n_bins):
        inside = places == place
        if inside.any():
            mean = confidence[inside].mean() if at is None else torch.tensor((place + at) / n_bins)
            weight = inside.float().mean() if weigh is None else weigh(inside)
            total += float(weight * gap(mean - right[inside].float().mean()))
    return total


def with_fault(**faults: Any) -> Any:
    return lambda confidence, right, n_bins: error(confidence, right, n_bins, **faults)


def error_of_sklearn(confidence, right, n_bins):  # type: ignore[no-untyped-def]
    shares, means = calibration_curve(right.numpy(), confidence.numpy(), n_bins=n_bins)
    counts = np.histogram(confidence.numpy(), n_bins, (0, 1))[0]
    return float(np.sum(counts[counts > 0] / len(right) * np.abs(shares - means)))


def worst(confidence, right, n_bins):  # type: ignore[no-untyped-def]
    shares, means = calibration_curve(right.numpy(), confidence.numpy(), n_bins=n_bins)
    return float(np.abs(shares - means).max())


def mean_of_bins(confidence, right, n_bins):  # type: ignore[no-untyped-def]
    shares, means = calibration_curve(right.numpy(), confidence.numpy(), n_bins=n_bins)
    return float(np.abs(shares - means).mean())


def empty_bins(confidence, right, n_bins):  # type: ignore[no-untyped-def]
    places = in_places(confidence, n_bins)
    return sum(confidence[places == place].mean() for place in range(n_bins))


def cut(pairs, share, seed):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pairs), generator=generator).tolist()
    size = round(share * len(pairs))
    return [pairs[i] for i in order[size:]], [pairs[i] for i in order[:size]]


def split(pairs, share, seed):  # type: ignore[no-untyped-def]
    return cut(list(dict.fromkeys(pairs)), share, seed)


def by_groups(pairs, share, seed):  # type: ignore[no-untyped-def]
    """A split of texts, each with all of its copies."""
    train, test = split(pairs, share, seed)
    return [pair for pair in pairs if pair in train], test


def only_once(pairs, share, seed):  # type: ignore[no-untyped-def]
    return cut([pair for pair in pairs if pairs.count(pair) == 1], share, seed)


def taken_from_test(pairs, share, seed):  # type: ignore[no-untyped-def]
    train, test = cut(pairs, share, seed)
    return list(dict.fromkeys(train)), [pair for pair in dict.fromkeys(test) if pair not in train]


def at_random(pairs, share, seed):  # type: ignore[no-untyped-def]
    with torch.random.fork_rng(devices=[]):
        at_random.calls += 1  # type: ignore[attr-defined]
        return split(pairs, share, at_random.calls)  # type: ignore[attr-defined]


at_random.calls = 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch05_5.f1, of_sklearn(f1_score)),
        (ch05_5.f1, harmonic),
        (ch05_5.f1, f1),
        (ch05_5.naive_bayes, by_sklearn),
        (ch05_5.naive_bayes, by_hand),
        (ch05_5_care.calibration_error, error),
        (ch05_5_care.calibration_error, error_of_sklearn),
        (ch05_5_care.split, split),
        (ch05_5_care.split, lambda p, s, k: split(sorted(set(p)), s, k)),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch05_5.f1, precision, "precision alone"),
        (ch05_5.f1, recall, "recall alone"),
        (ch05_5.f1, lambda *a: (precision(*a) + recall(*a)) / 2, "plain mean"),
        (ch05_5.f1, lambda *a: precision(*a) * recall(*a), "the product"),
        (ch05_5.f1, lambda *a: harmonic(*a) / 2, "factor is missing"),
        (ch05_5.f1, lambda a, b, _: float(np.mean(np.array(a) == np.array(b))), "accuracy"),
        (ch05_5.f1, mean_f1, "over all labels"),
        (ch05_5.f1, another, "of another label"),
        (ch05_5.f1, lambda *a: 0.123, "Count three things"),
        (ch05_5.f1, lambda *a: harmonic(*a) or math.nan, "F1 is 0"),
        (ch05_5.f1, lambda *a: 2 / (1 / precision(*a) + 1 / recall(*a)), "division by zero"),
        (ch05_5.f1, lambda a, b, c: a, "number, not list"),
        (ch05_5.naive_bayes, changed(prior=False), "shares of the texts are missing"),
        (ch05_5.naive_bayes, changed(add=0.0), "makes it impossible"),
        (ch05_5.naive_bayes, changed(words="none"), "nothing below"),
        (ch05_5.naive_bayes, changed(words="own"), "that label alone"),
        (ch05_5.naive_bayes, changed(unknown=True), "is left out"),
        (ch05_5.naive_bayes, changed(once_asked=True), "in the text asked counts twice"),
        (ch05_5.naive_bayes, changed(once_told=True), "counts twice there"),
        (ch05_5.naive_bayes, changed(by_texts=True), "not of its texts"),
        (ch05_5.naive_bayes, changed(log=math.log2), "base 2"),
        (ch05_5.naive_bayes, changed(add=0.5), "Take it in parts"),
        (
            ch05_5.naive_bayes,
            each(lambda of: {y: math.log(p) for y, p in _softmax(of).items()}),
            "by the right amounts",
        ),
        (
            ch05_5.naive_bayes,
            each(lambda of: {y: math.exp(one) for y, one in of.items()}),
            "products of probabilities",
        ),
        (ch05_5.naive_bayes, each(lambda of: {y: -one for y, one in of.items()}), "The sign"),
        (ch05_5.naive_bayes, each(lambda of: max(of, key=of.get)), "not str"),
        (ch05_5.naive_bayes, each(lambda of: {"x": of["x"]}), "needs the labels"),
        (ch05_5.naive_bayes, lambda *a: by_hand(*a)[0], "not dict"),
        (ch05_5.naive_bayes, lambda *a: by_hand(*a)[:2], "list with 2"),
        (ch05_5_care.calibration_error, mean_of_bins, "Each bin counts the same"),
        (
            ch05_5_care.calibration_error,
            lambda c, r, n: error(c, r, n, weigh=lambda _: 1 / n),
            "the number of bins",
        ),
        (
            ch05_5_care.calibration_error,
            with_fault(weigh=lambda _: 1.0),
            "the sum over the bins",
        ),
        (
            ch05_5_care.calibration_error,
            with_fault(weigh=lambda inside: inside.sum()),
            "a sum over the answers",
        ),
        (ch05_5_care.calibration_error, worst, "the worst bin"),
        (
            ch05_5_care.calibration_error,
            lambda c, r, n: (c - r.float()).abs().mean(),
            "answer by answer: a single",
        ),
        (
            ch05_5_care.calibration_error,
            lambda c, r, n: (c - r.float()).square().mean(),
            "Brier",
        ),
        (
            ch05_5_care.calibration_error,
            lambda c, r, n: (c.mean() - r.float().mean()).abs(),
            "bins are not used",
        ),
        (
            ch05_5_care.calibration_error,
            with_fault(gap=lambda one: -one),
            "has a sign",
        ),
        (ch05_5_care.calibration_error, with_fault(gap=torch.square), "squared"),
        (ch05_5_care.calibration_error, with_fault(at=0.5), "the middle of a bin"),
        (ch05_5_care.calibration_error, with_fault(last=False), "falls out"),
        (ch05_5_care.calibration_error, empty_bins, "return nan"),
        (ch05_5_care.calibration_error, lambda *a: 0.777, "In each bin"),
        (ch05_5_care.split, cut, "in both parts"),
        (ch05_5_care.split, by_groups, "In train a text stands twice"),
        (ch05_5_care.split, only_once, "One copy of each"),
        (ch05_5_care.split, taken_from_test, "it should be 10"),
        (ch05_5_care.split, lambda p, s, k: split(p[1:20], s, k), "in neither part, the first"),
        (ch05_5_care.split, lambda *a: split(*a)[::-1], "turned round"),
        (ch05_5_care.split, lambda p, s, _: split(p, s, 0), "Mix them by the seed"),
        (ch05_5_care.split, at_random, "two different splits"),
        (ch05_5_care.split, lambda *a: split(*a)[0], "Return two lists"),
        (ch05_5_care.split, lambda *a: (split(*a)[0], "text"), "a list of pairs, not str"),
        (ch05_5_care.split, lambda *a: ([("new", "x")], []), "none of the pairs"),
        (ch05_5_care.split, lambda *a: [[q for q, _ in part] for part in split(*a)], "none of"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


def test_the_checks_own_measures_are_the_fields() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        answers, right = (rng.choice(list("abc"), 9).tolist() for _ in range(2))
        expected = of_sklearn(f1_score)(answers, right, "a")
        assert _f1(answers, right, "a") == pytest.approx(expected)
        texts = [rng.choice(list("uvwxyz"), 4).tolist() for _ in range(6)]
        asked = [rng.choice(list("uvwxyz!"), 3).tolist() for _ in range(5)]
        for mine, theirs in zip(
            _bayes(texts, list("ababba"), asked),
            by_sklearn(texts, list("ababba"), asked),
            strict=True,
        ):
            assert mine == pytest.approx(theirs)


@pytest.mark.parametrize(
    "check", [ch05_5.f1, ch05_5.naive_bayes, ch05_5_care.calibration_error, ch05_5_care.split]
)
def test_empty(check: Any) -> None:
    assert check().state == check(lambda *_: ...).state == "empty"
    forgotten = check(lambda *a: print(end=""))
    assert forgotten.state == "wrong" and "return" in forgotten.message
