"""The checks of chapter 1: a table of pairs that backs off, and what a training costs."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number

#: Training ids, validation ids, kinds of ids there are. The last training id of each also stands
#: before others, some validation ids follow one never seen before them, and some were never seen.
_COUNTED: tuple[tuple[list[int], list[int], int], ...] = (
    ([0, 1, 2, 0, 1, 3, 0, 1, 2, 2, 1, 0], [1, 0, 1, 2, 3, 1, 1, 0], 6),
    ([3, 3, 1, 4, 1, 5, 2, 6, 5, 3, 5], [2, 7, 1, 8, 2, 3, 1], 10),
    ([0, 1, 0, 1, 1, 0, 2], [2, 0, 1, 0, 2, 2], 3),
)


@exercise("Fill in perplexity(train, val, n_kinds) so that it returns a number.")
def perplexity(answer: Any) -> str:
    """Check a function train, val, n_kinds → perplexity of a table of pairs that backs off."""
    for train, val, n_kinds in _COUNTED:
        value = number(call(answer, list(train), list(val), n_kinds))
        right = math.exp(_loss(train, val, n_kinds))
        if close(value, right):
            continue
        name_mistake(value, _loss_mistakes(train, val, n_kinds))
        raise Wrong(
            f"For train {train}, val {val} and {n_kinds} kinds you return {value:.4f}. Take it in "
            f"parts: the chances of single ids, those of pairs with them mixed in, the mean of "
            f"-ln over all of val, e to that."
        )
    return "Counted, and never surprised beyond measure: that is what a network has to beat."


def _loss(
    train: Sequence[int],
    val: Sequence[int],
    n_kinds: int,
    *,
    lean: str = "kinds",
    single: bool = False,
    first: bool = True,
    uniform: bool = True,
    every: bool = False,
) -> float:
    """Return the mean loss in nats, or what comes of a mistake.

    Args:
        train: counted.
        val: read.
        n_kinds: of ids there are.
        lean: how much a table leans on the shorter one: by "kinds" of followers (Witten and Bell),
            "one" for all, "add" for a one added to every count instead, or "none".
        single: no pairs at all.
        first: whether the first id of val counts.
        uniform: whether single ids lean on equal chances.
        every: count an id's followers by how often it stands, the end of the text included.
    """
    singles, kinds = Counter(train), len(set(train))
    followers: dict[int, Counter[int]] = defaultdict(Counter)
    for a, b in pairwise(train):
        followers[a][b] += 1

    def alone(b: int) -> float:
        if not uniform:
            return singles[b] / len(train)
        return (singles[b] + kinds / n_kinds) / (len(train) + kinds)

    def after(a: int, b: int) -> float:
        seen = singles[a] if every else followers[a].total()
        if lean == "add":
            return (followers[a][b] + 1) / (seen + n_kinds)
        weight = {"kinds": len(followers[a]), "one": 1, "none": 0}[lean]
        if single or not seen + weight:
            return alone(b)
        return (followers[a][b] + weight * alone(b)) / (seen + weight)

    chances = [alone(val[0])] if first else []
    chances += [after(a, b) for a, b in pairwise(val)]
    return sum(-math.log(p) if p else math.inf for p in chances) / len(chances)


def _loss_mistakes(
    train: Sequence[int], val: Sequence[int], n_kinds: int
) -> list[tuple[float, str]]:
    right = _loss(train, val, n_kinds)

    def changed(**faults: Any) -> float:
        loss = _loss(train, val, n_kinds, **faults)
        return math.exp(loss) if loss < 700 else math.inf

    return [
        (right, "That is the mean loss in nats. The perplexity is e to the power of it."),
        (2**right, "The loss is in nats, so the base is e and not 2."),
        (math.exp(-right), "That is below 1: the mean probability, not its inverse."),
        (math.exp(right * len(val)), "That is over all of val. Take the mean per id."),
        (
            changed(lean="none"),
            "Pairs never seen have no chance at all: nothing of the single ids is mixed in.",
        ),
        (
            changed(uniform=False),
            "An id that train does not hold has no chance at all: the single ids have to lean on "
            "equal chances.",
        ),
        (changed(single=True), "That is the table of single ids. What stands before is not used."),
        (changed(lean="add"), "You add one to every count. Asked for is a mixture of two tables."),
        (
            changed(lean="one"),
            "The single ids always weigh the same in your mixture. They weigh as much as there are "
            "different followers.",
        ),
        (changed(first=False), "The first id of val is left out. The single ids predict it."),
        (
            changed(every=True),
            "n(a) counts the last id of train too, which nothing follows. Count the pairs that "
            "begin with a.",
        ),
    ]


#: Parameters, tokens, operations a second at best, share of them that is reached.
_TRAININGS = ((124e6, 10e9, 312e12, 0.4), (175e9, 300e9, 1.25e17, 0.2), (1.5e6, 1e6, 5e10, 0.65))


@exercise("Fill in training_days(n_parameters, n_tokens, flops, share) so that it returns days.")
def training_days(answer: Any) -> str:
    """Check a function parameters, tokens, operations a second, share reached → days."""
    for case in _TRAININGS:
        value = number(call(answer, *case))
        n_parameters, n_tokens, flops, share = case
        seconds = 6 * n_parameters * n_tokens / (flops * share)
        if close(value, seconds / 86400):
            continue
        name_mistake(
            value,
            (
                (seconds, "Those are seconds."),
                (seconds / 3600, "Those are hours."),
                (seconds / 60, "Those are minutes."),
                (seconds * share / 86400, "The machine is taken at its best. It reaches a share."),
                (
                    seconds * share**2 / 86400,
                    "Multiplied by the share the time grows shorter; a machine that reaches less "
                    "takes longer.",
                ),
                (seconds / 3 / 86400, "That is the forward pass alone: two operations a weight."),
                (
                    seconds / 1.5 / 86400,
                    "That is the backward pass alone: four operations a weight.",
                ),
                (seconds / 6 / 86400, "The operations for each weight and token are missing."),
            ),
        )
        raise Wrong(
            f"For {n_parameters:.3g} parameters, {n_tokens:.3g} tokens, {flops:.3g} operations a "
            f"second and a share of {share:g} you return {value:.4g} days."
        )
    return "Six operations for each weight and token: enough to plan a training on the back of it."
