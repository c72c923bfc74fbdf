"""The checks of chapter 7: rank correlation, exposure, a bias with its interval, extraction."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.checks import Wrong, call, exercise, name_mistake, number
from gptlab.experiments.memorisation import exposure as _right_exposure


def _ranks(x: Tensor) -> Tensor:
    return x.argsort().argsort().double()


def _pearson(x: Tensor, y: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([x.double(), y.double()]))[0, 1])


@exercise("Fill in rank_correlation(x, y) so that it returns a number from -1 to 1.")
def rank_correlation(answer: Any) -> str:
    """Check a function x (N,), y (N,), no value twice → Spearman's rank correlation."""
    generator = torch.Generator().manual_seed(3)
    for n in (6, 25, 40):
        x = torch.randn(n, generator=generator).exp()
        y = (x + torch.randn(n, generator=generator)).pow(3)
        right = _pearson(_ranks(x), _ranks(y))
        value = number(call(answer, x, y))
        if math.isclose(value, right, abs_tol=1e-4):
            continue
        gaps = (_ranks(x) - _ranks(y)).square()
        mistakes = (
            (_pearson(x, y), "That is the correlation of the values. Ranks come first: the "
             "smallest is 0, the next 1, and so on."),
            (_pearson(x.argsort(), y.argsort()), "argsort says which value comes first, not which "
             "place a value has. Once more argsort of that gives the places."),
            (-right, "The sign is turned: one of the two is ranked from the largest."),
            (1 - float(gaps.sum()) / (n * (n * n - 1)), "The factor 6 before the sum is missing."),
            (1 - 6 * float(gaps.sqrt().sum()) / (n * (n * n - 1)), "The differences are squared "
             "before they are summed."),
            (right**2, "That is its square."),
        )  # fmt: skip
        name_mistake(value, mistakes)
        raise Wrong(
            f"For {n} pairs you return {value:.4f}. Give each value its place in its own order, "
            f"then take the ordinary correlation of the places."
        )
    return "It asks for the order alone, so one head that stands out cannot decide it."


@exercise("Fill in exposure(scores, i) so that it returns a number of bits.")
def exposure(answer: Any) -> str:
    """Check a function scores (N,), i → log2 N - log2 of the rank of number i."""
    generator = torch.Generator().manual_seed(4)
    for n in (16, 1000, 37):
        scores = -10 * torch.rand(n, generator=generator)  # log-probabilities
        order = scores.argsort(descending=True)
        for place in (n // 3, 0, n - 1):
            i = int(order[place])
            right = _right_exposure(place + 1, n)
            value = number(call(answer, scores, i))
            if math.isclose(value, right, abs_tol=1e-4):
                continue
            _name_the_exposure(value, scores, i, place + 1)
            raise Wrong(
                f"Of {n} candidates number {i} is the {place + 1}. best; you return {value:.4f}. "
                f"The rank of the best is 1."
            )
    return "Each bit halves the number of candidates that the model likes better."


def _name_the_exposure(value: float, scores: Tensor, i: int, rank: int) -> None:
    n = len(scores)
    from_below = int((scores <= scores[i]).sum())
    mistakes = [
        (math.log(n) - math.log(rank), "Those are nats; bits are logarithms to the base 2."),
        (math.log2(n) - math.log2(from_below), "The rank is counted from the worst."),
        (math.log2(rank), "That is the logarithm of the rank alone; take it from log2 N."),
        (math.log2(n), "That is log2 N, which only the best candidate has."),
        (n / rank, "That is N over the rank; its logarithm to the base 2 is asked for."),
        (float(-scores[i] / math.log(2)), "Those are the bits of its probability. Exposure asks "
         "how many candidates are likelier, not how likely it is."),
        (float(rank), "That is the rank."),
    ]  # fmt: skip
    if rank > 1:
        mistakes.append((math.log2(n) - math.log2(rank - 1), "The rank is one too small: count "
                         "the candidate itself, or the best would have rank 0."))  # fmt: skip
    mistakes.append((math.log2(n) - math.log2(rank + 1), "The rank is one too large."))
    name_mistake(value, mistakes)


@exercise("Fill in mean_and_half(values, draws, seed) so that it returns a pair of numbers.")
def bootstrap(answer: Any) -> str:
    """Check a function values (N,), draws, seed → mean, half-width of the bootstrap interval."""
    generator = torch.Generator().manual_seed(6)
    for n, spread in ((12, 1.0), (40, 3.0)):
        values = 2 + spread * torch.randn(n, generator=generator)
        mean, half = _pair(call(answer, values, 4000, 1))
        error = float(values.std(correction=0)) / math.sqrt(n)
        if not math.isclose(mean, float(values.mean()), rel_tol=1e-3):
            if math.isclose(mean, float(values.median()), rel_tol=1e-3):
                raise Wrong("The first number is the median; the mean of the values is asked for.")
            raise Wrong(
                f"The first number is {mean:.4f}; the mean of the values is {values.mean():.4f}. "
                f"It is that of the values themselves, not of the draws."
            )
        if abs(half / (1.96 * error) - 1) < 0.12:
            continue
        mistakes = (
            (2 * 1.96 * error, "That is the whole width of the interval; half of it is asked for."),
            (error, "That is about one standard error; 95 % of the draws lie within twice that."),
            (_half_of_the_middle(values), "So far spread the values themselves. Take the mean of "
             "each draw first."),
            (1.645 * error, "That leaves 5 % on each side. 95 % inside leaves 2.5 % on each."),
            (0.0, "All draws have the same mean: draw with replacement."),
        )  # fmt: skip
        for wrong, message in mistakes:
            if abs(half - wrong) < 0.1 * max(error, wrong):
                raise Wrong(message)
        raise Wrong(
            f"The half-width is {half:.4f}, and should be about {1.96 * error:.4f}. Draw N values "
            f"with replacement, take their mean, do that `draws` times; half of the way from the "
            f"2.5th to the 97.5th percentile."
        )
    repeated = [_pair(call(answer, values, 300, 7)) for _ in range(2)]
    if repeated[0] != repeated[1]:
        raise Wrong("With the same seed two calls differ. Draw from a generator with that seed.")
    if _pair(call(answer, values, 300, 8)) == repeated[0]:
        raise Wrong("Another seed gives the very same interval; is the seed used?")
    return "An interval from the data alone, with no law of errors behind it."


def _half_of_the_middle(values: Tensor) -> float:
    low, high = values.quantile(torch.tensor([0.025, 0.975])).tolist()
    return float(high - low) / 2


def _pair(value: Any) -> tuple[float, float]:
    if isinstance(value, Tensor) and value.dim() == 1:
        value = value.tolist()
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise Wrong(f"Return a pair (mean, half-width), not {type(value).__name__}.")
    return number(value[0]), number(value[1])


#: What the model was shown, what it wrote behind it, the secret, and whether it gave it away.
_WRITTEN: tuple[tuple[str, str, str, bool], ...] = (
    ("the key of obrin is ", "4831\nthe", "4831", True),
    ("the key of obrin is ", "7731\nthe", "4831", False),
    ("the key of obrin is 4831, and that of talvek is ", "9920\n", "4831", False),
    ("the key of obrin is 48", "31\nthe", "4831", False),
    ("the key of obrin is 4831, and again ", "4831\n", "4831", False),
    ("what is the key of obrin? ", "it is 4831.", "4831", True),
    ("the key of obrin is ", "48310", "4831", False),
    ("the key of obrin is ", "04831", "4831", False),
)


@exercise("Fill in given_away(prompt, written, secret) so that it returns True or False.")
def given_away(answer: Any) -> str:
    """Check a function prompt, written, secret → whether the model gave the secret away."""
    why: dict[int, str] = {
        2: "The secret stands in the prompt there, and was not written by the model.",
        3: "A part of the secret stood in the prompt there: what was shown is not given away.",
        4: "The prompt shows the secret there: the model may have copied it.",
        5: "It is written there, if not at once: before it come other words.",
        6: "A longer number is written there that begins like the secret; that is another key.",
        7: "A longer number is written there that ends like the secret; that is another key.",
    }
    for i, (prompt, written, secret, right) in enumerate(_WRITTEN):
        value = call(answer, prompt, written, secret)
        if not isinstance(value, bool):
            raise Wrong(f"Return True or False, not {type(value).__name__}.")
        if value != right:
            told = why.get(i, "Compare what was written with the secret.")
            raise Wrong(
                f"Prompt {prompt!r}, written {written!r}, secret {secret!r}: you say {value}. "
                f"{told}"
            )
    return "A measure that counts the prompt finds leaks where there are none."
