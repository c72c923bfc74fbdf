"""Right answers pass; an empty one and each common mistake get a message of their own."""

import math
from typing import Any

import pytest
import torch

from gptlab.exercises import ch03_2

D, V, N = 768, 40478, 512
BLOCK = 12 * D * D + 13 * D
RIGHT = V * D + N * D + 24 * BLOCK
GPT1 = 116_534_784


def pair(tokens):  # type: ignore[no-untyped-def]
    return tokens[:-1], tokens[1:]


def bits(nats: float, n_tokens: int, n_bytes: int) -> float:
    return nats * n_tokens / n_bytes / math.log(2)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch03_2.parameters, RIGHT),
        (ch03_2.parameters, float(RIGHT)),
        (ch03_2.make_targets, pair),
        (ch03_2.make_targets, lambda t: list(pair(t))),
        (ch03_2.bits_per_byte, bits),
        (ch03_2.bits_per_byte, lambda n, t, b: n * math.log2(math.e) / (b / t)),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


def test_the_right_count_is_the_published_shape_plus_twelve_blocks() -> None:
    assert RIGHT == GPT1 + 12 * BLOCK


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch03_2.parameters, RIGHT - N * D, "positions are missing"),
        (ch03_2.parameters, RIGHT + V * D, "counts once"),
        (ch03_2.parameters, RIGHT - N * D + V * D, "Two things"),
        (ch03_2.parameters, RIGHT - V * D, "token embedding is missing"),
        (ch03_2.parameters, 24 * BLOCK, "blocks alone"),
        (ch03_2.parameters, RIGHT + 2 * D, "One LayerNorm too many"),
        (ch03_2.parameters, RIGHT - 24 * 13 * D, "biases and LayerNorms"),
        (ch03_2.parameters, RIGHT - 24 * 4 * D, "LayerNorms are missing: two"),
        (ch03_2.parameters, RIGHT - 24 * 9 * D, "biases of the linear"),
        (ch03_2.parameters, GPT1, "with 12 blocks"),
        (ch03_2.parameters, 2 * GPT1, "doubled everything"),
        (ch03_2.parameters, V * D + N * D + BLOCK, "single block"),
        (ch03_2.parameters, 201.6e6, "Close, but not exact"),
        (ch03_2.parameters, 7, "three parts"),
        (ch03_2.make_targets, lambda t: (t[:-1], t[:-1]), "copy"),
        (ch03_2.make_targets, lambda t: (t, t), "copy"),
        (ch03_2.make_targets, lambda t: (t[1:], t[:-1]), "wrong way"),
        (ch03_2.make_targets, lambda t: (t, t.roll(-1)), "wraps around: the last"),
        (ch03_2.make_targets, lambda t: (t, t.roll(1)), "rolls the wrong way"),
        (ch03_2.make_targets, lambda t: (t, t[1:]), "each input needs one target"),
        (ch03_2.make_targets, lambda t: (t[:-2], t[2:]), "two tokens ahead"),
        (ch03_2.make_targets, lambda t: (t[:-2], t[1:-1]), "should make 6 pairs"),
        (ch03_2.make_targets, lambda t: (t[:-1], t[1:].flip(0)), "you return x"),
        (ch03_2.make_targets, lambda t: t[1:], "two tensors"),
        (ch03_2.make_targets, lambda t: (t.tolist(), t[1:]), "x should be a tensor"),
        (ch03_2.make_targets, torch.ones(3), "function itself"),
        (ch03_2.bits_per_byte, lambda n, t, b: n * t / b, "nats per byte"),
        (ch03_2.bits_per_byte, lambda n, t, b: n * math.log(2) * t / b, "ln 2 goes the other"),
        (ch03_2.bits_per_byte, lambda n, t, b: n / math.log(2) * b / t, "a byte costs less"),
        (ch03_2.bits_per_byte, lambda n, t, b: n / math.log(2), "bits per token"),
        (ch03_2.bits_per_byte, lambda n, t, b: n * b / t, "and ln 2 is missing"),
        (ch03_2.bits_per_byte, lambda n, t, b: n / math.log(2) * t, "whole text"),
        (ch03_2.bits_per_byte, lambda n, t, b: 7.0, "First nats into bits"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict
    assert str(RIGHT) not in verdict.message and f"{RIGHT:,}" not in verdict.message
