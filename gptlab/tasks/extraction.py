"""How much of a summary is taken from its text: coverage, density, and the best one can take.

Grusky, Naaman & Artzi 2018, section 4: the words of a summary are matched, greedily and from left
to right, with the longest stretches that stand in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gptlab.tasks.metrics import rouge_l

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[^.!?]+[.!?]?")


def words(text: str) -> list[str]:
    """Split into words in small letters; signs do not count."""
    return _WORD.findall(text.lower())


def fragments(text: str, summary: str) -> list[list[str]]:
    """Return the stretches of a summary that stand in the text, from left to right.

    Each begins where the one before ended, or at the next word that the text has, and is as long as
    it can be.
    """
    source, told = words(text), words(summary)
    found, i = [], 0
    while i < len(told):
        longest = max((_run(source, j, told, i) for j in range(len(source))), default=0)
        if longest:
            found.append(told[i : i + longest])
        i += max(1, longest)
    return found


def _run(one: Sequence[str], i: int, other: Sequence[str], j: int) -> int:
    """Return how many words are equal from place i of the one and j of the other."""
    n = 0
    while i + n < len(one) and j + n < len(other) and one[i + n] == other[j + n]:
        n += 1
    return n


def coverage(text: str, summary: str) -> float:
    """Return the share of the summary's words that stand in such stretches, from 0 to 1."""
    told = words(summary)
    return sum(map(len, fragments(text, summary))) / len(told) if told else 0.0


def density(text: str, summary: str) -> float:
    """Return the mean length of the stretch that a word of the summary stands in, in words."""
    told = words(summary)
    return sum(len(one) ** 2 for one in fragments(text, summary)) / len(told) if told else 0.0


def not_in_text(text: str, summary: str) -> list[str]:
    """Return names and numbers of the summary that the text does not have.

    A name is written with a capital inside a sentence, an underscore, a dot between letters, or in
    capitals: what a reader of documentation would look up.
    """
    source = {one.strip("`'\".,:;()") for one in text.split()} | set(re.findall(r"\w+", text))
    told = [one.strip("`'\".,:;()") for one in summary.split()]
    return [one for i, one in enumerate(told) if _is_name(one, first=i == 0) and one not in source]


def _is_name(word: str, first: bool) -> bool:
    if not word:
        return False
    inside = any(letter.isupper() for letter in word[1:]) or (word[0].isupper() and not first)
    return any(c.isdigit() for c in word) or "_" in word or "." in word[1:-1] or inside


def best_sentence(text: str, summary: str) -> str:
    """Return the sentence of the text that is nearest to a summary that is known, by ROUGE-L.

    No method that takes one sentence can do better: it looks at the answer.
    """
    sentences = [" ".join(one.split()) for one in _SENTENCE.findall(text)]
    sentences = [one for one in sentences if words(one)]
    return max(sentences, key=lambda one: rouge_l([one], [summary]), default="")
