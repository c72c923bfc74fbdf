"""Right answers pass; an empty one and each common mistake get a message of their own."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from gptlab.exercises import ch04_1

RIGHT = 3600


def cut(stream, n, stride=None):  # type: ignore[no-untyped-def]
    """Windows by brute force: one token after another, with its target beside it."""
    x, y = [], []
    for start in range(0, len(stream) - n, stride or n):
        x.append([stream[start + i] for i in range(n)])
        y.append([stream[start + i + 1] for i in range(n)])
    return torch.tensor(x).view(-1, n), torch.tensor(y).view(-1, n)


def stream_of(documents, before=(), after=()):  # type: ignore[no-untyped-def]
    stream: list[int] = []
    for document in documents:
        stream += [*before, *document, *after]
    return stream


def in_front(d, e, n):  # type: ignore[no-untyped-def]
    return cut(stream_of(d, before=[e]), n)


def by_view(d, e, n):  # type: ignore[no-untyped-def]
    stream = torch.tensor(stream_of(d, before=[e]))
    used = (len(stream) - 1) // n * n
    return [stream[:used].reshape(-1, n), stream[1 : used + 1].reshape(-1, n)]


def padded(d, e, n):  # type: ignore[no-untyped-def]
    stream = stream_of(d, before=[e])
    return cut(stream + [e] * (n - (len(stream) - 1) % n), n)


def each_alone(d, e, n):  # type: ignore[no-untyped-def]
    parts = [cut([e, *document], n) for document in d]
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def back(x, y):  # type: ignore[no-untyped-def]
    return torch.cat([torch.full_like(y[:, :1], -100), y[:, :-1]], dim=1)


def norm_of(gradients) -> float:  # type: ignore[no-untyped-def]
    return float(torch.cat([gradient.flatten() for gradient in gradients]).norm())


def scaled(gradients, factor):  # type: ignore[no-untyped-def]
    return [gradient * factor for gradient in gradients]


def clipped(gradients, limit):  # type: ignore[no-untyped-def]
    return scaled(gradients, min(1.0, limit / (norm_of(gradients) + 1e-9)))


def by_torch(gradients, limit):  # type: ignore[no-untyped-def]
    weights = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient
    torch.nn.utils.clip_grad_norm_(weights, limit)
    return [weight.grad for weight in weights]


def in_place(gradients, limit):  # type: ignore[no-untyped-def]
    factor = min(1.0, limit / (norm_of(gradients) + 1e-9))
    for gradient in gradients:
        gradient *= factor
    return gradients


def counted(y) -> int:  # type: ignore[no-untyped-def]
    return int((y != -100).sum())


def accumulating(weigh, *, clear="before", told="float"):  # type: ignore[no-untyped-def]
    """Make an answer: how a piece weighs, (y, all pieces) → factor, and what it gets wrong."""

    def answer(model: Any, pieces: Any) -> Any:
        total = 0.0
        means = []
        if clear == "before":
            model.zero_grad()
        for x, y in pieces:
            if clear == "between":
                model.zero_grad()
            loss = model(x, y)[1]
            means.append(loss.item())
            (loss * weigh(y, pieces)).backward()
            total += loss.item() * weigh(y, pieces)
        return {
            "float": total,
            "tensor": torch.tensor(total),
            "mean of means": sum(means) / len(means),
            "sum of means": sum(means),
            "seven": 7.0,
            "nothing": None,
        }[told]

    return answer


def share(y, pieces) -> float:  # type: ignore[no-untyped-def]
    return counted(y) / sum(counted(other) for _, other in pieces)


def one_backward(model, pieces):  # type: ignore[no-untyped-def]
    model.zero_grad(set_to_none=False)
    loss = sum(model(x, y)[1] * share(y, pieces) for x, y in pieces)
    loss.backward()
    return loss.item()


def by_hand(model, pieces):  # type: ignore[no-untyped-def]
    """One sum over all targets that count, whatever piece they are in."""
    model.zero_grad()
    logits = torch.cat([model(x).flatten(0, 1) for x, _ in pieces])
    loss = F.cross_entropy(logits, torch.cat([y.flatten() for _, y in pieces]))
    loss.backward()
    return loss.item()


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch04_1.updates, RIGHT),
        (ch04_1.updates, float(RIGHT)),
        (ch04_1.updates, torch.tensor(RIGHT)),
        (ch04_1.windows, in_front),
        (ch04_1.windows, by_view),
        (ch04_1.labels_for_library, back),
        (ch04_1.labels_for_library, lambda x, y: y.roll(1, 1)),
        (ch04_1.labels_for_library, lambda x, y: F.pad(y[:, :-1], (1, 0), value=-100)),
        (ch04_1.clip, clipped),
        (ch04_1.clip, by_torch),
        (ch04_1.clip, in_place),
        (ch04_1.clip, lambda g, c: tuple(clipped(g, c))),
        (ch04_1.accumulate, accumulating(share)),
        (ch04_1.accumulate, one_backward),
        (ch04_1.accumulate, by_hand),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


def test_the_budget_by_counting() -> None:
    left, updates = 3 * 2_457_600, 0
    while left > 0:
        left -= 16 * 128
        updates += 1
    assert updates == RIGHT


def test_the_repaired_labels_make_the_library_learn_the_next_token() -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=11, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    library = GPT2LMHeadModel(config).eval()
    x, y = torch.randint(11, (2, 3, 8))  # (3, 8) each
    y[0, :3], y[2, 4] = -100, -100
    its_loss = library(x, labels=back(x, y)).loss
    logits = library(x).logits[:, :-1]
    assert torch.allclose(its_loss, F.cross_entropy(logits.flatten(0, 1), y[:, :-1].flatten()))


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch04_1.updates, RIGHT * 4, "pieces are counted as updates"),
        (ch04_1.updates, RIGHT / 4, "pieces make the batch larger"),
        (ch04_1.updates, RIGHT / 3, "one epoch"),
        (ch04_1.updates, RIGHT / 9, "other way"),
        (ch04_1.updates, RIGHT * 128, "sequences in, not tokens"),
        (ch04_1.updates, RIGHT * 16, "counts sequences"),
        (ch04_1.updates, 3 * 2_457_600, "tokens read"),
        (ch04_1.updates, 16 * 128, "what one update reads"),
        (ch04_1.updates, 7, "Two numbers"),
        (ch04_1.updates, "3600", "should be a number"),
        (ch04_1.windows, lambda d, e, n: cut(stream_of(d), n), "run into each other"),
        (
            ch04_1.windows,
            lambda d, e, n: cut(stream_of(d, after=[e]), n),
            "behind the documents, or",
        ),
        (
            ch04_1.windows,
            lambda d, e, n: cut(stream_of(d, after=[e])[:-1], n),
            "of the first too",
        ),
        (ch04_1.windows, lambda d, e, n: cut(stream_of(d, before=[e]), n, 1), "overlap"),
        (ch04_1.windows, lambda d, e, n: cut(stream_of(d, before=[e]), n, n + 1), "lost between"),
        (ch04_1.windows, lambda d, e, n: (in_front(d, e, n)[0],) * 2, "copy"),
        (
            ch04_1.windows,
            lambda d, e, n: (in_front(d, e, n)[0], in_front(d, e, n)[0].roll(-1, 1)),
            "its own first token",
        ),
        (ch04_1.windows, lambda d, e, n: in_front(d, e, n)[::-1], "exchanged"),
        (ch04_1.windows, each_alone, "cut on its own"),
        (ch04_1.windows, padded, "not full is left out"),
        (ch04_1.windows, lambda d, e, n: (torch.zeros(2, 3), torch.zeros(2, 4)), "one target"),
        (
            ch04_1.windows,
            lambda d, e, n: tuple(part.flip(0) for part in in_front(d, e, n)),
            "you return x",
        ),
        (ch04_1.windows, lambda d, e, n: in_front(d, e, n)[0], "two tensors"),
        (ch04_1.windows, lambda d, e, n: (in_front(d, e, n)[0].tolist(), 1), "x should be a tens"),
        (ch04_1.windows, lambda d, e, n: in_front(d, e, n) and None, "returns nothing"),
        (ch04_1.labels_for_library, lambda x, y: y, "moved a second time"),
        (ch04_1.labels_for_library, lambda x, y: x, "left out on purpose"),
        (ch04_1.labels_for_library, lambda x, y: y.roll(-1, 1), "three ahead"),
        (ch04_1.labels_for_library, lambda x, y: x.flip(1), "must stand there"),
        (ch04_1.labels_for_library, lambda x, y: back(x, y).float(), "whole numbers"),
        (ch04_1.labels_for_library, lambda x, y: y[:, :-1], "should be (2, 5)"),
        (ch04_1.labels_for_library, lambda x, y: back(x, y) is None or None, "returns nothing"),
        (ch04_1.clip, lambda g, c: [p * min(1, c / p.norm()) for p in g], "norm of its own"),
        (ch04_1.clip, lambda g, c: [p.clamp(-c, c) for p in g], "cut off on its own"),
        (
            ch04_1.clip,
            lambda g, c: scaled(g, min(1.0, c / (sum(float(p.norm()) for p in g) + 1e-9))),
            "do not add up",
        ),
        (ch04_1.clip, lambda g, c: scaled(g, min(1.0, c / (norm_of(g) ** 2 + 1e-9))), "root"),
        (ch04_1.clip, lambda g, c: scaled(g, min(1.0, 1 / (norm_of(g) + 1e-9))), "whatever the"),
        (ch04_1.clip, lambda g, c: scaled(g, c / norm_of(g)), "makes it larger"),
        (ch04_1.clip, lambda g, c: g, "nothing is clipped"),
        (
            ch04_1.clip,
            lambda g, c: clipped(g, c) if norm_of(g) else [torch.full_like(p, math.nan) for p in g],
            "no longer 0",
        ),
        (ch04_1.clip, lambda g, c: scaled(g, 0.5), "yours have the norm"),
        (ch04_1.clip, lambda g, c: torch.cat([p.flatten() for p in g]), "a list of 3"),
        (ch04_1.clip, lambda g, c: [1, 2, 3], "a gradient should be a tensor"),
        (ch04_1.clip, lambda g, c: in_place(g, c) is None or None, "returns nothing"),
        (ch04_1.accumulate, lambda m, p: 1.0, "nothing was computed"),
        (ch04_1.accumulate, lambda m, p: m.zero_grad() or 1.0, "no new ones"),
        (ch04_1.accumulate, accumulating(share, clear="never"), "batch before"),
        (ch04_1.accumulate, accumulating(share, clear="between"), "Only the last piece"),
        (ch04_1.accumulate, accumulating(lambda y, p: 1, clear="between"), "whole batch"),
        (ch04_1.accumulate, accumulating(lambda y, p: 1), "too large"),
        (ch04_1.accumulate, accumulating(lambda y, p: 1 / len(p)), "mean of means"),
        (ch04_1.accumulate, accumulating(lambda y, p: counted(y)), "gradients of the sum"),
        (
            ch04_1.accumulate,
            accumulating(lambda y, p: counted(y) / sum(z.numel() for _, z in p)),
            "All positions are counted",
        ),
        (ch04_1.accumulate, accumulating(lambda y, p: 0.3 * share(y, p)), "How much does each"),
        (ch04_1.accumulate, accumulating(share, told="tensor"), "loss is a tensor"),
        (ch04_1.accumulate, accumulating(share, told="mean of means"), "pieces' means. It needs"),
        (ch04_1.accumulate, accumulating(share, told="sum of means"), "sum of the pieces' means"),
        (ch04_1.accumulate, accumulating(share, told="seven"), "another number"),
        (ch04_1.accumulate, accumulating(share, told="nothing"), "returns nothing"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict
    assert str(RIGHT) not in verdict.message and f"{RIGHT:,}" not in verdict.message
