"""The checks of chapter 5.1: the nucleus, distinct-n, the longest copy, a penalty on repeating."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number, same, tensor
from gptlab.exercises.word_lists import longest_run, longest_subsequence
from gptlab.generation import Sampling


@exercise("Fill in top_p(probabilities, p) so that it returns a tensor of the same shape.")
def top_p(answer: Any) -> str:
    """Check a function probabilities (V,), p → the fewest likeliest that reach p, summing to 1."""
    cases = (
        ([0.1, 0.45, 0.05, 0.3, 0.1], 0.5),
        ([0.1, 0.45, 0.05, 0.3, 0.1], 0.7),
        ([0.1, 0.45, 0.05, 0.3, 0.1], 0.75),
        ([0.02, 0.9, 0.08], 0.5),
        ([0.3, 0.2, 0.4, 0.1], 1.0),
        ([0.26, 0.24, 0.2, 0.17, 0.13], 0.6),
    )
    for values, p in cases:
        given = torch.tensor(values)
        found = tensor(call(answer, given, p), (len(values),))
        right = Sampling(top_p=p).probabilities(given.log())
        if same(found, right):
            continue
        _name_the_nucleus(given, p, right, found)
        raise Wrong(
            f"For {values} and p = {p:g} you return {[round(v, 3) for v in found.tolist()]}. From "
            f"the likeliest down, keep tokens until their sum reaches p; then make it sum to 1."
        )
    return "How many are kept depends on how sure the model is, which a fixed k cannot."


def _name_the_nucleus(given: Tensor, p: float, right: Tensor, found: Tensor) -> None:
    before = _before(given, given.argsort(descending=True))
    kept = given * (right > 0)
    short = given * (before + given <= p + 1e-6)
    wrong = {
        "What is kept does not sum to 1 any more; divide by its sum.": kept,
        "The token that crosses p is missing: together they must reach p.": short / short.sum(),
        "That keeps the likely tokens one by one, each above a border; p is for their sum.": (
            (given * (given >= 1 - p)) / (given * (given >= 1 - p)).sum().clamp(min=1e-9)
        ),
        "Those are the sorted probabilities; each must stand where its token stands.": (
            right.sort(descending=True).values
        ),
        "The sum runs from the unlikeliest up; begin with the likeliest.": _from_below(given, p),
    }
    if not found.any():
        raise Wrong("Nothing is kept. The likeliest token always stays.")
    if same(found, given):
        raise Wrong("The probabilities come back as they were, and nothing is left out.")
    name_mistake(found, ((value, message) for message, value in wrong.items()), same)


def _from_below(given: Tensor, p: float) -> Tensor:
    kept = given * (_before(given, given.argsort()) < p - 1e-6)
    return kept / kept.sum()


def _before(given: Tensor, order: Tensor) -> Tensor:
    """Return for each token the probability of those that stand before it in an order, (V,)."""
    before = torch.zeros_like(given)
    before[order] = given[order].cumsum(0) - given[order]
    return before


_TEXTS = ([["a", "b", "a", "b", "c"], ["a", "b"]], [["x"], ["y", "y", "y", "y"], ["x", "y"]])


@exercise("Fill in distinct(texts, n) so that it returns a number from 0 to 1.")
def distinct(answer: Any) -> str:
    """Check a function texts (lists of words), n → share of different runs of n words."""
    for texts in _TEXTS:
        for n in (1, 2, 3):
            runs = [run for words in texts for run in _runs(words, n)]
            value = number(call(answer, [list(words) for words in texts], n))
            if close(value, len(set(runs)) / len(runs)):
                continue
            joined = _runs([word for words in texts for word in words], n)
            each = [len(set(r)) / len(r) for r in (_runs(words, n) for words in texts) if r]
            single = [run for run in runs if runs.count(run) == 1]
            total = sum(map(len, texts))
            mistakes = (
                (len(set(joined)) / len(joined), "Runs are counted over the border of two texts."),
                (sum(each) / len(each), "That is the mean over texts; count all runs together."),
                (len(set(runs)), "That is how many different runs there are; what share is it?"),
                (len(single) / len(runs), "Those are runs that stand there once. One that comes "
                 "twice is still one different run."),
                (1 - len(set(runs)) / len(runs), "That is the share of repeats; distinct is the "
                 "rest."),
                (len(set(runs)) / total, "Divide by the number of runs, not of words."),
            )  # fmt: skip
            name_mistake(value, mistakes)
            raise Wrong(
                f"For {texts} and n = {n} you return {value:.4f}; there are {len(runs)} runs, "
                f"{len(set(runs))} of them different."
            )
    return "High is not good by itself: random words have the highest."


def _runs(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


_PAIRS = (
    ("the cat sat on the mat", "on the mat the cat sat"),
    ("a a a b", "a a b a a a"),
    ("x y z", "z y x"),
    ("one two three four", "five six"),
    ("a b c d e", "a c b c d f"),
)


@exercise("Fill in longest_copy(one, other) so that it returns a whole number.")
def longest_copy(answer: Any) -> str:
    """Check a function of two lists of words → length of the longest run that both have."""
    for pair in _PAIRS:
        one, other = (text.split() for text in pair)
        value = number(call(answer, list(one), list(other)))
        right = longest_run(one, other)
        if value == right:
            continue
        mistakes = (
            (longest_subsequence(one, other), "That is the longest subsequence, which may leave "
             "words out. A run has no gaps."),
            (_prefix(one, other), "That compares beginnings; a run may stand anywhere in both."),
            (len(set(one) & set(other)), "Those are words that both have, in whatever order."),
            (sum(a == b for a, b in zip(one, other, strict=False)), "That compares words in the "
             "same places; a run may stand at different places."),
            (max(len(w) for w in one), "Count words, not letters."),
        )  # fmt: skip
        name_mistake(value, mistakes, operator.eq)
        raise Wrong(f"For {one} and {other} you return {value:g}; the longest run has {right}.")
    return "On nine megabytes it needs an index; the idea is the same."


def _prefix(one: Sequence[str], other: Sequence[str]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)


@exercise("Fill in penalise(logits, seen, penalty) so that it returns a tensor of the same shape.")
def penalise(answer: Any) -> str:
    """Check a function logits (V,), seen ids, penalty → logits with what was written made rarer."""
    for values, seen, penalty in (
        ([2.0, -1.0, 0.5, -3.0, 1.0], [0, 1, 0], 2.0),
        ([-1.0, -2.0, 4.0], [2], 1.3),
        ([0.3, -0.7, 0.0, 1.9], [3, 1, 2, 1], 1.5),
    ):
        logits = torch.tensor(values)
        found = tensor(call(answer, logits, list(seen), penalty), (len(values),))
        once = torch.tensor(sorted(set(seen)))
        chosen = logits[once]
        right = logits.clone()
        right[once] = torch.where(chosen > 0, chosen / penalty, chosen * penalty)
        if same(found, right):
            continue
        _name_the_penalty(logits, seen, penalty, found)
        raise Wrong(
            f"For the logits {values}, seen {seen} and the penalty {penalty:g} you return "
            f"{[round(v, 3) for v in found.tolist()]}. Every token seen must become less likely."
        )
    return "A remedy against loops, and it forbids good repetitions as well."


def _name_the_penalty(logits: Tensor, seen: Sequence[int], penalty: float, found: Tensor) -> None:
    once = torch.tensor(sorted(set(seen)))
    divided, multiplied, turned = logits.clone(), logits.clone(), logits.clone()
    divided[once] /= penalty
    multiplied[once] *= penalty
    chosen = logits[once]
    turned[once] = torch.where(chosen > 0, chosen * penalty, chosen / penalty)
    often = logits.clone()
    for i in seen:
        often[i] = often[i] / penalty if often[i] > 0 else often[i] * penalty
    everything = torch.where(logits > 0, logits / penalty, logits * penalty)
    wrong = {
        "The logits come back as they were.": logits,
        "A negative logit that is divided becomes larger: that token is now more likely.": divided,
        "A positive logit that is multiplied becomes larger: that token is now more likely.": (
            multiplied
        ),
        "The two cases are exchanged: tokens seen become more likely.": turned,
        "A token seen twice is punished twice; here each is punished once.": often,
        "All tokens are changed, those not seen as well.": everything,
    }
    name_mistake(found, ((value, message) for message, value in wrong.items()), same)
