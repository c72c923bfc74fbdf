"""What counting achieves: the losses of letter, pair and triple tables, which need no training.

A model that has learned something from context must beat them. An n-gram table predicts a token
from the n - 1 before it by how often each followed there in the training text; where it has seen
little, it leans on the table one shorter, down to equal chances for all. How much it leans is
Witten and Bell's rule (1991, method C): as often as something new has followed there before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gptlab.corpora import Corpus

#: How long the tables look back, by name.
NAMES = {"unigram": 1, "bigram": 2, "trigram": 3}


def ngram_loss(corpus: Corpus, n: int) -> float:
    """Mean loss of an n-gram table on the validation text, in nats per token.

    Args:
        corpus: counted on its training text, read on its validation text. A token at the very
            beginning, with fewer than n - 1 before it, is predicted from those there are.
        n: tokens the table holds at once; 1 looks at no context.

    Raises:
        ValueError: if n is below 1, or too large for the vocabulary.
    """
    size = corpus.tokenizer.vocab_size
    if n < 1 or size**n >= 2**63:
        raise ValueError(f"n is {n}; with {size} kinds of tokens it must be 1 to {_most(size)}.")
    chances = np.full(len(corpus.val), 1 / size)  # (T,), of each token, by the shorter table
    for length in range(1, n + 1):
        chances = _lengthened(corpus.train, corpus.val, length, size, chances)
    return float(-np.log(chances).mean())


def baselines(corpus: Corpus) -> dict[str, float]:
    """Return the losses in nats per token of the tables in `NAMES`, by name."""
    return {name: ngram_loss(corpus, n) for name, n in NAMES.items()}


def _lengthened(
    train: NDArray[np.unsignedinteger],
    val: NDArray[np.unsignedinteger],
    n: int,
    size: int,
    shorter: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mix an n-gram table into the chances (T,) that the table one shorter gives each token."""
    grams, counts = np.unique(_numbers(train, n, size), return_counts=True)
    contexts, first = np.unique(grams // size, return_index=True)  # grams are sorted by context
    totals = np.add.reduceat(counts, first)
    kinds = np.diff(np.append(first, len(grams)))  # how many different tokens followed there

    asked = _numbers(val, n, size)
    seen = _looked_up(asked, grams, counts)
    total = _looked_up(asked // size, contexts, totals)
    new = _looked_up(asked // size, contexts, kinds)
    before = shorter[n - 1 :]
    mixed = np.where(total > 0, (seen + new * before) / np.maximum(total + new, 1), before)
    return np.concatenate([shorter[: n - 1], mixed])


def _numbers(ids: NDArray[np.unsignedinteger], n: int, size: int) -> NDArray[np.int64]:
    """Give each run of n tokens (T,) one number (T - n + 1,), the first token the highest digit."""
    wide = ids.astype(np.int64)
    numbers = np.zeros(max(0, len(wide) - n + 1), dtype=np.int64)
    for place in range(n):
        numbers = numbers * size + wide[place : len(wide) - n + 1 + place]
    return numbers


def _looked_up(
    asked: NDArray[np.int64], keys: NDArray[np.int64], values: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the value of each key that is there, 0 for the others; keys are sorted."""
    place = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)


def _most(size: int) -> int:
    return int(63 * np.log(2) / np.log(size)) if size > 1 else 63
