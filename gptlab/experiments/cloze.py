"""A zero-shot task: which word ends the sentence? No label, no gradient step, a text to finish.

In the manner of LAMBADA and the Children's Book Test (Radford et al. 2019, sections 3.2 and 3.3),
on the validation documents, which no model here has read. Beside the model stand tables that count
words in the training documents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gptlab.experiments.bundled_model import SOURCES
from gptlab.model import GPT
from gptlab.prompting import log_probabilities
from gptlab.text import documentation
from gptlab.tokenizer import Tokenizer

#: A sentence: a capital, then no sign that ends one, its last word of letters alone, a full stop.
_SENTENCE = re.compile(r"(?:^|(?<=[.]\s))[A-Z][^.!?:;|>`*\n]*(?:\n[^.!?:;|>`*\n]+)*\.(?=\s|$)")
_LAST_WORD = re.compile(r" ([a-z]{3,})\.$")
_WORD = re.compile(r"[A-Za-z]+")
#: Words before the last one.
_LEAST, _MOST = 7, 40


@dataclass(frozen=True)
class Gap:
    """A sentence without its last word, and the words it may be.

    Attributes:
        before: the sentence up to its last word, with no space at the end.
        candidates: the right word and others, in alphabetical order.
        answer: the place of the right one.
    """

    before: str
    candidates: tuple[str, ...]
    answer: int


#: Says how likely each candidate of a gap is, higher for likelier: (candidates,).
Judge = Callable[[Gap], Sequence[float]]


def gaps(
    count: int, choices: int = 10, sources: tuple[str, ...] = SOURCES, seed: int = 1
) -> list[Gap]:
    """Make gaps of sentences in the validation documents.

    The other candidates are last words of other sentences there, drawn as often as they stand
    there: so that how frequent a word is tells little, and the sentence has to tell.

    Args:
        count: how many; where there are fewer sentences, all.
        choices: candidates of each gap.
        sources: as for `gptlab.python_docs`.
        seed: decides which sentences and which candidates.
    """
    train, val = documentation.documents(sources)
    read = set(_sentences(train))  # short ones may stand in both
    sentences = {
        sentence: match.group(1)
        for sentence in _sentences(val)
        if (match := _LAST_WORD.search(sentence))
        and _LEAST < sentence.count(" ") + 1 <= _MOST
        and sentence not in read
    }
    drawn_from, ends = list(sentences.items()), sorted(sentences.values())
    generator = np.random.default_rng(seed)
    made = []
    for place in generator.permutation(len(sentences))[:count]:
        sentence, right = drawn_from[place]
        words = {right}
        while len(words) < min(choices, len(set(ends))):
            words.add(ends[generator.integers(len(ends))])
        candidates = tuple(sorted(words))
        before = sentence.removesuffix(f" {right}.")
        made.append(Gap(before, candidates, candidates.index(right)))
    return made


def accuracy(judge: Judge, asked: Sequence[Gap]) -> float:
    """Return the share of gaps, from 0 to 1, whose right word the judge finds likeliest."""
    return sum(int(np.argmax(judge(gap))) == gap.answer for gap in asked) / len(asked)


def by_model(model: GPT, tokenizer: Tokenizer, after: str = ".") -> Judge:
    """Judge by the log-probability the model gives a word and what stands after it, in nats."""

    def judge(gap: Gap) -> list[float]:
        ends = [f" {word}{after}" for word in gap.candidates]
        sums, _ = log_probabilities(model, tokenizer, gap.before, ends, from_start=True)
        return sums.tolist()

    return judge


def by_counting(n: int, sources: tuple[str, ...] = SOURCES) -> Judge:
    """Judge by how often a word followed the n - 1 before it in the training documents.

    Where it seldom did, the table leans on the one shorter (Witten and Bell 1991, as in
    `gptlab.counting`).

    Args:
        n: words the table holds at once; 1 counts single words, 2 pairs.
        sources: as for `gptlab.python_docs`.
    """
    documents, _ = documentation.documents(sources)
    tables: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(n)]
    for text in documents:
        words = _words(text)
        for length, table in enumerate(tables, start=1):
            table.update(zip(*(words[i:] for i in range(length)), strict=False))
    totals: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(n)]
    kinds: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(n)]
    for table, total, kind in zip(tables, totals, kinds, strict=True):
        for gram, times in table.items():
            total[gram[:-1]] += times
            kind[gram[:-1]] += 1

    def chance(word: str, before: tuple[str, ...]) -> float:
        value = 1 / len(tables[0])
        for length in range(n):
            context = before[len(before) - length :]
            seen = tables[length][(*context, word)]
            new = kinds[length][context]
            if totals[length][context]:
                value = (seen + new * value) / (totals[length][context] + new)
        return value

    def judge(gap: Gap) -> list[float]:
        before = tuple(_words(gap.before)[-(n - 1) :] if n > 1 else [])
        return [chance(word, before) for word in gap.candidates]

    return judge


def _sentences(documents: Sequence[str]) -> Iterator[str]:
    """Yield the sentences of some documents, each on one line."""
    for text in documents:
        for match in _SENTENCE.finditer(text):
            yield " ".join(match.group().split())


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
