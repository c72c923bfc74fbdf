"""What two lists of words have in common, for the checks of chapters 5.1 and 5.3."""

from __future__ import annotations

from collections.abc import Sequence


def longest_run(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the most words in a row that stand in both."""
    best, row = 0, [0] * (len(other) + 1)
    for word in one:
        row = [0, *(row[j] + 1 if word == other[j] else 0 for j in range(len(other)))]
        best = max(best, *row)
    return best


def longest_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the most words that stand in both in the same order, gaps allowed."""
    row = [0] * (len(other) + 1)
    for word in one:
        new = [0]
        for j, second in enumerate(other):
            new.append(row[j] + 1 if word == second else max(row[j + 1], new[j]))
        row = new
    return row[-1]
