"""Sentiment: is a sentence about a program praise or blame?

The sentences are made here. Each word of praise or blame stands about as often in praise as in
blame (in 8 of 18 places on its own side), and what decides is the rest: a negation, a contrast, a
comparison. Whoever counts words is nearly guessing. Some words, and some ways to say it, stand in
the test alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from gptlab.prompting import Layout, Shot
from gptlab.runtime.checks import whole_number
from gptlab.tasks.application import Application, Parts
from gptlab.tasks.baselines import counting_words, majority
from gptlab.tasks.metrics import accuracy

T = TypeVar("T")

LABELS = ("negative", "positive")

#: Praise, and the blame that is its opposite.
_WORDS = (
    ("good", "bad"),
    ("fast", "slow"),
    ("clear", "confusing"),
    ("stable", "unstable"),
    ("safe", "dangerous"),
    ("useful", "useless"),
    ("simple", "complicated"),
    ("complete", "incomplete"),
    ("reliable", "unreliable"),
    ("efficient", "wasteful"),
    ("flexible", "rigid"),
    ("consistent", "inconsistent"),
    ("readable", "unreadable"),
    ("correct", "wrong"),
    ("robust", "fragile"),
    ("precise", "vague"),
)
#: Those that stand in the test alone.
_NEW_WORDS = (
    ("helpful", "annoying"),
    ("accurate", "inaccurate"),
    ("excellent", "terrible"),
    ("elegant", "clumsy"),
)
_THINGS = (
    "parser", "compiler", "debugger", "editor", "installer", "interface", "library", "manual",
    "scheduler", "search", "server", "shell", "new release", "error handling", "build system",
    "file format", "test runner", "type checker", "plotting module", "cache",
)  # fmt: skip
_HOW = ("", "", "really ", "very ", "particularly ", "remarkably ", "rather ")
_WHO = ("", "", "In my opinion, ", "After a month of use, ", "All in all, ", "To be fair, ")

#: As many ways leave a word what it is as turn it round, so that it tells little by itself.
#: A way to say it, and what it makes of the word at {a}: 1 it stays praise or blame, -1 it is
#: turned round. At {b} stands a word of the other kind.
_SAID = (
    ("{who}the {thing} is {how}{a}.", 1),
    ("{who}I find the {thing} {how}{a}.", 1),
    ("{who}the {thing} is not {how}{a}.", -1),
    ("{who}I never found the {thing} {how}{a}.", -1),
    ("{who}nobody would call the {thing} {how}{a}.", -1),
    ("{who}the {thing} is anything but {a}.", -1),
    ("{who}the {thing} looked {how}{b} at first, but it is {a}.", 1),
    ("{who}the {thing} looked {how}{a} at first, but that did not last.", -1),
    ("{who}although the {thing} seems {b}, it is {how}{a}.", 1),
    ("{who}the {thing} would be {a}, if anybody had tested it.", -1),
    ("{who}no other {thing} is as {a}.", 1),
    ("{who}the old {thing} was more {a} than this one.", -1),
    ("{who}the {thing} is more {a} than the old one.", 1),
    ("{who}everybody calls the {thing} {how}{a}.", 1),
    ("{who}the {thing} could hardly be more {a}.", 1),
    ("{who}the {thing} is less {a} than the old one.", -1),
)
#: Ways that stand in the test alone: two turns at once.
_NEW_SAID = (
    ("{who}the {thing} looked {how}{a} at first, but it is not {a}.", -1),
    ("{who}nobody would say that the {thing} is not {a}.", 1),
    ("{who}the old {thing} was less {a} than this one.", 1),
    ("{who}although the {thing} is not {b}, it is not {how}{a}.", -1),
)


def groups(count: int = 200, seed: int = 1) -> dict[str, tuple[Shot, ...]]:
    """Make sentences to test on, by what is new in them, as many of each label.

    Args:
        count: how many of each group.
        seed: decides which.
    """
    rng = np.random.default_rng([seed, 1])
    return {
        "new sentences": _make(count, _WORDS, _SAID, rng),
        "new words": _make(count, _NEW_WORDS, _SAID, rng),
        "new ways to say it": _make(count, _WORDS, _NEW_SAID, rng),
    }


def parts(count: int = 2000, tested: int = 200, seed: int = 1) -> Parts:
    """Make sentences to learn from, a tenth as many to validate on, and all `groups` to test on.

    Args:
        count: sentences to learn from.
        tested: sentences of each group.
        seed: decides which.
    """
    test = tuple(pair for group in groups(tested, seed).values() for pair in group)
    rng = np.random.default_rng([seed, 0])
    tenth = max(2, count // 10)
    made = _make(count + tenth, _WORDS, _SAID, rng, leave=dict(test))
    return Parts(made[tenth:], made[:tenth], test)


def _make(
    count: int,
    words: Sequence[tuple[str, str]],
    said: Sequence[tuple[str, int]],
    rng: np.random.Generator,
    leave: dict[str, str] | None = None,
) -> tuple[Shot, ...]:
    """Make different sentences, praise and blame in turn, none of those to leave out."""
    whole_number("the number of sentences", count, least=2, most=10_000)  # of some 50,000
    made: dict[str, str] = {}

    def pick(among: Sequence[T]) -> T:
        return among[int(rng.integers(len(among)))]

    while len(made) < count:
        way, turn = pick(said)
        is_praise = len(made) % 2 == 0
        pair = pick(words)
        a, b = pair if is_praise == (turn == 1) else pair[::-1]
        text = way.format(a=a, b=b, how=pick(_HOW), who=pick(_WHO), thing=pick(_THINGS))
        text = text[0].upper() + text[1:]
        if text not in (leave or {}):
            made.setdefault(text, LABELS[is_praise])
    return tuple(made.items())


SENTIMENT = Application(
    name="sentiment",
    parts=parts,
    metric="accuracy",
    score=accuracy,
    baselines={
        "words, counted": counting_words(),
        "words and pairs, counted": counting_words(2),
        "the commonest label": majority,
    },
    layout=Layout("Review: {}\nSentiment:"),
    by_label=True,
    n_ctx=64,
)
