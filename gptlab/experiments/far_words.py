"""Does a word far back decide what comes next? Minimal pairs, by the words between.

A minimal pair is two texts that differ in one early word, the cue, and two ends, each right for one
of them (Linzen et al. 2016 and Warstadt et al. 2020 test language models so). Everything between is
the same in both. Who does not see the cue answers both texts alike, and so is right once of twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gptlab.experiments import cloze
from gptlab.model import GPT
from gptlab.tokenizer import Tokenizer

#: Nouns that stand often in documentation, and some that stand nowhere; all take an s.
KNOWN = (
    *("argument", "array", "attribute", "character", "element", "field", "file", "function"),
    *("image", "item", "key", "label", "method", "module", "name", "object", "option"),
    *("parameter", "string", "value"),
)
MADE_UP = (
    *("blick", "brillet", "dax", "fendle", "florp", "glimmick", "grunk", "morp", "nilt", "plonk"),
    *("quindle", "rimble", "snorf", "spow", "tove", "trundit", "vorpet", "wug", "zorp", "zube"),
)
#: Nouns between cue and end; none of them is a cue.
_BETWEEN = ("call", "class", "loop", "package", "program", "server", "table", "thread")
_PREPOSITIONS = ("of", "in", "for", "with", "behind")
_TWO_WORDS = ("in question", "at hand", "by default", "as usual")
_ONE_WORD = ("below", "here", "above")

#: What is asked, and the least number of words between cue and end.
LEAST = {
    "singular or plural": 0,
    "the same, made-up nouns": 0,
    "a name again": 2,
    "what “it” means": 4,
}


@dataclass(frozen=True)
class Pair:
    """Two texts and two ends.

    Attributes:
        texts: they differ in the cue alone.
        ends: words; the first is right after the first text, the second after the second.
    """

    texts: tuple[str, str]
    ends: tuple[str, str]

    def gaps(self) -> tuple[cloze.Gap, cloze.Gap]:
        """Return the two texts, each as a gap with both ends as candidates."""
        first, second = self.texts
        return cloze.Gap(first, self.ends, 0), cloze.Gap(second, self.ends, 1)


@dataclass(frozen=True)
class Measured:
    """What a judge made of some pairs.

    Attributes:
        accuracy: share of texts whose right end was found likelier; both alike count one half.
        shift: mean over the pairs, in nats, of how much the cue moves the log-ratio of the two
            ends towards the right one; 0 for who does not see it.
        n: pairs.
    """

    accuracy: float
    shift: float
    n: int

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy (Wilson 1927).

        The two texts of a pair share all but a word, so a pair counts as one observation, not two.
        """
        z2 = 1.96**2
        middle = (self.accuracy + z2 / (2 * self.n)) / (1 + z2 / self.n)
        spread = self.accuracy * (1 - self.accuracy) / self.n + z2 / (4 * self.n**2)
        half = 1.96 * math.sqrt(spread) / (1 + z2 / self.n)
        return max(0.0, middle - half), min(1.0, middle + half)


def pairs(kind: str, distance: int, count: int, seed: int = 1) -> list[Pair]:
    """Make minimal pairs of a kind in `LEAST`.

    Args:
        kind: what decides the end.
        distance: words between the cue and the end.
        count: how many.
        seed: decides nouns and what stands between.

    Raises:
        ValueError: for an unknown kind, or a distance less than its least.
    """
    if kind not in LEAST:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(LEAST)}.")
    if distance < LEAST[kind]:
        raise ValueError(f"distance is {distance}; for {kind} it must be {LEAST[kind]} or more.")
    generator = np.random.default_rng([seed, distance])
    return [_MAKE[kind](generator, distance) for _ in range(count)]


def _agreement(nouns: Sequence[str]) -> Callable[[np.random.Generator, int], Pair]:
    def make(generator: np.random.Generator, distance: int) -> Pair:
        noun, between = generator.choice(nouns), _between(generator, distance)
        return Pair((f"The {noun}{between}", f"The {noun}s{between}"), ("is", "are"))

    return make


def _name(generator: np.random.Generator, distance: int) -> Pair:
    one, other = (str(name) for name in generator.choice(MADE_UP, 2, replace=False))
    between = _between(generator, distance - 2)
    first, second = (f"First call {name}{between}. Then call" for name in (one, other))
    return Pair((first, second), (one, other))


def _meaning(generator: np.random.Generator, distance: int) -> Pair:
    one, other = (str(noun) for noun in generator.choice(KNOWN, 2, replace=False))
    between = _between(generator, distance - 4)
    begin = f"The {one} does not fit into the {other}, because it is too"
    first, second = (f"{begin} {size}{between}. The problem is the" for size in ("large", "small"))
    return Pair((first, second), (one, other))


_MAKE: dict[str, Callable[[np.random.Generator, int], Pair]] = dict(
    zip(LEAST, (_agreement(KNOWN), _agreement(MADE_UP), _name, _meaning), strict=True)
)


def _between(generator: np.random.Generator, words: int) -> str:
    """Return so many words, with a space before each, that leave the noun before them in charge.

    Their own nouns are as often in the singular as in the plural.
    """
    phrases: list[str] = []
    while words > 0:
        if words == 1:
            phrases.append(str(generator.choice(_ONE_WORD)))
        elif words == 2:
            phrases.append(str(generator.choice(_TWO_WORDS)))
        else:
            noun = generator.choice(_BETWEEN)
            number = generator.choice(["", "es" if noun == "class" else "s"])
            phrases.append(f"{generator.choice(_PREPOSITIONS)} the {noun}{number}")
        words -= phrases[-1].count(" ") + 1
    return "".join(f" {phrase}" for phrase in phrases)


def by_model(model: GPT, tokenizer: Tokenizer) -> cloze.Judge:
    """Judge by the probability the model gives each end."""
    nats = cloze.by_model(model, tokenizer, after="")
    return lambda gap: np.exp(nats(gap)).tolist()


def measure(judge: cloze.Judge, asked: Sequence[Pair]) -> Measured:
    """Ask for the ends of both texts of each pair; the judge gives probabilities."""
    right, shifts = 0.0, []
    for pair in asked:
        towards_first = []  # log-ratio of the ends after each text
        for gap in pair.gaps():
            chances = judge(gap)
            ratio = math.log(chances[0]) - math.log(chances[1])
            towards_first.append(ratio)
            for_right = ratio if gap.answer == 0 else -ratio
            right += 0.5 if ratio == 0 else float(for_right > 0)
        shifts.append(towards_first[0] - towards_first[1])
    return Measured(right / (2 * len(asked)), float(np.mean(shifts)), len(asked))
