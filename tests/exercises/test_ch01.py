"""Chapter 1's checks: right answers pass, and each common mistake gets a message of its own."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from gptlab import counting
from gptlab.corpora import Corpus
from gptlab.exercises import ch01, ch01_models
from gptlab.exercises.ch01 import _loss
from gptlab.exercises.ch01_models import _step
from gptlab.tokenizer import CharTokenizer


def by_package(train, val, n_kinds):  # type: ignore[no-untyped-def]
    tokenizer = CharTokenizer("".join(chr(97 + i) for i in range(n_kinds)))
    parts = (np.array(part, np.uint16) for part in (train, val))
    corpus = Corpus("ids", tokenizer, *parts, len(train), len(val), "given")
    return math.exp(counting.ngram_loss(corpus, 2))


def by_hand(train, val, n_kinds):  # type: ignore[no-untyped-def]
    kinds = len(set(train))
    single = [(train.count(b) + kinds / n_kinds) / (len(train) + kinds) for b in range(n_kinds)]
    chances = [single[val[0]]]
    for a, b in pairwise(val):
        after = [y for x, y in pairwise(train) if x == a]
        new = len(set(after))
        mixed = (after.count(b) + new * single[b]) / max(1, len(after) + new)
        chances.append(mixed if after else single[b])
    return math.exp(-sum(map(math.log, chances)) / len(val))


def counted(**faults: Any) -> Any:
    return lambda *a: math.exp(min(700, _loss(*a, **faults)))


def impossible(**faults: Any) -> Any:
    """Infinite where a chance is 0."""
    return lambda *a: float(np.exp(np.float64(_loss(*a, **faults))))


def days(n, d, flops, share):  # type: ignore[no-untyped-def]
    return 6 * n * d / flops / share / 86400


def by_torch(x, h, c, w_x, w_h, bias):  # type: ignore[no-untyped-def]
    cell = torch.nn.LSTMCell(x.size(1), h.size(1))
    weights = {"weight_ih": w_x, "weight_hh": w_h, "bias_ih": bias, "bias_hh": 0 * bias}
    cell.load_state_dict(weights)
    return tuple(part.detach() for part in cell(x, (h, c)))


def step(x, h, c, w_x, w_h, bias):  # type: ignore[no-untyped-def]
    i, f, g, o = (torch.cat([x, h], 1) @ torch.cat([w_x, w_h], 1).T + bias).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def stepped(**faults: Any) -> Any:
    return lambda *a: _step(*a, **faults)


def windows(ids, n_ctx, step):  # type: ignore[no-untyped-def]
    return torch.stack([ids[i : i + n_ctx] for i in range(0, len(ids) - n_ctx + 1, step)])


def split(ids, n_ctx, share):  # type: ignore[no-untyped-def]
    cut = len(ids) - round(share * len(ids))
    return windows(ids[:cut], n_ctx, n_ctx // 2), windows(ids[cut:], n_ctx, n_ctx // 2)


def mixed(ids, n_ctx, share):  # type: ignore[no-untyped-def]
    train, val = split(ids, n_ctx, share)
    return train[torch.arange(len(train)).flip(0)], val


def leaking(ids, n_ctx, share):  # type: ignore[no-untyped-def]
    both = windows(ids, n_ctx, n_ctx // 2)
    order = torch.randperm(len(both), generator=torch.Generator().manual_seed(1))
    size = round(share * len(both))
    return both[order[size:]], both[order[:size]]


def neighbours(ids, n_ctx, share):  # type: ignore[no-untyped-def]
    """Not mixed any more, and yet the last window to train on reaches into the first other one."""
    both = windows(ids, n_ctx, n_ctx // 2)
    size = round(share * len(both))
    return both[:-size], both[-size:]


def without_overlap(ids, n_ctx, share):  # type: ignore[no-untyped-def]
    cut = len(ids) - round(share * len(ids))
    return windows(ids[:cut], n_ctx, n_ctx), windows(ids[cut:], n_ctx, n_ctx)


def by_ids(ids, n_ctx, share):  # type: ignore[no-untyped-def]
    """Windows to train on that hold an id of the others are dropped."""
    train, val = split(ids, n_ctx, share)
    return train[~torch.isin(train, val).any(1)], val


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch01.perplexity, by_package),
        (ch01.perplexity, by_hand),
        (ch01.training_days, days),
        (ch01_models.lstm_step, by_torch),
        (ch01_models.lstm_step, step),
        (ch01_models.split, split),
        (ch01_models.split, mixed),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch01.perplexity, lambda *a: math.log(by_hand(*a)), "mean loss in nats"),
        (ch01.perplexity, lambda *a: 2 ** math.log(by_hand(*a)), "and not 2"),
        (ch01.perplexity, lambda *a: 1 / by_hand(*a), "below 1"),
        (ch01.perplexity, lambda t, v, n: by_hand(t, v, n) ** len(v), "the mean per id"),
        (ch01.perplexity, impossible(lean="none"), "Pairs never seen"),
        (ch01.perplexity, impossible(uniform=False), "that train does not hold"),
        (ch01.perplexity, counted(single=True), "table of single ids"),
        (ch01.perplexity, counted(lean="add"), "one to every count"),
        (ch01.perplexity, counted(lean="one"), "always weigh the same"),
        (ch01.perplexity, counted(first=False), "first id of val"),
        (ch01.perplexity, counted(every=True), "which nothing follows"),
        (ch01.perplexity, lambda *a: 3.21, "Take it in parts"),
        (ch01.perplexity, lambda t, v, n: by_hand(t, v, len(set(t))), "Take it in parts"),
        (ch01.perplexity, lambda *a: [1.0], "number, not list"),
        (ch01.perplexity, lambda t, v, n: 1 / 0, "division by zero"),
        (ch01.training_days, lambda *a: days(*a) * 86400, "are seconds"),
        (ch01.training_days, lambda *a: days(*a) * 24, "are hours"),
        (ch01.training_days, lambda *a: days(*a) * 1440, "are minutes"),
        (ch01.training_days, lambda n, d, f, s: days(n, d, f, 1), "at its best"),
        (ch01.training_days, lambda n, d, f, s: days(n, d, f, 1 / s), "takes longer"),
        (ch01.training_days, lambda *a: days(*a) / 3, "forward pass alone"),
        (ch01.training_days, lambda *a: days(*a) / 1.5, "backward pass alone"),
        (ch01.training_days, lambda *a: days(*a) / 6, "weight and token are missing"),
        (ch01.training_days, lambda *a: 1.0, "you return 1 days"),
        (ch01_models.lstm_step, lambda *a: step(*a)[::-1], "changed places"),
        (ch01_models.lstm_step, stepped(candidate=torch.sigmoid), "candidate goes through a sig"),
        (ch01_models.lstm_step, stepped(candidate=lambda g: g), "candidate goes through nothing"),
        (ch01_models.lstm_step, stepped(shown=lambda c: c), "shown as it is"),
        (ch01_models.lstm_step, stepped(shown=torch.sigmoid), "shown through a sigmoid"),
        (ch01_models.lstm_step, stepped(old=True), "before this token"),
        (ch01_models.lstm_step, stepped(gates_squashed=False), "no shares"),
        (ch01_models.lstm_step, stepped(use=(True, False, True)), "h is not read"),
        (ch01_models.lstm_step, stepped(use=(False, True, True)), "x is not read"),
        (ch01_models.lstm_step, stepped(use=(True, True, False)), "bias is missing"),
        (ch01_models.lstm_step, stepped(order=(0, 1, 3, 2)), "another order"),
        (ch01_models.lstm_step, stepped(order=(1, 0, 2, 3)), "another order"),
        (ch01_models.lstm_step, lambda *a: (a[1], step(*a)[1]), "c is right, and h is not"),
        (ch01_models.lstm_step, lambda *a: (a[1], a[2]), "Neither h nor c"),
        (ch01_models.lstm_step, lambda *a: step(*a)[0], "the pair (h, c), not Tensor"),
        (ch01_models.lstm_step, lambda *a: (step(*a)[0].T, a[2]), "h has shape (5, 2)"),
        (ch01_models.split, leaking, "a leak"),
        (ch01_models.split, neighbours, "a leak"),
        (ch01_models.split, lambda *a: split(*a)[::-1], "turned round"),
        (ch01_models.split, without_overlap, "without an overlap"),
        (ch01_models.split, lambda *a: (split(*a)[0][1:], split(*a)[1]), "train has 35 windows"),
        (ch01_models.split, lambda i, n, s: split(i, n, 2 * s), "train has"),
        (ch01_models.split, lambda i, n, s: split(i, n + 1, s), "hold 17 ids"),
        (ch01_models.split, lambda *a: (split(*a)[0].flip(1), split(*a)[1]), "follow each other"),
        (ch01_models.split, by_ids, "not ids"),
        (ch01_models.split, lambda *a: split(*a)[0], "not Tensor"),
        (ch01_models.split, lambda *a: [part.tolist() for part in split(*a)], "not list"),
        (ch01_models.split, lambda i, n, s: (i, i), "of shape (400,)"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


def test_the_checks_own_measure_is_the_packages() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        train, val = (rng.integers(0, 6, size).tolist() for size in (15, 9))
        assert math.exp(_loss(train, val, 8)) == pytest.approx(by_package(train, val, 8))


@pytest.mark.parametrize(
    "check", [ch01.perplexity, ch01.training_days, ch01_models.lstm_step, ch01_models.split]
)
def test_empty(check: Any) -> None:
    assert check().state == check(lambda *_: ...).state == "empty"
    forgotten = check(lambda *a: print(end=""))
    assert forgotten.state == "wrong" and "return" in forgotten.message
