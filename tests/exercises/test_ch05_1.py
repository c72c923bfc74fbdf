"""Chapter 5.1's checks: right answers pass, and each common mistake gets a message of its own."""

from typing import Any

import pytest
import torch
from transformers import RepetitionPenaltyLogitsProcessor, TopPLogitsWarper

from gptlab.exercises import ch05_1


def nucleus(chances, p, *, short=False, keep=None):  # type: ignore[no-untyped-def]
    order = chances.argsort(descending=True)
    before = chances[order].cumsum(0) - chances[order]
    chosen = order[before + (chances[order] if short else 0) < p - 1e-7 + 2e-7 * short]
    out = torch.zeros_like(chances)
    out[chosen] = chances[chosen]
    return out / out.sum() if keep is None else keep(out)


def by_transformers(chances, p):  # type: ignore[no-untyped-def]
    if p == 1:
        return chances
    scores = TopPLogitsWarper(p - 1e-6)(torch.zeros(1, 1, dtype=torch.long), chances.log()[None])
    return scores[0].softmax(-1)


def runs(words, n):  # type: ignore[no-untyped-def]
    return list(zip(*(words[i:] for i in range(n)), strict=False))


def distinct(texts, n):  # type: ignore[no-untyped-def]
    found = [run for words in texts for run in runs(words, n)]
    return len(set(found)) / len(found)


def longest(one, other):  # type: ignore[no-untyped-def]
    for n in range(min(len(one), len(other)), 0, -1):
        if set(runs(one, n)) & set(runs(other, n)):
            return n
    return 0


def subsequence(one, other):  # type: ignore[no-untyped-def]
    if not one or not other:
        return 0
    if one[0] == other[0]:
        return 1 + subsequence(one[1:], other[1:])
    return max(subsequence(one[1:], other), subsequence(one, other[1:]))


def theirs(logits, seen, penalty):  # type: ignore[no-untyped-def]
    return RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([seen]), logits[None])[0]


def ours(logits, seen, penalty):  # type: ignore[no-untyped-def]
    for i in set(seen):
        logits[i] = logits[i] / penalty if logits[i] > 0 else logits[i] * penalty
    return logits


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch05_1.top_p, nucleus),
        (ch05_1.top_p, by_transformers),
        (ch05_1.distinct, distinct),
        (ch05_1.longest_copy, longest),
        (ch05_1.penalise, theirs),
        (ch05_1.penalise, ours),
    ],
)
def test_right_answers_pass(check: Any, answer: Any) -> None:
    verdict = check(answer)
    assert verdict.passed, verdict.message


def from_below(chances, p):  # type: ignore[no-untyped-def]
    order = chances.argsort()
    before = chances[order].cumsum(0) - chances[order]
    out = torch.zeros_like(chances)
    out[order[before < p - 1e-6]] = chances[order[before < p - 1e-6]]
    return out / out.sum()


def each_punished(logits, seen, penalty):  # type: ignore[no-untyped-def]
    for i in seen:
        logits[i] = logits[i] / penalty if logits[i] > 0 else logits[i] * penalty
    return logits


def times(factor):  # type: ignore[no-untyped-def]
    def answer(logits, seen, penalty):  # type: ignore[no-untyped-def]
        chosen = torch.tensor(sorted(set(seen)))
        logits[chosen] *= factor(penalty)
        return logits

    return answer


def joined(texts, n):  # type: ignore[no-untyped-def]
    return distinct([[word for words in texts for word in words]], n)


def mean_of_texts(texts, n):  # type: ignore[no-untyped-def]
    each = [distinct([words], n) for words in texts if len(words) >= n]
    return sum(each) / len(each)


def found_once(texts, n):  # type: ignore[no-untyped-def]
    found = [run for words in texts for run in runs(words, n)]
    return sum(found.count(run) == 1 for run in found) / len(found)


def all_runs(texts, n):  # type: ignore[no-untyped-def]
    return {run for words in texts for run in runs(words, n)}


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        (ch05_1.top_p, lambda q, p: nucleus(q, p, keep=lambda out: out), "divide by its sum"),
        (ch05_1.top_p, lambda q, p: nucleus(q, p, short=True), "crosses p is missing"),
        (ch05_1.top_p, lambda q, p: nucleus(q, p).sort(descending=True).values, "sorted"),
        (ch05_1.top_p, from_below, "unlikeliest up"),
        (ch05_1.top_p, lambda q, p: torch.zeros_like(q), "Nothing is kept"),
        (ch05_1.top_p, lambda q, p: q, "nothing is left out"),
        (ch05_1.top_p, lambda q, p: q.square(), "keep tokens until"),
        (ch05_1.distinct, joined, "over the border"),
        (ch05_1.distinct, mean_of_texts, "mean over texts"),
        (ch05_1.distinct, lambda t, n: len(all_runs(t, n)), "what share"),
        (ch05_1.distinct, found_once, "stand there once"),
        (ch05_1.distinct, lambda t, n: 1 - distinct(t, n), "share of repeats"),
        (ch05_1.distinct, lambda t, n: len(all_runs(t, n)) / sum(map(len, t)), "not of words"),
        (ch05_1.distinct, lambda t, n: 0.123, "of them different"),
        (ch05_1.longest_copy, subsequence, "no gaps"),
        (ch05_1.longest_copy, lambda a, b: len(set(a) & set(b)), "whatever order"),
        (ch05_1.longest_copy, lambda a, b: 99, "the longest run has"),
        (
            ch05_1.longest_copy,
            lambda a, b: next((n for n in range(9) if a[n : n + 1] != b[n : n + 1]), 0),
            "beginnings",
        ),
        (ch05_1.penalise, lambda logits, seen, penalty: logits, "as they were"),
        (ch05_1.penalise, times(lambda penalty: 1 / penalty), "negative logit"),
        (ch05_1.penalise, times(lambda penalty: penalty), "positive logit"),
        (ch05_1.penalise, lambda x, seen, p: ours(x, seen, 1 / p), "exchanged"),
        (ch05_1.penalise, each_punished, "punished twice"),
        (ch05_1.penalise, lambda x, seen, p: ours(x, range(len(x)), p), "All tokens"),
        (ch05_1.penalise, lambda x, seen, p: x - p, "must become less likely"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, said: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and said in verdict.message, verdict.message
