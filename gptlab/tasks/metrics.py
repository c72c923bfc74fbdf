"""How good answers are, from 0 to 1, as the field measures it."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence


def accuracy(answers: Sequence[str], right: Sequence[str]) -> float:
    """Return the share of labels that are the right ones."""
    return sum(a == b for a, b in zip(answers, right, strict=True)) / len(right)


def exact_match(answers: Sequence[str], right: Sequence[str]) -> float:
    """Return the share of answers that say what the right one says.

    Case, punctuation and articles are passed over (Rajpurkar et al. 2016, section 6.1).
    """
    return accuracy([" ".join(_words(a)) for a in answers], [" ".join(_words(b)) for b in right])


def token_f1(answers: Sequence[str], right: Sequence[str]) -> float:
    """Return the mean overlap with the right answer, word by word (Rajpurkar et al. 2016, 6.1).

    Of one answer: the harmonic mean of the share of its words that are right, and of the share of
    the right words that it has.
    """
    return sum(_f1(_words(a), _words(b)) for a, b in zip(answers, right, strict=True)) / len(right)


def _f1(answer: list[str], right: list[str]) -> float:
    shared = (Counter(answer) & Counter(right)).total()
    return 2 * shared / (len(answer) + len(right)) if shared else 0.0


def _words(text: str) -> list[str]:
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def chrf(answers: Sequence[str], right: Sequence[str]) -> float:
    """Return chrF, from 0 to 1: the overlap in pieces of one to six characters (Popović 2015).

    Of the whole set, as sacrebleu computes it; it needs no words, so it suits Chinese.
    """
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(list(answers), [list(right)]).score) / 100


def rouge_l(answers: Sequence[str], right: Sequence[str]) -> float:
    """Return the mean ROUGE-L, from 0 to 1: the longest sequence of words in both (Lin 2004).

    Its F-measure, as rouge-score computes it, without stemming.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    pairs = zip(answers, right, strict=True)
    return sum(scorer.score(b, a)["rougeL"].fmeasure for a, b in pairs) / len(right)
