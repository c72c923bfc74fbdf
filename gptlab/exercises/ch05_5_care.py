"""The checks of chapter 5.5 on measuring with care: calibration, and a split that does not leak."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.checks import (
    Wrong,
    call,
    close,
    exercise,
    name_mistake,
    number,
    train_and_test,
)
from gptlab.prompting import Shot
from gptlab.tasks.calibration import calibration_error as _right_error
from gptlab.tasks.calibration import in_bins

#: Confidences, whether each was right (1) or not, and the number of bins. None lies on an edge
#: between two bins, and some bins are empty.
_SURE: tuple[tuple[list[float], list[int], int], ...] = (
    ([0.52, 0.57, 0.71, 0.93, 0.96, 0.99, 0.97, 0.64], [1, 0, 0, 1, 0, 1, 1, 1], 10),
    ([0.31, 0.36, 0.45, 0.58, 0.77, 0.91, 0.84], [1, 1, 0, 0, 1, 0, 1], 4),
    ([1.0, 1.0, 0.55, 0.62, 1.0], [0, 1, 1, 0, 1], 5),
)


@exercise("Fill in calibration_error(confidence, right, n_bins) so that it returns a number.")
def calibration_error(answer: Any) -> str:
    """Check a function confidence (N,), right (N,) of True and False, n_bins → a number."""
    for confidences, outcomes, n_bins in _SURE:
        sure, right = torch.tensor(confidences), torch.tensor(outcomes).bool()  # (N,) each
        value = number(call(answer, sure, right, n_bins))
        expected = _right_error(sure.tolist(), right.tolist(), n_bins)
        if close(value, expected):
            continue
        if math.isnan(value):
            raise Wrong(
                "You return nan. A bin with no answer in it has no mean; such a bin does not count."
            )
        name_mistake(value, _error_mistakes(sure, right, n_bins))
        raise Wrong(
            f"For the confidences {confidences}, right {outcomes}, in {n_bins} bins you return "
            f"{value:.4f}. In each bin: mean confidence, share right, how far apart; then the mean "
            f"over the answers."
        )
    return "How far, on average, what a model says of itself is from what it does."


def _error_mistakes(sure: Tensor, right: Tensor, n_bins: int) -> list[tuple[float, str]]:
    bins = in_bins(sure.tolist(), right.tolist(), n_bins)
    gaps = [b.confidence - b.right for b in bins]
    hit = right.float()
    weighed = sum(b.share * abs(gap) for b, gap in zip(bins, gaps, strict=True))
    below_one = [(c, r) for c, r in zip(sure.tolist(), right.tolist(), strict=True) if c < 1]
    lost = 0.0
    if below_one:
        kept = in_bins([c for c, _ in below_one], [r for _, r in below_one], n_bins)
        lost = sum(b.share * abs(b.confidence - b.right) for b in kept)
        lost *= len(below_one) / len(sure)
    middles = [(min(n_bins - 1, int(b.confidence * n_bins)) + 0.5) / n_bins for b in bins]
    from_middle = sum(
        b.share * abs(middle - b.right) for b, middle in zip(bins, middles, strict=True)
    )
    return [
        (
            sum(map(abs, gaps)) / len(gaps),
            "Each bin counts the same. A bin counts by how many answers it holds.",
        ),
        (
            sum(map(abs, gaps)) / n_bins,
            "You divide by the number of bins. A bin counts by how many answers it holds.",
        ),
        (sum(map(abs, gaps)), "That is the sum over the bins. Weigh each by its share."),
        (weighed * len(sure), "That is a sum over the answers. Divide by how many there are."),
        (max(map(abs, gaps)), "That is the worst bin. Asked for is the mean over the answers."),
        (
            (sure - hit).abs().mean().item(),
            "You compare answer by answer: a single answer is right or wrong, and no probability "
            "but 0 or 1 would suit it. Take the means of a bin first.",
        ),
        (
            (sure - hit).square().mean().item(),
            "That is the Brier score, answer by answer. Take the means of a bin first.",
        ),
        (
            abs((sure.mean() - hit.mean()).item()),
            "The bins are not used: gaps above and below cancel, over all answers or between bins.",
        ),
        (
            -sum(b.share * gap for b, gap in zip(bins, gaps, strict=True)),
            "A gap has a sign in your sum, so gaps above and below cancel.",
        ),
        (
            sum(b.share * gap * gap for b, gap in zip(bins, gaps, strict=True)),
            "The gaps are squared. Take how far they are from 0.",
        ),
        (from_middle, "You take the middle of a bin. Take the mean confidence of its answers."),
        (lost, "A confidence of exactly 1 falls out of your last bin."),
    ]


def _texts() -> list[Shot]:
    """Return pairs of which some come two or three times."""
    pairs = [(f"text {i}", "xy"[i % 2]) for i in range(40)]
    again = [*pairs[:24], *pairs[4:12]]
    order = torch.randperm(72, generator=torch.Generator().manual_seed(55)).tolist()
    return [(pairs + again)[place] for place in order]


@exercise("Fill in split(pairs, share, seed) so that it returns the pair (train, test).")
def split(answer: Any) -> str:
    """Check a function pairs, share, seed → (train, test), lists of pairs without a leak."""
    pairs = _texts()
    splits = []
    for share, seed in ((0.25, 1), (0.25, 1), (0.25, 2), (0.1, 3)):
        result = call(answer, list(pairs), share, seed)
        splits.append(_judge_split(result, pairs, share))
    first, again, other, _ = splits
    if first != again:
        raise Wrong("Called twice with the same seed you return two different splits.")
    if sorted(first[1]) == sorted(other[1]):
        raise Wrong(
            "Two seeds give the same texts to test on. Mix them by the seed before the cut."
        )
    return "Each text is on one side only, so what is measured was not seen."


def _judge_split(result: Any, pairs: Sequence[Shot], share: float) -> tuple[list[Shot], list[Shot]]:
    train, test = (list(map(tuple, part)) for part in train_and_test(result, pairs, "pairs"))
    if shared := set(train) & set(test):
        raise Wrong(
            f"{len(shared)} texts stand in both parts, the first {min(shared)[0]!r}: a leak."
        )
    different = set(pairs)
    if lost := different - set(train) - set(test):
        often = Counter(pairs)
        if all(often[one] > 1 for one in lost) and len(lost) > 1:
            raise Wrong(
                f"{len(lost)} texts are in neither part, all of them texts that come more than "
                f"once. One copy of each has to stay."
            )
        raise Wrong(f"{len(lost)} texts are in neither part, the first {min(lost)[0]!r}.")
    for name, part in (("train", train), ("test", test)):
        if len(set(part)) != len(part):
            raise Wrong(f"In {name} a text stands twice: it counts double there.")
    size = round(share * len(different))
    if len(test) == len(different) - size != size:
        raise Wrong(f"The parts are turned round: with share = {share:g} test is the smaller one.")
    if len(test) != size:
        raise Wrong(
            f"There are {len(different)} different texts, and with share = {share:g} you test on "
            f"{len(test)}; it should be {size}."
        )
    return train, test
