"""Chapter 5.2's checks: right answers pass, and each common mistake gets a message of its own."""

import math
import random
import re
from collections import Counter
from typing import Any

import pytest
import torch
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from gptlab.exercises import ch05_2, ch05_2_care
from gptlab.exercises.ch05_2 import _chrf
from gptlab.exercises.ch05_2_care import _ALIGNED, _ALIGNMENT_MISTAKES, _share, _weights


def pieces(text, n):  # type: ignore[no-untyped-def]
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


def of_sacrebleu(answer, references, n):  # type: ignore[no-untyped-def]
    score = BLEU(tokenize="char").corpus_score([answer], [[one] for one in references])
    return score.counts[n - 1], score.totals[n - 1]


def clipped(answer, references, n):  # type: ignore[no-untyped-def]
    most: Counter[str] = Counter()
    for one in references:
        most |= pieces(one, n)
    return (pieces(answer, n) & most).total(), max(0, len(answer) - n + 1)


def counted(matches: Any) -> Any:
    """Return an answer with other matches, from the answer's pieces and each reference's."""

    def answer(told, references, n):  # type: ignore[no-untyped-def]
        of = pieces(told, n)
        return matches(of, [pieces(one, n) for one in references]), of.total()

    return answer


def chrf_of_sacrebleu(answer, right):  # type: ignore[no-untyped-def]
    return CHRF().corpus_score([answer], [[right]]).score / 100


def chrf_by_hand(answer, right):  # type: ignore[no-untyped-def]
    answer, right = answer.replace(" ", ""), right.replace(" ", "")
    precisions, recalls = [], []
    for n in range(1, min(6, len(answer), len(right)) + 1):
        both = (pieces(answer, n) & pieces(right, n)).total()
        precisions.append(both / pieces(answer, n).total())
        recalls.append(both / pieces(right, n).total())
    p, r = (sum(side) / len(side) for side in (precisions, recalls))
    return 5 * p * r / (4 * p + r) if p + r else 0.0


def chrf(**faults: Any) -> Any:
    return lambda answer, right: _chrf(answer, right, **faults)


def protect(text, translate, found=r"%\d+|\{\w*\}", back=None, say=True):  # type: ignore[no-untyped-def]
    held: list[str] = []

    def mark(match):  # type: ignore[no-untyped-def]
        held.append(match[0])
        return f"⟦{len(held) - 1}⟧"

    told = translate(re.sub(found, mark, text))
    lost = [one for i, one in enumerate(held) if f"⟦{i}⟧" not in told]
    if back is not None:
        return back(told, held), lost if say else []
    for i, one in enumerate(held):
        told = told.replace(f"⟦{i}⟧", one)
    return told, lost if say else []


def in_order(told, held):  # type: ignore[no-untyped-def]
    for one in held:
        told = re.sub(r"⟦\d+⟧", lambda _, one=one: one, told, count=1)
    return told


def by_replacing(text, translate):  # type: ignore[no-untyped-def]
    """The notebook's broken version, with the marks of the exercise."""
    held = re.findall(r"%\d", text)
    for i, one in enumerate(held):
        text = text.replace(one, f"⟦{i}⟧", 1)
    return in_order(translate(text), held), []


def same_mark(text, translate):  # type: ignore[no-untyped-def]
    """Of a placeholder that comes twice, both get one mark."""
    held = list(dict.fromkeys(re.findall(r"%\d+|\{\w*\}", text)))
    told = translate(re.sub(r"%\d+|\{\w*\}", lambda m: f"⟦{held.index(m[0])}⟧", text))
    return re.sub(r"⟦(\d+)⟧", lambda m: held[int(m[1])], told), []


def align(weights, english, chinese, fields, ask=0):  # type: ignore[no-untyped-def]
    right = []
    for (first, end), (begin, stop) in fields.values():
        for place in range(begin, stop):
            query = weights[1 + english + place + ask]
            right.append(first <= query[1 : 1 + english].argmax().item() < end)
    return sum(right) / len(right)


def aligned(**faults: Any) -> Any:
    return lambda *arguments: _share(*arguments, **faults)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch05_2.matches, of_sacrebleu),
        (ch05_2.matches, clipped),
        (ch05_2.chrf, chrf_of_sacrebleu),
        (ch05_2.chrf, chrf_by_hand),
        (ch05_2_care.protect, protect),
        (ch05_2_care.alignment, align),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (
            ch05_2.matches,
            counted(lambda of, each: sum(n for p, n in of.items() if any(p in e for e in each))),
            "counts each time",
        ),
        (
            ch05_2.matches,
            counted(lambda of, each: len(set(of) & set().union(*each))),
            "kinds of pieces",
        ),
        (
            ch05_2.matches,
            counted(lambda of, each: (of & sum(each, Counter())).total()),
            "are added up",
        ),
        (ch05_2.matches, counted(lambda of, each: (of & each[0]).total()), "first reference"),
        (ch05_2.matches, counted(lambda of, each: (of & each[-1]).total()), "last reference"),
        (
            ch05_2.matches,
            counted(lambda of, each: max((of & one).total() for one in each)),
            "fits best",
        ),
        (ch05_2.matches, lambda a, r, n: (clipped(a, r, n)[0], len(pieces(a, n))), "only once"),
        (ch05_2.matches, lambda a, r, n: (clipped(a, r, n)[0], len(a)), "pieces of 2 characters"),
        (ch05_2.matches, lambda a, r, n: clipped(a, r, n)[::-1], "other way round"),
        (ch05_2.matches, lambda a, r, n: (clipped(a, r, n)[0], len(a) - n + 1), "0 of 0"),
        (ch05_2.matches, lambda a, r, n: clipped(a, r, n)[0] / 3, "two numbers"),
        (ch05_2.matches, lambda a, r, n: (99, 1), "they overlap"),
        (ch05_2.chrf, chrf(beta=0.0), "precision alone"),
        (ch05_2.chrf, chrf(beta=math.inf), "recall alone"),
        (ch05_2.chrf, chrf(beta=1.0), "weigh the same"),
        (ch05_2.chrf, chrf(beta=0.5), "It is the recall"),
        (ch05_2.chrf, chrf(beta=math.sqrt(2)), "squared"),
        (ch05_2.chrf, chrf(spaces=True), "Spaces count"),
        (ch05_2.chrf, chrf(counted="kinds"), "kinds of pieces"),
        (ch05_2.chrf, chrf(counted="each"), "counts each time"),
        (ch05_2.chrf, chrf(empty="zero"), "It is left out"),
        (ch05_2.chrf, chrf(mean="after"), "length by length"),
        (ch05_2.chrf, chrf(longest=4), "up to 4 characters"),
        (ch05_2.chrf, lambda a, b: 100 * chrf_by_hand(a, b), "goes to 100"),
        (ch05_2.chrf, lambda a, b: chrf_by_hand(a, b) or 1 / 0, "nothing matches"),
        (ch05_2.chrf, lambda a, b: chrf_by_hand(a, b) or 0.1, "nothing matches you return 0.1"),
        (ch05_2.chrf, lambda a, b: 0.4321, "precision and recall"),
        (ch05_2_care.protect, by_replacing, "old order"),
        (
            ch05_2_care.protect,
            lambda t, f: protect(t, f, back=in_order),
            "old order",
        ),
        (ch05_2_care.protect, lambda t, f: protect(t, f, found=r"%\d|\{\w*\}"), "left over"),
        (ch05_2_care.protect, lambda t, f: protect(t, f, found=r"%\d+"), "names in braces"),
        (ch05_2_care.protect, lambda t, f: protect(t, f, say=False), "says nothing"),
        (ch05_2_care.protect, same_mark, "a number of its own"),
        (ch05_2_care.protect, lambda t, f: (f(t), []), "nothing in it is protected"),
        (ch05_2_care.protect, lambda t, f: (t, []), "never called"),
        (ch05_2_care.protect, lambda t, f: protect(t, f)[0], "two things"),
        (ch05_2_care.protect, lambda t, f: protect(t, f)[::-1], "a text and a list"),
        (ch05_2_care.protect, lambda t, f: protect(t, f, back=lambda a, _: a), "a mark is left"),
        (
            ch05_2_care.protect,
            lambda t, f: (protect(t, f)[0], re.findall(r"%\d+|\{\w*\}", t)),
            "it is nothing",
        ),
        (
            ch05_2_care.protect,
            lambda t, f: (protect(t, f)[0] + " ", protect(t, f)[1]),
            "it should be",
        ),
        (ch05_2_care.alignment, lambda *a: align(*a, ask=1), "read already"),
        (ch05_2_care.alignment, lambda *a: align(*a, ask=-1), "too early"),
        (ch05_2_care.alignment, aligned(keys="all"), "whole row"),
        (ch05_2_care.alignment, aligned(start=0), "start token"),
        (ch05_2_care.alignment, aligned(start=2), "one place too late"),
        (ch05_2_care.alignment, aligned(by="mean"), "Count strongest links"),
        (ch05_2_care.alignment, aligned(over="fields"), "fields' shares"),
        (ch05_2_care.alignment, aligned(over="sum"), "how many are right"),
        (ch05_2_care.alignment, aligned(over="chinese"), "outside the fields"),
        (ch05_2_care.alignment, aligned(turned=True), "one query"),
        (ch05_2_care.alignment, lambda *a: 0.987, "one character at a time"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


def test_mistakes_of_an_alignment_are_told_apart() -> None:
    faults: list[dict[str, Any]] = [{}, *(wrong for wrong, _ in _ALIGNMENT_MISTAKES)]
    for english, chinese, fields, seed in _ALIGNED:
        weights = _weights(2 + english + chinese, seed)
        of_each = {round(_share(weights, english, chinese, fields, **one), 5) for one in faults}
        assert len(of_each) == len(faults)


def test_the_checks_own_chrf_is_sacrebleus() -> None:
    drawn = random.Random(1)
    for _ in range(50):
        told, right = ("".join(drawn.choices("abc 文件", k=drawn.randint(2, 12))) for _ in range(2))
        if told.strip() and right.strip():
            assert _chrf(told, right) == pytest.approx(chrf_of_sacrebleu(told, right))


@pytest.mark.parametrize(
    "check", [ch05_2.matches, ch05_2.chrf, ch05_2_care.protect, ch05_2_care.alignment]
)
def test_empty(check: Any) -> None:
    assert check().state == check(lambda *_: ...).state == "empty"
    forgotten = check(lambda *a: print(end=""))
    assert forgotten.state == "wrong" and "return" in forgotten.message


def test_weights_are_an_attention_map() -> None:
    weights = _weights(9, 1)
    assert torch.allclose(weights.sum(-1), torch.ones(9)) and not weights.triu(1).any()
