"""The checks of chapter 5.5: F1 from answers, and naive Bayes by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number

#: Answers, the right ones, and the label asked for.
_ANSWERED = (
    ("cacbbcbacaab", "cccacaaacaab", "a"),
    ("xyyxzzyxyy", "xxyxzyyzxy", "y"),
    ("uuvu", "uvvv", "v"),
)


@exercise("Fill in f1(answers, right, label) so that it returns a number from 0 to 1.")
def f1(answer: Any) -> str:
    """Check a function answers, right ones, label → F1 of that label."""
    for given, expected, label in _ANSWERED:
        answers, right = list(given), list(expected)
        value = number(call(answer, answers, right, label))
        found = _f1(answers, right, label)
        if close(value, found):
            continue
        name_mistake(value, _f1_mistakes(answers, right, label))
        raise Wrong(
            f"For the answers {answers}, where {right} were right, and the label {label!r} you "
            f"return {value:.4f}. Count three things: answered and right, answered and wrong, "
            f"right and not answered."
        )
    never = number(call(answer, ["b", "b"], ["a", "b"], "a"))
    if never != 0:
        raise Wrong(
            f"Where the label was never answered you return {never}. Nothing was found: F1 is 0."
        )
    return "One number that is high only where both precision and recall are."


def _counts(answers: Sequence[str], right: Sequence[str], label: str) -> tuple[int, int, int]:
    """Return how often a label was answered rightly, how often answered, how often right."""
    both = sum(a == b == label for a, b in zip(answers, right, strict=True))
    return both, list(answers).count(label), list(right).count(label)


def _f1(answers: Sequence[str], right: Sequence[str], label: str) -> float:
    both, answered, true = _counts(answers, right, label)
    return 2 * both / (answered + true) if both else 0.0


def _f1_mistakes(
    answers: Sequence[str], right: Sequence[str], label: str
) -> list[tuple[float, str]]:
    both, answered, true = _counts(answers, right, label)
    precision, recall = both / answered, both / true
    share = sum(a == b for a, b in zip(answers, right, strict=True)) / len(right)
    of_each = [_f1(answers, right, one) for one in sorted(set(right))]
    return [
        (precision, "That is the precision alone. What was missed does not count yet."),
        (recall, "That is the recall alone. What was answered wrongly does not count yet."),
        (
            (precision + recall) / 2,
            "That is the plain mean of precision and recall. F1 is their harmonic mean, which is "
            "low as soon as one of them is.",
        ),
        (precision * recall, "That is the product of precision and recall."),
        (
            precision * recall / (precision + recall),
            "A factor is missing: with precision and recall both 1 it should be 1.",
        ),
        (share, "That is the accuracy: it does not ask which label."),
        (
            sum(of_each) / len(of_each),
            "That is the mean of F1 over all labels. Asked for is that of one label.",
        ),
        *(
            (other, "That is the F1 of another label. Use the one handed over.")
            for other in of_each
        ),
    ]


_TEXTS = (
    ("not bad not bad", "x"),
    ("good fast fast", "x"),
    ("bad slow", "y"),
    ("not good", "y"),
    ("fine good clear fast fine", "x"),
)
_ASKED = ("not good", "bad bad fast", "clear slow", "good unheard", "fine fast not slow bad")


@exercise("Fill in naive_bayes(texts, labels, asked) so that it returns a list of dicts.")
def naive_bayes(answer: Any) -> str:
    """Check a function texts, labels, asked → for each text asked {label: log-probability}."""
    texts, labels = [text.split() for text, _ in _TEXTS], [label for _, label in _TEXTS]
    asked = [text.split() for text in _ASKED]
    result = call(answer, [*map(list, texts)], list(labels), [*map(list, asked)])
    scores = _as_scores(result, sorted(set(labels)), len(asked))
    right = _bayes(texts, labels, asked)
    if _near(scores, right):
        return "No order, no pairs: each word votes for itself, and the logarithms add up."
    name_mistake(
        scores,
        (
            (_bayes(texts, labels, asked, **changed), message)
            for changed, message in _BAYES_MISTAKES
        ),
        _near,
    )
    if _near([_softmax(one) for one in scores], [_softmax(one) for one in right]):
        raise Wrong("The labels differ by the right amounts; return the sums of logarithms alone.")
    if _near(scores, [{label: math.exp(one) for label, one in of.items()} for of in right]):
        raise Wrong("Those are products of probabilities. Return the sums of their logarithms.")
    if _near(scores, [{label: -one for label, one in of.items()} for of in right]):
        raise Wrong("The sign is turned round: a logarithm of a probability is not above 0.")
    for i, (mine, theirs) in enumerate(zip(scores, right, strict=True)):
        for label in mine:
            if not close(mine[label], theirs[label]):
                raise Wrong(
                    f"For the text {asked[i]} and the label {label!r} you return "
                    f"{mine[label]:.4f}. Take it in parts: the label's share of the texts, then "
                    f"one factor a word of the text."
                )
    raise Wrong("Those are not the log-probabilities.")


Scores = list[dict[str, float]]


def _as_scores(result: Any, labels: list[str], count: int) -> Scores:
    if not isinstance(result, list | tuple) or len(result) != count:
        has = f" with {len(result)}" if isinstance(result, list | tuple) else ""
        raise Wrong(
            f"Return a list of {count} dicts, one a text, not {type(result).__name__}{has}."
        )
    found = []
    for one in result:
        if not isinstance(one, dict):
            raise Wrong(f"The list should hold dicts {{label: number}}, not {type(one).__name__}.")
        if set(one) != set(labels):
            raise Wrong(f"Each dict needs the labels {labels}; one has {sorted(map(str, one))}.")
        found.append({label: number(one[label]) for label in labels})
    return found


def _bayes(
    texts: Sequence[Sequence[str]],
    labels: Sequence[str],
    asked: Sequence[Sequence[str]],
    *,
    prior: bool = True,
    add: float = 1.0,
    words: str = "all",
    unknown: bool = False,
    once_asked: bool = False,
    once_told: bool = False,
    by_texts: bool = False,
    log: Any = math.log,
) -> Scores:
    """Return the log-probabilities, or what comes of a mistake.

    Args:
        texts: the words of each text to learn from.
        labels: theirs.
        asked: the words of the texts asked.
        prior: whether a label's share of the texts counts.
        add: what is added to every count.
        words: the kinds of words the sum goes over: "all", those of "own" label, "none".
        unknown: whether words that were never told count.
        once_asked: whether a word counts once in a text asked.
        once_told: whether a word counts once in a text to learn from.
        by_texts: divide by a label's texts and not by its words.
        log: the logarithm.
    """
    counts: dict[str, Counter[str]] = {label: Counter() for label in sorted(set(labels))}
    for told, label in zip(texts, labels, strict=True):
        counts[label].update(set(told) if once_told else told)
    known = set().union(*counts.values())
    found = []
    for text in asked:
        seen = [word for word in text if unknown or word in known]
        of = {}
        for label, count in counts.items():
            kinds = {"all": len(known), "own": len(count), "none": 0}[words]
            below = (list(labels).count(label) if by_texts else count.total()) + add * kinds
            of[label] = log(list(labels).count(label) / len(labels)) if prior else 0.0
            for word in dict.fromkeys(seen) if once_asked else seen:
                of[label] += log((count[word] + add) / below) if count[word] + add else -math.inf
        found.append(of)
    return found


_BAYES_MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"prior": False}, "The labels' shares of the texts are missing: x is commoner than y."),
    (
        {"add": 0.0},
        "Nothing is added: a word that never stood with a label makes it impossible, whatever the "
        "other words say.",
    ),
    (
        {"words": "none"},
        "One is added above and nothing below: the probabilities of a label's words then sum to "
        "more than 1.",
    ),
    (
        {"words": "own"},
        "Below you count the kinds of words of that label alone. It is all kinds there are, under "
        "any label.",
    ),
    (
        {"unknown": True},
        "A word that stands in no text to learn from counts too. It is left out: nothing is known "
        "of it.",
    ),
    ({"once_asked": True}, "A word that stands twice in the text asked counts twice."),
    ({"once_told": True}, "A word that stands twice in a text to learn from counts twice there."),
    ({"by_texts": True}, "Below stands the number of a label's words, not of its texts."),
    ({"log": math.log2}, "These are logarithms to the base 2. It is the natural one."),
]


def _near(one: Scores, other: Scores) -> bool:
    return all(
        math.isclose(a[label], b[label], rel_tol=1e-4, abs_tol=1e-9)
        for a, b in zip(one, other, strict=True)
        for label in a
    )


def _softmax(scores: dict[str, float]) -> dict[str, float]:
    total = sum(math.exp(min(700, one)) for one in scores.values())
    if not 0 < total < math.inf:
        return dict.fromkeys(scores, math.nan)
    return {label: math.exp(min(700, one)) / total for label, one in scores.items()}
