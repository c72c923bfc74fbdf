"""Question answering: a short passage, a question, and the answer stands in the passage.

The passages are made here of facts from the Unicode CLDR, as Babel carries it: the currency, the
main language and the code of a place. Places to test on stand in no passage to learn from; and in a
part of the test the facts are swapped among places, so that knowing the world does not help.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from babel import Locale
from babel.core import get_global

from gptlab.answering import Answers
from gptlab.prompting import Layout, Shot
from gptlab.runtime.checks import whole_number
from gptlab.tasks.application import Application, Parts
from gptlab.tasks.metrics import token_f1

#: For each kind of fact: ways to tell it, and ways to ask for it.
_TOLD = {
    "currency": (
        "The currency of {place} is the {it}.",
        "In {place} one pays with the {it}.",
        "Prices in {place} are given in the {it}.",
    ),
    "language": (
        "The language of {place} is {it}.",
        "In {place} most people speak {it}.",
        "{it} is taught in the schools of {place}.",
    ),
    "code": (
        "The code of {place} is {it}.",
        "Letters to {place} carry {it} in the address.",
        "{it} stands for {place} on a map.",
    ),
}
#: The same as patterns, by which the place is found again.
_READ = [
    re.escape(way).replace(r"\{place\}", "(?P<place>.+)").replace(r"\{it\}", ".+")
    for ways in _TOLD.values()
    for way in ways
]
_ASKED = {
    "currency": ("What is the currency of {place}?", "What does one pay with in {place}?"),
    "language": ("What is the language of {place}?", "What do people in {place} speak?"),
    "code": ("What is the code of {place}?", "Which letters stand for {place}?"),
}
#: One place in so many is for validation, and one for the test.
_EVERY = 6
_NAME = re.compile(r"[A-Z][\w’.-]*(?: (?:[A-Z&][\w’.-]*|\([A-Z]\w*\)))*")


class _Place(NamedTuple):
    name: str
    facts: dict[str, str]


@cache
def _places() -> tuple[_Place, ...]:
    """Return the places of the CLDR that have one currency and an official language, by code."""
    english = Locale("en")
    found = []
    for code, name in sorted(english.territories.items()):
        # Continents have numbers; and a full stop shall end a sentence, not a "St".
        if not (len(code) == 2 and code.isalpha()) or "." in name:
            continue
        money = [m for m, _, until, used in get_global("territory_currencies").get(code, ())
                 if until is None and used]  # fmt: skip
        spoken = get_global("territory_languages").get(code, {})
        official = [language for language in spoken if _is_official(spoken[language])]
        official.sort(key=lambda language: -spoken[language]["population_percent"])
        if len(money) == 1 and official and official[0] in english.languages:
            facts = {"currency": english.currencies[money[0]], "code": code}
            facts["language"] = english.languages[official[0]]
            found.append(_Place(name, facts))
    return tuple(found)


def _is_official(language: dict[str, object]) -> bool:
    return language["official_status"] in ("official", "de_facto_official")


def groups(count: int = 200, seed: int = 1) -> dict[str, tuple[Shot, ...]]:
    """Make passages with questions to test on.

    Args:
        count: how many of each group.
        seed: decides which.

    Returns:
        those about places that stand in no passage to learn from, as the facts are; and those in
        which the facts are swapped among these places.
    """
    rng = np.random.default_rng([seed, 1])
    places = _places()[1::_EVERY]
    return {
        "new places": _make(count, places, rng),
        "new places, facts swapped": _make(count, _swapped(places, rng), rng),
    }


def parts(count: int = 3000, tested: int = 200, seed: int = 1) -> Parts:
    """Make passages to learn from, a tenth as many to validate on, and all `groups` to test on.

    The facts of half of the passages to learn from are swapped too, or knowing the world would do.

    Args:
        count: passages to learn from.
        tested: passages of each group.
        seed: decides which.
    """
    rng = np.random.default_rng([seed, 0])
    known = _learned_from()
    half = count // 2
    train = _make(count - half, known, rng) + _make(half, _swapped(known, rng), rng)
    order = rng.permutation(len(train))
    validation = _make(max(2, count // 10), _places()[::_EVERY], rng)
    test = tuple(pair for group in groups(tested, seed).values() for pair in group)
    return Parts(tuple(train[i] for i in order), validation, test)


def known_places(count: int = 200, seed: int = 1) -> tuple[Shot, ...]:
    """Make passages about places to learn from, as the facts are, drawn apart from `parts`.

    Args:
        count: how many; a few of them may stand among those to learn from, word for word.
        seed: decides which.
    """
    return _make(count, _learned_from(), np.random.default_rng([seed, 2]))


def _learned_from() -> list[_Place]:
    return [place for i, place in enumerate(_places()) if i % _EVERY > 1]


def _swapped(places: Sequence[_Place], rng: np.random.Generator) -> list[_Place]:
    """Give each place the facts of others, each kind of fact shuffled by itself."""
    facts: list[dict[str, str]] = [{} for _ in places]
    for kind in _TOLD:
        for i, j in enumerate(rng.permutation(len(places))):
            facts[i][kind] = places[j].facts[kind]
    return [_Place(place.name, own) for place, own in zip(places, facts, strict=True)]


def _make(count: int, places: Sequence[_Place], rng: np.random.Generator) -> tuple[Shot, ...]:
    """Make passages: two facts each about two places, in any order, and a question about one."""
    whole_number("the number of passages", count, least=1, most=1_000_000)
    made: dict[str, str] = {}
    kinds = list(_TOLD)
    while len(made) < count:
        both = [places[i] for i in rng.choice(len(places), 2, replace=False)]
        told = [(place, kinds[k]) for place in both for k in rng.choice(3, 2, replace=False)]
        said = [_pick(_TOLD[kind], rng, place, kind) for place, kind in told]
        passage = " ".join(said[i] for i in rng.permutation(len(said)))
        place, kind = told[rng.integers(len(told))]
        question = _pick(_ASKED[kind], rng, place, kind)
        made.setdefault(f"{passage}\n{question}", place.facts[kind])
    return tuple(made.items())


def _pick(ways: Sequence[str], rng: np.random.Generator, place: _Place, kind: str) -> str:
    return ways[int(rng.integers(len(ways)))].format(place=place.name, it=place.facts[kind])


def sentences(passage: str) -> list[str]:
    """Return the sentences of a passage, each with its full stop."""
    return re.split(r"(?<=[.]) (?=[A-Z])", passage)


def places_told(passage: str) -> tuple[str, ...]:
    """Return the names of the places that a passage made here tells something about, in order."""
    found = (re.fullmatch(way, one) for one in sentences(passage) for way in _READ)
    return tuple(dict.fromkeys(match["place"] for match in found if match))


def without_answer(text: str, answer: str) -> str | None:
    """Return passage and question without the sentence that has the answer in it.

    Args:
        text: a passage, a line end, a question.
        answer: what the passage says.

    Returns:
        the rest; None where the answer stands in another number of sentences than one, or in a
        passage of one sentence.
    """
    passage, _, question = text.rpartition("\n")
    told = sentences(passage)
    rest = [one for one in told if not _where(answer, one)]
    if len(rest) != len(told) - 1 or not rest:
        return None
    return f"{' '.join(rest)}\n{question}"


def token_places(how: Answers, text: str, span: str) -> list[int]:
    """Return which tokens of ``how.ask(text, …)`` hold a piece of the passage, counted from 0.

    Args:
        how: how questions become tokens.
        text: a passage, a line end, a question.
        span: the piece, a whole word or more; everywhere it stands in the passage counts.

    Raises:
        ValueError: if they do not fit into a row.
    """
    ids, cut = how.ask(text, how.n_ctx)
    if cut:
        raise ValueError(
            f"passage and question do not fit into {how.n_ctx} tokens; shorten the passage."
        )
    edges = how.tokenizer.offsets(ids)
    passage = text.rpartition("\n")[0]
    first = how.tokenizer.decode(ids).encode().index(passage.encode())
    inside = [
        [first + len(passage[:edge].encode()) for edge in found] for found in _where(span, passage)
    ]
    return [
        i
        for i, (start, end) in enumerate(pairwise(edges))
        if any(start < last and end > begin for begin, last in inside)
    ]


def _where(span: str, text: str) -> list[tuple[int, int]]:
    found = re.finditer(rf"(?<!\w){re.escape(span)}(?!\w)", text)
    return [one.span() for one in found]


def most_words_shared(parts: Parts) -> list[str]:
    """Take the sentence that shares most words with the question, and its last other name."""
    answers = []
    for text, _ in parts.test:
        passage, _, question = text.rpartition("\n")
        words = set(re.findall(r"\w+", question.lower()))
        best = max(
            sentences(passage), key=lambda one: len(words & set(re.findall(r"\w+", one.lower())))
        )
        answers.append(_last_name(best, words))
    return answers


def last_name(parts: Parts) -> list[str]:
    """Take the passage's last name that the question does not have."""
    split = (text.rpartition("\n") for text, _ in parts.test)
    return [_last_name(text, set(re.findall(r"\w+", asked.lower()))) for text, _, asked in split]


def _last_name(text: str, asked: set[str]) -> str:
    names = [name.rstrip(".") for name in _NAME.findall(text)]
    other = [name for name in names if not asked & set(re.findall(r"\w+", name.lower()))]
    return (other or names or text.split() or [text])[-1]


QUESTION_ANSWERING = Application(
    name="question-answering",
    parts=parts,
    metric="F1",
    score=token_f1,
    baselines={"most words shared": most_words_shared, "the last name": last_name},
    layout=Layout("{}\nAnswer:"),
    n_ctx=160,
    max_new_tokens=24,
)
