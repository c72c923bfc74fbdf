"""Chapter 0's checks: right answers pass, and each common mistake gets a message of its own."""

import re
from typing import Any

import pytest
import torch

from gptlab.exercises import ch00


def bytes_per_token(text, pieces):  # type: ignore[no-untyped-def]
    return len(text.encode()) / len(pieces)


@torch.no_grad()
def write(model, ids, count, *, read=lambda ids: ids, at=-1, pick=torch.argmax):  # type: ignore[no-untyped-def]
    ids = list(ids)
    for _ in range(count):
        logits = model(torch.tensor([read(ids)]))[0, at]
        ids.append(int(pick(logits)))
    return ids


def with_gradients(model, ids, count):  # type: ignore[no-untyped-def]
    """Nothing is said about gradients, so an answer that keeps them is right too."""
    for _ in range(count):
        ids = [*ids, model(torch.tensor([ids]))[0, -1].argmax()]
    return torch.tensor(ids)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch00.bytes_per_token, bytes_per_token),
        (ch00.write, write),
        (ch00.write, with_gradients),
        (ch00.write, lambda *a: tuple(write(*a))),
    ],
)
def test_right_answers_pass(check: Any, answer: Any) -> None:
    verdict = check(answer)
    assert verdict.passed, verdict.message


def but(**changes: Any) -> Any:
    return lambda model, ids, count: write(model, ids, count, **changes)


def forgets_to_read(model, ids, count):  # type: ignore[no-untyped-def]
    return ids + count * write(model, ids, 1)[-1:]


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        (ch00.bytes_per_token, lambda text, pieces: len(text) / len(pieces), "letters a token"),
        (ch00.bytes_per_token, lambda text, pieces: len(pieces) / len(text.encode()), "turned"),
        (ch00.bytes_per_token, lambda text, pieces: len(pieces) / len(text), "tokens a letter"),
        (ch00.bytes_per_token, lambda text, pieces: len(text.encode()), "whole text"),
        (ch00.bytes_per_token, lambda text, pieces: len(pieces), "Those are the tokens"),
        (ch00.bytes_per_token, lambda text, pieces: 3.3, "3.3"),
        (ch00.write, lambda m, ids, n: write(m, ids, n)[len(ids) :], "new ids alone"),
        (ch00.write, lambda m, ids, n: ids, "nothing was written"),
        (ch00.write, lambda m, ids, n: write(m, ids, n)[::-1], "does not begin"),
        (ch00.write, lambda m, ids, n: write(m, ids, n + 1), "7 ids were written, and 6"),
        (ch00.write, but(read=lambda ids: ids[-1:]), "by the one before it alone"),
        (ch00.write, forgets_to_read, "must be read in its turn"),
        (ch00.write, but(pick=torch.argmin), "the likeliest are"),
        (ch00.write, but(at=0), "does not|the likeliest are|stays"),
        (ch00.write, lambda *a: "text", "not str"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, said: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and re.search(said, verdict.message), verdict.message
