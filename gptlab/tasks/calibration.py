"""Whether a model's probabilities can be believed: confidence beside the share that was right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Bin(NamedTuple):
    """Answers of about the same confidence.

    Attributes:
        confidence: the mean of theirs.
        right: the share of them that is right.
        share: of all answers.
    """

    confidence: float
    right: float
    share: float


def in_bins(confidences: Sequence[float], right: Sequence[bool], n_bins: int = 10) -> list[Bin]:
    """Sort answers into bins of equal width by confidence; bins with no answer are left out.

    Args:
        confidences: the probability of the answer given, from 0 to 1; 1 belongs to the last bin.
        right: whether the answer was right.
        n_bins: how many bins there are from 0 to 1.

    Raises:
        ValueError: if there is no answer, or not one confidence for each, or one is no probability.
    """
    if len(confidences) != len(right) or not len(right):
        raise ValueError(f"there are {len(confidences)} confidences for {len(right)} answers.")
    if outside := [c for c in confidences if not 0 <= c <= 1]:
        raise ValueError(f"a confidence is {outside[0]}; it must lie between 0 and 1.")
    places = [min(n_bins - 1, int(c * n_bins)) for c in confidences]
    found = []
    for place in sorted(set(places)):
        chosen = [i for i, other in enumerate(places) if other == place]
        found.append(
            Bin(
                sum(confidences[i] for i in chosen) / len(chosen),
                sum(bool(right[i]) for i in chosen) / len(chosen),
                len(chosen) / len(right),
            )
        )
    return found


def calibration_error(
    confidences: Sequence[float], right: Sequence[bool], n_bins: int = 10
) -> float:
    """Return the expected calibration error, from 0 to 1 (Guo et al. 2017, equation 3).

    In each bin, how far the mean confidence is from the share that is right; weighed by how many
    answers the bin has. See `in_bins` for the arguments.
    """
    return sum(b.share * abs(b.confidence - b.right) for b in in_bins(confidences, right, n_bins))
