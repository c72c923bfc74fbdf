"""Text generation, measured: how varied a text is, how it repeats itself, what it copies.

Nothing here is a score by itself: people repeat and copy too, so texts that people wrote stand
beside the model's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gptlab.runtime.checks import whole_number

_WORD = re.compile(r"\w+|[^\w\s]")
#: Odd, so that multiplying by it loses nothing in 64 bits.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)


def words(text: str) -> list[str]:
    """Split a text into words and signs; spaces and line breaks do not count."""
    return _WORD.findall(text)


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct-n: the share of different ones among all runs of n words (Li et al. 2016).

    Runs are counted within a text; the share falls with the number of words, so only amounts of
    about the same size compare.

    Raises:
        ValueError: if no text has n words.
    """
    whole_number("n", n, least=1)
    runs = [run for text in texts for run in _runs(words(text), n)]
    if not runs:
        raise ValueError(f"no text has {n} words, so none has a run of {n}; use longer texts.")
    return len(set(runs)) / len(runs)


def repeated(text: str, n: int = 4) -> float:
    """Return the share of runs of n words that stood in the same text before, from 0 to 1."""
    runs = _runs(words(text), n)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def ends_in_a_loop(text: str, longest: int = 12, times: int = 3) -> bool:
    """Return whether a text ends in one run of words, said several times on end.

    Args:
        text: what was written.
        longest: words that the run may have.
        times: how often it must stand there.
    """
    found = words(text)
    for n in range(1, longest + 1):
        tail = found[-n * times :]
        if len(tail) == n * times and tail == tail[:n] * times:
            return True
    return False


def _runs(found: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(found[i:] for i in range(n)), strict=False))


class Copies:
    """Finds the longest stretches of texts that stand word for word in a large text.

    Every run of n words of the large text becomes one number, and the numbers of a length are
    sorted; a run of another text is looked up among them. That takes about a fifth of a second a
    length for a million and a half words.
    """

    def __init__(self, documents: Sequence[str]) -> None:
        """Read what may have been copied from.

        Args:
            documents: a stretch does not go over the border between two.
        """
        split = [words(text) for text in documents]
        every = dict.fromkeys(word for found in split for word in found)
        self._known = {word: i + 1 for i, word in enumerate(every)}
        ids = [np.append(self._numbered(found), 0) for found in split]
        self._read = _Runs(np.concatenate(ids))

    def longest(self, texts: Sequence[str]) -> list[int]:
        """Return for each text the number of words of its longest copied stretch."""
        split = [self._numbered(words(text)) for text in texts]
        # A word that stands nowhere in the large text ends a stretch, and so does a text's end.
        asked = [np.append(ids, len(self._known) + 1) for ids in split]
        owner = np.repeat(np.arange(len(asked)), [len(ids) for ids in asked])
        joined = _Runs(np.concatenate([np.zeros(0, np.int64), *asked]))
        found, n = np.zeros(len(asked), int), 0
        candidates = np.arange(len(owner))
        while len(candidates):
            n += 1
            candidates = candidates[candidates + n <= len(owner)]
            known = np.sort(self._read.numbers(n))
            numbers = joined.numbers(n)[candidates]
            place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
            # What does not match with n words does not with n + 1.
            candidates = candidates[known[place] == numbers] if len(known) else candidates[:0]
            found[owner[candidates]] = n
        return found.tolist()

    def _numbered(self, found: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self._known.get(word, len(self._known) + 1) for word in found], np.int64)


class _Runs:
    """One number for each run of n ids, Σ id · base^place within it: equal runs, equal numbers.

    All of a length at once, as differences of a running sum, with the place of the run divided out.
    """

    def __init__(self, ids: NDArray[np.int64]) -> None:
        powers, self._inverse = (
            np.full(len(ids), base, np.uint64).cumprod(dtype=np.uint64)
            for base in (_BASE, _INVERSE)
        )
        terms = (ids.astype(np.uint64) + np.uint64(1)) * powers
        self._sums = np.append(np.uint64(0), np.cumsum(terms))

    def numbers(self, n: int) -> NDArray[np.uint64]:
        """Return the number of the run that begins at each place; none where n is too long."""
        of_run: NDArray[np.uint64] = self._sums[n:] - self._sums[:-n]
        return of_run * self._inverse[: len(of_run)]
