"""Dates and names in English and Chinese, made from the Unicode CLDR as Babel carries it.

Of a sentence of `gptlab.tasks.translation` nobody can say what it takes: a rule, or a word that was
never told. Here it is known. The test has groups, by what is new in them; and of each date it is
known which letters of the English become which characters of the Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from babel import Locale
from babel.core import get_global
from babel.dates import DateTimeFormat, tokenize_pattern
from babel.numbers import get_currency_name

from gptlab.prompting import Layout, Shot
from gptlab.runtime.checks import whole_number
from gptlab.tasks.application import Application, Parts
from gptlab.tasks.metrics import chrf
from gptlab.tasks.translation import copied, nearest_known

#: Ways to write a date, in CLDR's letters (E weekday, d day, M month, y year): English, Chinese.
#: 5/3/2021 is none of them, for two countries read it in two ways.
_WITH_DAY = (
    ("EEEE, d MMMM y", "y年M月d日EEEE"),
    ("EEEE, MMMM d, y", "y年M月d日EEEE"),
    ("EEE, d MMM y", "y年M月d日EEE"),
    ("EEE, MMM d, y", "y年M月d日EEE"),
    ("d MMMM y", "y年M月d日"),
    ("MMM d, y", "y年M月d日"),
)
_LEARNED = (*_WITH_DAY, ("MMMM y", "y年M月"))
#: Those of the test alone: the same parts, and no year.
_NO_YEAR = (
    ("EEEE, MMMM d", "M月d日EEEE"),
    ("EEE, d MMM", "M月d日EEE"),
    ("d MMMM", "M月d日"),
)
_FIELDS = {"y": "year", "M": "month", "d": "day", "E": "weekday"}
_YEARS = range(1900, 2100)
#: One year in so many stands in the test alone, and so does one name in so many.
_EVERY_YEAR, _EVERY_NAME = 10, 5
#: Names of each kind: few, because each has to be met several times to be learned.
_NAMES = 60
#: Days and combinations are dealt out in turn: to the test, to validation, and three times to what
#: is learned from.
_TEST, _VALIDATION, _TRAIN = (0,), (1,), (2, 3, 4)
_TURNS = 5

#: Pairs at most of a group, and to learn from: of no kind are there many more that differ.
_MOST_TESTED, _MOST_TRAINED = 2000, 20_000

#: The first character and the one after the last.
Span = tuple[int, int]
_Formats = Sequence[tuple[str, str]]
_Item = TypeVar("_Item", bound=tuple[Any, ...])


class Dated(NamedTuple):
    """A date in both languages, and where in them its fields stand.

    Attributes:
        english: as English writes it.
        chinese: as Chinese does.
        fields: {"year": (span of the English, span of the Chinese), …}. Of a weekday's Chinese it
            is the last character: those before it are the same on all days.
    """

    english: str
    chinese: str
    fields: dict[str, tuple[Span, Span]]


class _Names(NamedTuple):
    languages: tuple[Shot, ...]
    places: tuple[Shot, ...]
    currencies: tuple[Shot, ...]


@cache
def _names() -> tuple[_Names, _Names]:
    """Return names to learn, and others for the test alone: the same whatever the seed."""
    english, chinese = Locale("en"), Locale("zh")
    spoken, paid = get_global("territory_languages"), get_global("territory_currencies")
    official = {
        language
        for languages in spoken.values()
        for language, about in languages.items()
        if about["official_status"] == "official" and language in chinese.languages
    }
    money = {
        code
        for used in paid.values()
        for code, _, until, is_tender in used
        if until is None and is_tender
    }
    places = set(spoken) & set(chinese.territories)
    rng = np.random.default_rng(0)
    known: list[tuple[Shot, ...]] = []
    new: list[tuple[Shot, ...]] = []
    for told in (
        [(english.languages[code], chinese.languages[code]) for code in sorted(official)],
        [(english.territories[code], chinese.territories[code]) for code in sorted(places)],
        [(_plural(code, "en"), _plural(code, "zh")) for code in sorted(money)],
    ):
        plain = [pair for pair in told if "(" not in pair[0]]
        drawn = [plain[i] for i in rng.permutation(len(plain))[:_NAMES]]
        new.append(tuple(drawn[::_EVERY_NAME]))
        known.append(tuple(pair for i, pair in enumerate(drawn) if i % _EVERY_NAME))
    return _Names(*known), _Names(*new)


def _plural(currency: str, locale: str) -> str:
    return get_currency_name(currency, 2, locale)


@cache
def _years() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return years to learn, and others for the test alone."""
    order = [_YEARS[i] for i in np.random.default_rng(0).permutation(len(_YEARS))]
    new = len(_YEARS) // _EVERY_YEAR
    return tuple(order[new:]), tuple(order[:new])


def _dated(day: date, patterns: tuple[str, str]) -> Dated:
    """Write a date by a pattern of the CLDR in each language."""
    english, in_english = _written(day, patterns[0], "en")
    chinese, in_chinese = _written(day, patterns[1], "zh")
    if "weekday" in in_chinese:
        end = in_chinese["weekday"][1]
        in_chinese["weekday"] = (end - 1, end)
    fields = {name: (span, in_chinese[name]) for name, span in in_english.items()}
    return Dated(english, chinese, fields)


def _written(day: date, pattern: str, locale: str) -> tuple[str, dict[str, Span]]:
    """Return a date's text and the span of each of its fields."""
    text = ""
    spans: dict[str, Span] = {}
    for _, what in tokenize_pattern(pattern):
        if isinstance(what, str):
            text += what
            continue
        letter, times = what  # a field: its letter, and how often it stands there
        piece = DateTimeFormat(day, locale)[letter * times]
        spans[_FIELDS[letter]] = (len(text), len(text) + len(piece))
        text += piece
    return text, spans


def dates(count: int = 200, seed: int = 1) -> tuple[Dated, ...]:
    """Return dates to test on, of days in no training pair, with the places of their fields.

    Args:
        count: how many.
        seed: decides which.
    """
    whole_number("count", count, least=1, most=_MOST_TESTED)
    rng = np.random.default_rng([seed, 1])
    return _distinct(count, lambda: _draw_date(rng, _years()[0], _WITH_DAY, _TEST))


def groups(count: int = 200, seed: int = 1) -> dict[str, tuple[Shot, ...]]:
    """Make pairs to test on, by what in them is new.

    Args:
        count: how many of each group.
        seed: decides which.

    Returns:
        new days of known years in known ways to write them; days of years that were never told;
        known ways with the year left out; known names in new combinations; names never told.
    """
    whole_number("count", count, least=1, most=_MOST_TESTED)
    rng = np.random.default_rng([seed, 2])
    (known_years, new_years), (known, new) = _years(), _names()
    later = _distinct(count, lambda: _draw_date(rng, new_years, _WITH_DAY, _TEST))
    short = _distinct(count, lambda: _draw_date(rng, known_years, _NO_YEAR, _TEST))
    return {
        "new dates": tuple(one[:2] for one in dates(count, seed)),
        "new years": tuple(one[:2] for one in later),
        "no year": tuple(one[:2] for one in short),
        "new combinations": _distinct(count, lambda: _draw_name(rng, known, _TEST)),
        "new names": _distinct(count, lambda: _draw_name(rng, new, range(_TURNS))),
    }


def parts(count: int = 3000, tested: int = 200, seed: int = 1) -> Parts:
    """Make pairs to learn from, a tenth as many to validate on, and all `groups` to test on.

    Half are dates and half names.

    Args:
        count: pairs to learn from.
        tested: pairs of each group.
        seed: decides which.
    """
    whole_number("count", count, least=10, most=_MOST_TRAINED)
    rng = np.random.default_rng([seed, 0])
    years, names = _years()[0], _names()[0]
    # The names by themselves are among what is learned from, as far as there is room.
    alone = [*names.languages, *names.places]
    train = [alone[i] for i in rng.permutation(len(alone))[: count // 4]]
    train += _distinct(count // 2 - len(train), lambda: _draw_name(rng, names, _TRAIN))
    days = _distinct(count - len(train), lambda: _draw_date(rng, years, _LEARNED, _TRAIN))
    train += [one[:2] for one in days]
    half = max(1, count // 20)
    looked_at = [*_distinct(half, lambda: _draw_name(rng, names, _VALIDATION))]
    days = _distinct(half, lambda: _draw_date(rng, years, _WITH_DAY, _VALIDATION))
    looked_at += [one[:2] for one in days]
    test = tuple(pair for group in groups(tested, seed).values() for pair in group)
    return Parts(tuple(train[i] for i in rng.permutation(len(train))), tuple(looked_at), test)


def _draw_date(
    rng: np.random.Generator, years: Sequence[int], formats: _Formats, turns: Sequence[int]
) -> Dated:
    while True:
        first = date(years[int(rng.integers(len(years)))], 1, 1)
        day = first + timedelta(int(rng.integers(365)))
        if day.toordinal() % _TURNS in turns:
            return _dated(day, formats[int(rng.integers(len(formats)))])


def _draw_name(rng: np.random.Generator, names: _Names, turns: Sequence[int]) -> Shot:
    """Put two things together: a language and a place, or a number and a currency."""
    while True:
        if rng.random() < 0.5:
            i, j = int(rng.integers(len(names.languages))), int(rng.integers(len(names.places)))
            (language, its_chinese), (place, in_chinese) = names.languages[i], names.places[j]
            # As CLDR's localePattern has it in the two languages.
            pair = f"{language} ({place})", f"{its_chinese}（{in_chinese}）"
        else:
            i, j = int(rng.integers(len(names.currencies))), int(rng.integers(2, 1000))
            plural, in_chinese = names.currencies[i]
            pair = f"{j} {plural}", f"{j}{in_chinese}"
        if (i + j) % _TURNS in turns:
            return pair


def _distinct(count: int, draw: Callable[[], _Item]) -> tuple[_Item, ...]:
    """Draw until there are so many with different English."""
    found: dict[str, _Item] = {}
    while len(found) < count:
        one = draw()
        found.setdefault(one[0], one)
    return tuple(found.values())


DATES_AND_NAMES = Application(
    name="dates and names",
    parts=parts,
    metric="chrF",
    score=chrf,
    baselines={"nearest known sentence": nearest_known, "copied": copied},
    layout=Layout("{}=", "{}"),
    n_ctx=96,
    max_new_tokens=32,
)
