"""Answers without a network: what a model has to beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gptlab.tasks.application import Baseline, Parts


def majority(parts: Parts) -> list[str]:
    """Answer every question with the commonest answer."""
    commonest = Counter(answer for _, answer in parts.train).most_common(1)[0][0]
    return [commonest] * len(parts.test)


def counting_words(longest: int = 1) -> Baseline:
    """Count words, or up to so many in a row, and weigh them by logistic regression."""

    def answers(parts: Parts) -> list[str]:
        texts, labels = zip(*parts.train, strict=True)
        return by_words(texts, labels, [text for text, _ in parts.test], longest)

    return answers


def by_words(
    texts: Sequence[str], labels: Sequence[str], asked: Sequence[str], longest: int
) -> list[str]:
    """Return the label of each text asked, learned from labelled ones.

    Args:
        texts: to learn from.
        labels: theirs.
        asked: texts without a label.
        longest: words counted at once; 2 counts pairs too.
    """
    # Loading it takes longer than all else here, and nothing else needs it.
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    table = make_pipeline(
        TfidfVectorizer(ngram_range=(1, longest), sublinear_tf=True),
        LogisticRegression(C=100.0, max_iter=1000),
    )
    table.fit(texts, labels)
    found: list[str] = table.predict(asked).tolist()
    return found
