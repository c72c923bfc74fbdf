"""What counting achieves: against tables of Python's own, and what any table must satisfy."""

import math
from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest

from gptlab.corpora import Corpus, from_text
from gptlab.counting import baselines, ngram_loss
from gptlab.tokenizer import CharTokenizer

TEXT = "the cat sat on the mat. the dog sat on the log, and the cat saw it.\n" * 6


def by_brute_force(train: list[int], size: int, n: int) -> object:
    """Witten and Bell's rule, written as a recursion over dictionaries."""
    followed: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for length in range(1, n + 1):
        for i in range(len(train) - length + 1):
            *context, token = train[i : i + length]
            followed[tuple(context)][token] += 1

    def chance(token: int, context: tuple[int, ...]) -> float:
        shorter = chance(token, context[1:]) if context else 1 / size
        after = followed.get(context)
        if not after:
            return shorter
        total, kinds = sum(after.values()), len(after)
        return (after[token] + kinds * shorter) / (total + kinds)

    return chance


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_the_loss_by_brute_force(kind: str, n: int) -> None:
    corpus = from_text(TEXT + "a new word: quagga!" * 3, kind, 280, val_fraction=0.2)
    chance = by_brute_force(corpus.train.tolist(), corpus.tokenizer.vocab_size, n)
    val = corpus.val.tolist()
    losses = [-math.log(chance(t, tuple(val[max(0, i - n + 1) : i]))) for i, t in enumerate(val)]  # type: ignore[operator]
    assert ngram_loss(corpus, n) == pytest.approx(sum(losses) / len(losses), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_chances_of_all_tokens_sum_to_one(n: int) -> None:
    """Also after a context that was never seen: e to minus the loss of each, added up."""
    tokenizer = CharTokenizer("abcd")
    train = np.array([0, 1, 0, 1, 2, 0, 1, 0, 2, 2, 0], dtype=np.uint16)  # d is never there
    for context in product(range(4), repeat=n - 1):
        total = 0.0
        for token in range(4):
            val = np.array([*context, token], dtype=np.uint16)
            parts = [Corpus("made up", tokenizer, train, v, 1, 1, "") for v in (val, val[:-1])]
            whole, rest = (ngram_loss(p, n) * len(p.val) if len(p.val) else 0.0 for p in parts)
            total += math.exp(rest - whole)
        assert total == pytest.approx(1)


def test_a_text_that_repeats_is_told_by_its_pairs() -> None:
    """ab ab ab …: letters alone cannot tell, pairs can."""
    losses = baselines(from_text("ab" * 2000, "char"))
    assert losses["unigram"] == pytest.approx(math.log(2), abs=1e-3)
    assert losses["bigram"] < 0.01
    assert list(losses) == ["unigram", "bigram", "trigram"]


def test_too_long_a_table_is_refused() -> None:
    corpus = from_text(TEXT, "bpe", 280)
    for n, most in ((0, 7), (8, 7)):
        with pytest.raises(ValueError, match=f"n is {n}; .* must be 1 to {most}"):
            ngram_loss(corpus, n)
