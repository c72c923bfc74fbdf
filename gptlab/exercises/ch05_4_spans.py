"""The checks of chapter 5.4 on places and spans: a split that does not leak, the best span."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.checks import Wrong, call, exercise, train_and_test

#: A passage with a question, its answer, and the two places it is about.
Passage = tuple[str, str, tuple[str, str]]

_NAMES = ("Arl", "Bex", "Cal", "Dun", "Eld", "Fen", "Gar", "Hol", "Ise", "Jor", "Kel", "Lun")


def _passages() -> list[Passage]:
    """Return one passage for each pair of places, mixed."""
    pairs = list(combinations(_NAMES, 2))
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(54)).tolist()
    return [
        (f"Of {pairs[i][i % 2]} and {pairs[i][1 - i % 2]}: what?", f"fact {i}", pairs[i])
        for i in order
    ]


@exercise("Fill in split(passages, share, seed) so that it returns the pair (train, test).")
def split(answer: Any) -> str:
    """Check a function passages, share, seed → two lists that share no place."""
    passages = _passages()
    parts = [
        _judge_split(call(answer, list(passages), share, seed), passages, share)
        for share, seed in ((0.25, 1), (0.25, 1), (0.25, 2), (0.5, 3))
    ]
    first, again, other, _ = parts
    if first != again:
        raise Wrong("Called twice with the same seed you return two different splits.")
    if first == other:
        raise Wrong("Two seeds give the same places to test on. Draw the places by the seed.")
    turned = _judge_split(call(answer, passages[::-1], 0.25, 1), passages, 0.25)
    if turned != first:
        raise Wrong(
            "With the passages in another order the same seed draws other places. Bring the places "
            "into an order of their own before you draw."
        )
    return "No place is on both sides. What stood between them is the price."


def _judge_split(result: Any, passages: Sequence[Passage], share: float) -> frozenset[str]:
    """Return the places to test on, if the split is as it should be."""
    train, test = train_and_test(result, passages, "passages")
    for name, part in (("train", train), ("test", test)):
        if len(set(part)) != len(part):
            raise Wrong(f"In {name} a passage stands twice.")
    known, tested = (frozenset(p for *_, both in part for p in both) for part in (train, test))
    if not test:
        raise Wrong("test is empty.")
    if leaked := known & tested:
        both = f"{len(leaked)} places stand in passages of both parts, the first {min(leaked)!r}"
        raise Wrong(f"{both}: a leak.{_why(train, test)}")
    count, size = len(_NAMES), round(share * len(_NAMES))
    if len(tested) == count - size != size:
        raise Wrong(f"The parts are turned round: with share = {share:g} test is the smaller one.")
    if len(tested) != size:
        raise Wrong(
            f"There are {count} places, and with share = {share:g} the passages you test on are "
            f"about {len(tested)}; it should be {size}."
        )
    for name, part, inside in (
        ("test", test, lambda both: tested.issuperset(both)),
        ("train", train, lambda both: tested.isdisjoint(both)),
    ):
        if lost := [one for one in passages if inside(one[2]) and one not in part]:
            raise Wrong(
                f"{len(lost)} passages could stand in {name} without a leak and do not, the first "
                f"{min(lost)[0]!r}."
            )
    return tested


def _why(train: Sequence[Passage], test: Sequence[Passage]) -> str:
    """Say what a leak looks like, where it is one of two kinds."""
    if len(train) + len(test) == len(_passages()):
        return (
            " A passage is about two places; where they fall on two sides, it can stand on neither."
        )
    return ""


#: The words of a passage, the most words a span may have, and scores in nats of some spans; all
#: others have a lower one. The span with the highest score of those allowed is the right one.
_SPANS: tuple[tuple[str, int, dict[str, float]], ...] = (
    (
        "In Gabon one pays with the Central African Franc. GA stands for Gabon.",
        3,
        {"Central African Franc": -0.7, "Franc": -0.9, "the Central African Franc": -0.1},
    ),
    ("Letters to Togo carry TG.", 2, {"TG": -1.1, "Togo": -1.5, "carry TG": -1.6}),
    (
        "Kip stands there and so does Lao.",
        4,
        {"Kip": -2.0, "so does Lao": -3.0, "Kip stands": -2.1},
    ),
    ("One speaks French. English too", 2, {"English too": -0.5, "French": -0.6}),
)
_LOWEST = -20.0


@exercise("Fill in best_span(words, score, longest) so that it returns the text of a span.")
def best_span(answer: Any) -> str:
    """Check a function words, score, longest → the span's text that has the highest score."""
    for passage, longest, scored in _SPANS:
        words = passage.split()
        asked: list[str] = []
        result = call(answer, list(words), _scorer(words, scored, asked), longest)
        spans = _spans(words, longest)
        scores = _scorer(words, scored, [])(spans).tolist()
        _judge_span(result, words, longest, set(asked), dict(zip(spans, scores, strict=True)))
    return "Nothing is made up: what is chosen stands in the passage."


def _scorer(
    words: Sequence[str], scored: dict[str, float], asked: list[str]
) -> Callable[[Sequence[str]], Tensor]:
    """Return a function from spans to scores (n,), which notes what it was asked."""
    order = {text: i for i, text in enumerate(_spans(words, len(words)))}

    def score(spans: Sequence[str]) -> Tensor:
        if isinstance(spans, str) or not all(isinstance(one, str) for one in spans):
            raise TypeError("score takes a list of texts")
        asked.extend(spans)
        # Long spans lie deep, but a little less so by their mean over the words.
        found = [
            scored.get(one, _LOWEST - 0.01 * order.get(one, 0) - 2.0 * len(one.split()))
            for one in spans
        ]
        return torch.tensor(found)

    return score


def _spans(words: Sequence[str], longest: int) -> list[str]:
    return [
        " ".join(words[start : start + length]).removesuffix(".")
        for start in range(len(words))
        for length in range(1, min(longest, len(words) - start) + 1)
    ]


def _judge_span(
    result: Any, words: Sequence[str], longest: int, known: set[str], scores: dict[str, float]
) -> None:
    """Compare a span with the one that has the highest score.

    Args:
        result: what the reader returned.
        words: of the passage.
        longest: words a span may have.
        known: the texts whose score was asked for.
        scores: of all spans, by their text.
    """
    if not isinstance(result, str):
        raise Wrong(f"Return the span's text, not {type(result).__name__}.")
    where = f"Of {' '.join(words)!r} with longest = {longest}"
    if not known:
        raise Wrong("The function score was never asked. It alone knows how likely a span is.")
    missing = [one for one in scores if one not in known]
    if result == max(scores, key=scores.__getitem__) and not missing:
        return
    if any(one.endswith(".") for one in known):
        raise Wrong(f"{where} you ask for a span with its full stop. Take it off before you ask.")
    if any(len(one.split()) > longest for one in known):
        raise Wrong(f"{where} you ask for a span of more words than allowed.")
    if made := sorted(one for one in known if one not in scores):
        raise Wrong(f"{where} you ask for {made[0]!r}: those words do not follow one another.")
    if missing:
        raise Wrong(f"{where} you leave out {_which(missing, words, longest)}.")
    if result == min(scores, key=scores.__getitem__):
        raise Wrong(f"{where} you take the lowest score. A log-probability is higher for likelier.")
    if result == max(scores, key=lambda one: scores[one] / len(one.split())):
        raise Wrong(
            f"{where} you divide by the number of words. The score is of the whole answer with its "
            f"end, so long and short ones compare as they are."
        )
    raise Wrong(f"{where} you return {result!r}. Another span has a higher score.")


def _which(missing: Sequence[str], words: Sequence[str], longest: int) -> str:
    """Say what is left out, by the first rule that fits."""
    last = words[-1].removesuffix(".")
    if all(one.split()[-1] == last for one in missing):
        return "spans that end with the last word"
    if all(len(one.split()) == longest for one in missing):
        return f"spans of {longest} words"
    if all(len(one.split()) > 1 for one in missing):
        return "spans of more than one word"
    if all(len(one.split()) == 1 for one in missing):
        return "spans of one word"
    return f"{len(missing)} spans, the first {missing[0]!r}"
