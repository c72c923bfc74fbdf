"""Chapter 5.4's checks: right answers pass, and each common mistake gets a message of its own."""

import random
import re
import string
from collections import Counter
from typing import Any

import pytest
import torch

from gptlab.answering import Answers
from gptlab.exercises import ch05_4, ch05_4_spans
from gptlab.exercises.ch05_4 import _measure
from gptlab.prompting import Layout
from gptlab.tasks.metrics import token_f1
from gptlab.tokenizer import CharTokenizer


def words(text, *, lower=True, marks=True, articles=r"\b(a|an|the)\b"):  # type: ignore[no-untyped-def]
    text = text.lower() if lower else text
    text = "".join(c for c in text if not marks or c not in string.punctuation)
    return (re.sub(articles, " ", text) if articles else text).split()


def f1(answer, right, count=Counter, **how):  # type: ignore[no-untyped-def]
    mine, theirs = words(answer, **how), words(right, **how)
    shared = sum((Counter(count(mine)) & Counter(count(theirs))).values())
    n = len(count(mine)) if count is set else len(mine)
    m = len(count(theirs)) if count is set else len(theirs)
    return 2 * shared / (n + m) if shared else 0


def parts_of(answer, right):  # type: ignore[no-untyped-def]
    mine, theirs = words(answer), words(right)
    shared = sum((Counter(mine) & Counter(theirs)).values())
    return shared / max(1, len(mine)), shared / max(1, len(theirs))


def combined(combine):  # type: ignore[no-untyped-def]
    return lambda *pair: combine(*parts_of(*pair)) if parts_of(*pair)[0] else 0


def often(answer, right):  # type: ignore[no-untyped-def]
    mine, theirs = words(answer), words(right)
    shared = sum(word in theirs for word in mine)
    return 2 * shared / (len(mine) + len(theirs)) if shared else 0


def row(asked, told, end):  # type: ignore[no-untyped-def]
    whole = [*asked, *told, end]
    targets = [-100] * len(whole)
    targets[len(asked) :] = whole[len(asked) :]
    return whole[:-1], targets[1:]


def row_of_package(asked, told, end):  # type: ignore[no-untyped-def]
    """The package writes rows of texts; here every id is a character of its own."""
    tokenizer = CharTokenizer("\n" + "".join(map(chr, range(0x4E00, 0x4E80))))
    as_id = {i: tokenizer.encode(chr(0x4E00 + i))[0] for i in range(64)}
    back = {number: i for i, number in as_id.items()} | {tokenizer.start_id: "end"}
    how = Answers(tokenizer, Layout("{}", "{}"), 64)
    text = ["".join(chr(0x4E00 + i) for i in ids) for ids in (asked[1:], told)]
    (tokens, targets), _ = how.encode([(text[0], text[1])])

    def ids(found, first):  # type: ignore[no-untyped-def]
        given = [back.get(one, one) for one in found[0].tolist()]
        return [first if one == "end" and i == 0 else one for i, one in enumerate(given)]

    return ids(tokens, asked[0]), [end if one == "end" else one for one in ids(targets, end)]


def split(passages, share, seed):  # type: ignore[no-untyped-def]
    names = sorted({name for *_, both in passages for name in both})
    tested = set(random.Random(seed).sample(names, round(share * len(names))))
    return (
        [one for one in passages if not tested & set(one[2])],
        [one for one in passages if tested >= set(one[2])],
    )


def by_passage(passages, share, seed):  # type: ignore[no-untyped-def]
    order = random.Random(seed).sample(passages, len(passages))
    return order[round(share * len(order)) :], order[: round(share * len(order))]


def any_place(passages, share, seed):  # type: ignore[no-untyped-def]
    train, _ = split(passages, share, seed)
    return train, [one for one in passages if one not in train]


def mixed_in_train(passages, share, seed):  # type: ignore[no-untyped-def]
    _, test = split(passages, share, seed)
    return [one for one in passages if one not in test], test


def by_first_place(passages, share, seed):  # type: ignore[no-untyped-def]
    names = sorted({name for *_, both in passages for name in both})
    tested = random.Random(seed).sample(names, round(share * len(names)))
    return (
        [one for one in passages if one[2][0] not in tested],
        [one for one in passages if one[2][0] in tested and one[2][1] in tested],
    )


def unordered(passages, share, seed):  # type: ignore[no-untyped-def]
    names = list(dict.fromkeys(name for *_, both in passages for name in both))
    tested = set(random.Random(seed).sample(names, round(share * len(names))))
    return (
        [one for one in passages if not tested & set(one[2])],
        [one for one in passages if tested >= set(one[2])],
    )


def at_random(passages, share, seed):  # type: ignore[no-untyped-def]
    at_random.calls += 1  # type: ignore[attr-defined]
    return split(passages, share, at_random.calls)  # type: ignore[attr-defined]


at_random.calls = 0  # type: ignore[attr-defined]


def spans_of(found, longest, *, least=1, short=0, stop=True):  # type: ignore[no-untyped-def]
    spans = []
    for i in range(len(found)):
        for j in range(i + least, min(i + longest, len(found) - short) + 1):
            text = " ".join(found[i:j])
            spans.append(text.removesuffix(".") if stop else text)
    return spans


def best(found, score, longest, *, choose=max, weigh=lambda one: 1, **how):  # type: ignore[no-untyped-def]
    spans = spans_of(found, longest, **how)
    values = [s / weigh(one) for s, one in zip(score(spans).tolist(), spans, strict=True)]
    return spans[values.index(choose(values))]


def one_by_one(found, score, longest):  # type: ignore[no-untyped-def]
    return max(spans_of(found, longest), key=lambda one: float(score([one])[0]))


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch05_4.token_f1, f1),
        (ch05_4.token_f1, lambda a, b: token_f1([a], [b])),
        (ch05_4.row, row),
        (ch05_4.row, row_of_package),
        (ch05_4.row, lambda *a: tuple(torch.tensor(part) for part in row(*a))),
        (ch05_4_spans.split, split),
        (ch05_4_spans.split, lambda *a: [part[::-1] for part in split(*a)]),
        (ch05_4_spans.best_span, best),
        (ch05_4_spans.best_span, one_by_one),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch05_4.token_f1, lambda *a: f1(*a, count=set), "counts once"),
        (ch05_4.token_f1, often, "shared once"),
        (ch05_4.token_f1, lambda *a: f1(*a, lower=False), "Capitals"),
        (ch05_4.token_f1, lambda *a: f1(*a, marks=False), "Punctuation"),
        (ch05_4.token_f1, lambda *a: f1(*a, articles=""), "still among the words"),
        (ch05_4.token_f1, lambda *a: f1(*a, articles="the|an|a"), "letters within words"),
        (ch05_4.token_f1, combined(lambda p, r: p), "precision alone"),
        (ch05_4.token_f1, combined(lambda p, r: r), "recall alone"),
        (ch05_4.token_f1, combined(lambda p, r: (p + r) / 2), "plain mean"),
        (ch05_4.token_f1, combined(lambda p, r: p * r), "the product"),
        (ch05_4.token_f1, combined(lambda p, r: p * r / (p + r)), "factor is missing"),
        (ch05_4.token_f1, combined(lambda p, r: p * r / (p + r - p * r)), "is not F1"),
        (ch05_4.token_f1, lambda a, b: float(words(a) == words(b)), "exact match"),
        (ch05_4.token_f1, _measure(letters=True), "letters. It is words"),
        (ch05_4.token_f1, lambda a, b: 2 / len(words(a)), "division by zero"),
        (ch05_4.token_f1, lambda a, b: 0.123, "how many are shared"),
        (ch05_4.token_f1, lambda a, b: words(a), "number, not list"),
        (ch05_4.row, lambda a, t, e: (a + t, [-100] * len(a) + t), "the tokens themselves"),
        (ch05_4.row, lambda a, t, e: ([*a, *t, e], [-100] * len(a) + [*t, e]), "has just read"),
        (ch05_4.row, lambda a, t, e: (a + t, [*a[1:], *t, e]), "question is graded too"),
        (ch05_4.row, lambda a, t, e: ((a + t)[:-1], row(a, t, e)[1][:-1]), "Nothing grades"),
        (ch05_4.row, lambda a, t, e: (a + t, [*row(a, t, e)[1][:-1], -100]), "Nothing grades"),
        (ch05_4.row, lambda a, t, e: (a + t, [-100] * len(a) + [*t[1:], e]), "first token of the"),
        (
            ch05_4.row,
            lambda a, t, e: (a + t, [-100] * (len(a) - 2) + [a[-1], *t, e]),
            "last token of the question",
        ),
        (ch05_4.row, lambda a, t, e: ([*a, *t, e], [*row(a, t, e)[1], -100]), "end itself is read"),
        (
            ch05_4.row,
            lambda a, t, e: (a + t, [max(0, one) for one in row(a, t, e)[1]]),
            "0 is an id",
        ),
        (ch05_4.row, lambda a, t, e: (a + t, [abs(one) for one in row(a, t, e)[1]]), "its sign"),
        (
            ch05_4.row,
            lambda a, t, e: (a + t, [*t, e] + [-100] * (len(a) - 1)),
            "beginning of the row",
        ),
        (ch05_4.row, lambda a, t, e: (a + t, [*t, e]), "one target"),
        (ch05_4.row, lambda a, t, e: (t + a, row(a, t, e)[1]), "your tokens are"),
        (ch05_4.row, lambda a, t, e: (a + t, [-100] * (len(a) + len(t))), "your targets are"),
        (ch05_4.row, lambda a, t, e: a + t, "Return two lists"),
        (ch05_4.row, lambda a, t, e: (a + t, None), "whole numbers"),
        (ch05_4_spans.split, by_passage, "can stand on neither"),
        (ch05_4_spans.split, any_place, "a leak. A passage"),
        (ch05_4_spans.split, mixed_in_train, "can stand on neither"),
        (ch05_4_spans.split, by_first_place, "a leak."),
        (ch05_4_spans.split, lambda p, s, k: split(p, s / 3, k), "test is empty"),
        (ch05_4_spans.split, lambda p, s, k: split(p, 0.4, k), "it should be 3"),
        (ch05_4_spans.split, lambda p, s, k: split(p, s, k)[::-1], "turned round"),
        (ch05_4_spans.split, lambda p, s, _: split(p, s, 1), "Two seeds"),
        (ch05_4_spans.split, at_random, "two different splits"),
        (ch05_4_spans.split, unordered, "in another order"),
        (
            ch05_4_spans.split,
            lambda *a: (split(*a)[0][1:], split(*a)[1]),
            "could stand in train",
        ),
        (
            ch05_4_spans.split,
            lambda *a: (split(*a)[0], [*split(*a)[1], split(*a)[1][0]]),
            "stands twice",
        ),
        (ch05_4_spans.split, lambda *a: split(*a)[0], "Return two lists"),
        (ch05_4_spans.split, lambda *a: ([], "text"), "not str"),
        (ch05_4_spans.split, lambda *a: ([("new", "x", ("Arl", "Bex"))], []), "none of the"),
        (ch05_4_spans.best_span, lambda *a: best(*a, stop=False), "full stop"),
        (ch05_4_spans.best_span, lambda w, s, n: best(w, s, n + 1), "more words than allowed"),
        (ch05_4_spans.best_span, lambda w, s, n: best(w, s, n - 1), "spans of 3 words"),
        (ch05_4_spans.best_span, lambda w, s, n: best(w, s, 1), "more than one word"),
        (ch05_4_spans.best_span, lambda *a: best(*a, short=1), "the last word"),
        (ch05_4_spans.best_span, lambda *a: best(*a, least=2), "spans of one word"),
        (ch05_4_spans.best_span, lambda w, s, n: best(w[1:], s, n), "you leave out 3 spans"),
        (ch05_4_spans.best_span, lambda w, s, n: best(w[::-1], s, n), "do not follow"),
        (ch05_4_spans.best_span, lambda *a: best(*a, choose=min), "the lowest score"),
        (
            ch05_4_spans.best_span,
            lambda *a: best(*a, weigh=lambda one: len(one.split())),
            "the number of words",
        ),
        (ch05_4_spans.best_span, lambda w, s, n: best(w, s, n) and "Gabon", "Another span"),
        (ch05_4_spans.best_span, lambda w, s, n: w[0], "never asked"),
        (ch05_4_spans.best_span, lambda w, s, n: int(s(w).argmax()), "not int"),
        (ch05_4_spans.best_span, lambda w, s, n: s(w[0]), "takes a list"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


def test_the_checks_own_measure_is_the_packages() -> None:
    drawn = random.Random(1)
    for _ in range(50):
        mine, theirs = (" ".join(drawn.choices(["the", "Franc", "yen,", "A"], k=4)) for _ in "ab")
        assert _measure()(mine, theirs) == pytest.approx(token_f1([mine], [theirs]))


@pytest.mark.parametrize(
    "check", [ch05_4.token_f1, ch05_4.row, ch05_4_spans.split, ch05_4_spans.best_span]
)
def test_empty(check: Any) -> None:
    assert check().state == check(lambda *_: ...).state == "empty"
    forgotten = check(lambda *a: print(end=""))
    assert forgotten.state == "wrong" and "return" in forgotten.message
