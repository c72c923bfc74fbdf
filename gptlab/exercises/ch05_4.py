"""The checks of chapter 5.4: token F1 by hand, and a row with what is graded in it."""

from __future__ import annotations

import math
import operator
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from gptlab.exercises.checks import Wrong, call, exercise, name_mistake, number
from gptlab.tasks.metrics import token_f1 as _right_f1

#: Answers and right ones. Words stand twice, articles stand inside words, and some share nothing.
_ANSWERED = (
    ("The Mauritian Rupee.", "mauritian rupee"),
    ("Rupee", "Mauritian Rupee"),
    ("one West African CFA franc", "Central African CFA Franc"),
    ("Franc franc a Euro", "the Franc"),
    ("peso peso", "Peso de peso"),
    ("Thenar Dollar", "Nar Dollar"),
    ("Trinidad & Tobago Dollar", "Trinidad and Tobago Dollar"),
    ("rial (Yemen)", "Yemeni Rial"),
    ("Euro", "Yen"),
    ("", "Yen"),
)


@exercise("Fill in token_f1(answer, right) so that it returns a number from 0 to 1.")
def token_f1(answer: Any) -> str:
    """Check a function answer, right answer → token F1, after Rajpurkar et al. 2016."""
    values = [number(call(answer, *pair)) for pair in _ANSWERED]
    expected = [_right_f1([given], [right]) for given, right in _ANSWERED]
    if _near(values, expected):
        return "Part of the answer counts in part, and a word said too often does not help."
    name_mistake(
        values,
        (([measure(*pair) for pair in _ANSWERED], message) for measure, message in _F1_MISTAKES),
        _near,
    )
    for (given, right), value, true in zip(_ANSWERED, values, expected, strict=True):
        if not math.isclose(value, true, rel_tol=1e-4, abs_tol=1e-6):
            raise Wrong(
                f"For the answer {given!r}, where {right!r} is right, you return {value:.4f}. "
                f"Write down the words of both that are left, then how many are shared."
            )
    raise Wrong("Those are not the scores.")


def _near(values: Sequence[float], others: Sequence[float]) -> bool:
    return all(
        math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6) for a, b in zip(values, others, strict=True)
    )


def _measure(
    *,
    lower: bool = True,
    punctuation: bool = True,
    articles: str = r"\b(a|an|the)\b",
    once: bool = False,
    letters: bool = False,
    combine: Callable[[float, float], float] = lambda p, r: 2 * p * r / (p + r),
) -> Callable[[str, str], float]:
    """Return token F1, or what comes of a mistake.

    Args:
        lower: whether capitals are passed over.
        punctuation: whether punctuation is.
        articles: what is left out, as a regular expression.
        once: whether a word counts once however often it stands.
        letters: compare letters in the place of words.
        combine: what is made of precision and recall, where something is shared.
    """

    def words(text: str) -> list[str]:
        text = text.lower() if lower else text
        if punctuation:
            text = text.translate(str.maketrans("", "", string.punctuation))
        found = re.sub(articles, " ", text).split() if articles else text.split()
        found = list("".join(found)) if letters else found
        return list(dict.fromkeys(found)) if once else found

    def measure(given: str, right: str) -> float:
        mine, theirs = words(given), words(right)
        shared = (Counter(mine) & Counter(theirs)).total()
        return combine(shared / len(mine), shared / len(theirs)) if shared else 0.0

    return measure


def _words_in_right(given: str, right: str) -> float:
    """Return F1 where each word of the answer that the right one has counts, however often."""
    mine, theirs = ("".join(c for c in t if c not in string.punctuation) for t in (given, right))
    mine_words, their_words = (
        re.sub(r"\b(a|an|the)\b", " ", text.lower()).split() for text in (mine, theirs)
    )
    shared = sum(word in their_words for word in mine_words)
    return 2 * shared / (len(mine_words) + len(their_words)) if shared else 0.0


_F1_MISTAKES: tuple[tuple[Callable[[str, str], float], str], ...] = (
    (
        _measure(once=True),
        "Each word counts once, however often it stands. In 'Franc franc' the second one is a word "
        "of the answer too, and the right answer has only one.",
    ),
    (
        _words_in_right,
        "A word that stands twice in the answer and once in the right one is shared once.",
    ),
    (_measure(lower=False), "Capitals make a difference in yours. They should not."),
    (_measure(punctuation=False), "Punctuation makes a difference in yours. Take it out."),
    (_measure(articles=""), "The articles a, an and the are still among the words."),
    (
        _measure(articles=r"the|an|a"),
        "You take out letters within words: 'Thenar' begins with three that are no article there.",
    ),
    (
        _measure(combine=lambda p, r: p),
        "That is the precision alone: an answer of one right word would always be perfect.",
    ),
    (
        _measure(combine=lambda p, r: r),
        "That is the recall alone: repeating the whole passage would always be perfect.",
    ),
    (_measure(combine=lambda p, r: (p + r) / 2), "That is the plain mean of precision and recall."),
    (_measure(combine=lambda p, r: p * r), "That is the product of precision and recall."),
    (
        _measure(combine=lambda p, r: p * r / (p + r)),
        "A factor is missing: for the right answer itself it should be 1.",
    ),
    (
        _measure(combine=lambda p, r: 1 / (1 / p + 1 / r - 1)),
        "That is the share of all words that are shared, which is not F1: see how it is defined.",
    ),
    (
        _measure(combine=lambda p, r: float(p == r == 1)),
        "That is the exact match: a part of the answer should count in part.",
    ),
    (_measure(letters=True), "You compare letters. It is words that are compared."),
)

#: Ids of a question, of its answer, and the id that ends it.
_ROWS = (
    ([0, 21, 22, 23, 24], [31, 32, 33], 0),
    ([0, 21], [31], 0),
    ([7, 5, 5, 6, 5, 6], [5, 6], 9),
    ([4, 4, 4], [4, 8, 4, 4, 8], 4),
)
_NOT_GRADED = -100
Row = tuple[list[int], list[int]]


@exercise("Fill in row(asked, told, end) so that it returns (tokens, targets), two lists of ids.")
def row(answer: Any) -> str:
    """Check a function ids of the question, of the answer, end → tokens and targets."""
    results = [_as_row(call(answer, list(a), list(t), end)) for a, t, end in _ROWS]
    if results == [_right_row(*one) for one in _ROWS]:
        return "The answer and its end are graded, each from all that stands before."
    name_mistake(
        results,
        (([wrong(*one) for one in _ROWS], message) for wrong, message in _ROW_MISTAKES),
        operator.eq,
    )
    for (asked, told, end), mine in zip(_ROWS, results, strict=True):
        where = f"For asked = {asked}, told = {told} and end = {end}"
        right = _right_row(asked, told, end)
        if mine == right:
            continue
        if len(mine[0]) != len(mine[1]):
            raise Wrong(
                f"{where} you return {len(mine[0])} tokens and {len(mine[1])} targets. Each token "
                f"has one target: what comes next, or {_NOT_GRADED}."
            )
        if mine[0] != right[0]:
            raise Wrong(
                f"{where} your tokens are {mine[0]}. The row is the question, the answer and the "
                f"end; its last token has nothing to predict."
            )
        raise Wrong(f"{where} your targets are {mine[1]}. Write the tokens above them and compare.")
    raise Wrong("Those are not the rows.")


def _as_row(result: Any) -> Row:
    if not isinstance(result, list | tuple) or len(result) != 2:
        raise Wrong(f"Return two lists, (tokens, targets), not {type(result).__name__}.")
    found = []
    for name, part in zip(("tokens", "targets"), result, strict=True):
        ids = part.tolist() if isinstance(part, Tensor) and part.dim() == 1 else part
        if not isinstance(ids, list | tuple) or not all(type(one) is int for one in ids):
            raise Wrong(f"{name} should be a list of ids, whole numbers.")
        found.append(list(ids))
    return found[0], found[1]


def _right_row(asked: list[int], told: list[int], end: int) -> Row:
    return asked + told, [_NOT_GRADED] * (len(asked) - 1) + told + [end]


def _all_graded(asked: list[int], told: list[int], end: int) -> Row:
    return asked + told, [*asked[1:], *told, end]


_ROW_MISTAKES: tuple[tuple[Callable[[list[int], list[int], int], Row], str], ...] = (
    (
        lambda a, t, e: (a + t, [_NOT_GRADED] * len(a) + t),
        "The targets are the tokens themselves: at each place the model would be graded on the "
        "token it has just read. A target is what comes next.",
    ),
    (
        lambda a, t, e: ([*a, *t, e], [_NOT_GRADED] * len(a) + [*t, e]),
        "The targets are the tokens themselves: at each place the model would be graded on the "
        "token it has just read. A target is what comes next.",
    ),
    (_all_graded, "The question is graded too. Only the answer should be."),
    (
        lambda a, t, e: ([*a, *t, e][:-2], [_NOT_GRADED] * (len(a) - 1) + t),
        "Nothing grades the end: a model taught so never learns where to stop.",
    ),
    (
        lambda a, t, e: (a + t, [_NOT_GRADED] * (len(a) - 1) + [*t, _NOT_GRADED]),
        "Nothing grades the end: a model taught so never learns where to stop.",
    ),
    (
        lambda a, t, e: (a + t, [_NOT_GRADED] * len(a) + [*t[1:], e]),
        "The first token of the answer is not graded. It is predicted at the question's last one.",
    ),
    (
        lambda a, t, e: (a + t, [_NOT_GRADED] * (len(a) - 2) + [a[-1], *t, e]),
        "The last token of the question is graded. It is asked, not answered.",
    ),
    (
        lambda a, t, e: ([*a, *t, e], [_NOT_GRADED] * (len(a) - 1) + [*t, e, _NOT_GRADED]),
        "The end itself is read, and has nothing to predict. Leave it out of the tokens.",
    ),
    (
        lambda a, t, e: (a + t, [0] * (len(a) - 1) + [*t, e]),
        "0 is an id like any other, so the question is graded on it. What is not graded is -100.",
    ),
    (
        lambda a, t, e: (a + t, [100] * (len(a) - 1) + [*t, e]),
        "What is not graded has the target -100, with its sign.",
    ),
    (
        lambda a, t, e: (a + t, [*t, e] + [_NOT_GRADED] * (len(a) - 1)),
        "The answer is graded at the beginning of the row. Its targets stand where it is read.",
    ),
)
