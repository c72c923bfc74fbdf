"""Summarisation: from the body of a docstring to its first line.

The first line of a docstring is a summary that a person wrote, so the documentation of Python,
numpy, matplotlib and torch holds some thousands of them. Test and validation are modules that the
bundled model has not read; what is learned from comes from those it has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np

from gptlab.prompting import Layout, Shot
from gptlab.runtime.checks import whole_number
from gptlab.tasks.application import Application, Parts
from gptlab.tasks.metrics import rouge_l
from gptlab.text import documentation

#: Whose documentation.
SOURCES = ("python", "numpy", "matplotlib", "torch")
#: Characters of a first line, and of the body behind it.
_SUMMARY, _BODY = (20, 120), (120, 2000)
_SENTENCE = re.compile(r"[A-Z`'\"][^.!?]{15,}[.!?](?=\s|$)")


@cache
def _summaries(sources: tuple[str, ...]) -> tuple[tuple[Shot, ...], tuple[Shot, ...]]:
    """Return (body, first line) of documents in the modules the model has read, and in others."""
    read, unread = documentation.documents(sources)
    of_unread = dict(_pairs(unread))
    # Methods that do the same in two modules say the same: what is tested shall be new.
    known = set(of_unread) | set(of_unread.values())
    of_read = {body: line for body, line in _pairs(read) if not {body, line} & known}
    return tuple(of_read.items()), tuple(of_unread.items())


def _pairs(documents: list[str]) -> Iterator[Shot]:
    seen = set()
    for text in documents:
        line, _, body = text.partition("\n\n")
        line, body = " ".join(line.split()), body.strip()
        fits = _SUMMARY[0] <= len(line) <= _SUMMARY[1] and _BODY[0] <= len(body) <= _BODY[1]
        gives_away = line in " ".join(body.split())
        if not fits or gives_away or line in seen:
            continue
        if line.endswith(".") and _SENTENCE.search(body):
            seen.add(line)
            yield body, line


def parts(
    count: int = 3000, tested: int = 300, seed: int = 1, sources: tuple[str, ...] = SOURCES
) -> Parts:
    """Return bodies and first lines: to learn from, to validate and to test on.

    Args:
        count: to learn from; where there are fewer, all.
        tested: to test on, out of half of the modules that the model has not read; the other half
            is for validation.
        seed: decides which.
        sources: whose documentation; see `gptlab.text.documentation.documents`.
    """
    whole_number("count", count, least=1)
    rng = np.random.default_rng(seed)
    read, unread = _summaries(sources)
    train = [read[i] for i in rng.permutation(len(read))[:count]]
    half = len(unread) // 2  # documents of a module follow each other
    test = [unread[half + i] for i in rng.permutation(len(unread) - half)[:tested]]
    return Parts(tuple(train), unread[:half], tuple(test))


def first_sentence(parts: Parts) -> list[str]:
    """Answer with the first sentence of the body."""
    return [_sentences(body)[0] for body, _ in parts.test]


def central_sentence(parts: Parts) -> list[str]:
    """Answer with the sentence whose words are on average the commonest in the body."""
    answers = []
    for body, _ in parts.test:
        counts = Counter(_words(body))

        def commonness(sentence: str, counts: Counter[str] = counts) -> float:
            words = _words(sentence)
            return sum(counts[word] for word in words) / max(1, len(words))

        answers.append(max(_sentences(body), key=commonness))
    return answers


def _sentences(body: str) -> list[str]:
    """Return the sentences; the whole text where none is found, as in one without capitals."""
    found = [" ".join(match.group().split()) for match in _SENTENCE.finditer(body)]
    return found or [" ".join(body.split())]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]{3,}", text.lower())


SUMMARIZATION = Application(
    name="summarization",
    parts=parts,
    metric="ROUGE-L",
    score=rouge_l,
    baselines={"first sentence": first_sentence, "central sentence": central_sentence},
    layout=Layout("{}\nTL;DR:"),
    n_ctx=192,
    max_new_tokens=40,
)
