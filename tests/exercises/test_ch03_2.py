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


def loss(logits, targets):  # type: ignore[no-untyped-def]
    largest = logits.max(-1, keepdim=True).values
    logprobs = logits - largest - (logits - largest).exp().sum(-1, keepdim=True).log()
    return -logprobs[torch.arange(len(targets)), targets].mean()


def naive(logits, targets):  # type: ignore[no-untyped-def]
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -p.gather(-1, targets[:, None]).log().mean()


def draw(logits, temperature, top_k):  # type: ignore[no-untyped-def]
    kept = torch.full_like(logits, -torch.inf)
    best = logits.topk(min(top_k, len(logits))).indices
    kept[best] = logits[best] / temperature
    return kept.softmax(-1)


def keep(logits, k, value=-torch.inf):  # type: ignore[no-untyped-def]
    return logits.where(logits >= logits.sort().values[-min(k, 6)], value)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch03_2.parameters, RIGHT),
        (ch03_2.parameters, float(RIGHT)),
        (ch03_2.make_targets, pair),
        (ch03_2.make_targets, lambda t: list(pair(t))),
        (ch03_2.cross_entropy, loss),
        (ch03_2.cross_entropy, torch.nn.functional.cross_entropy),
        (ch03_2.cross_entropy, lambda z, t: -z.double().log_softmax(1)[range(5), t].mean().item()),
        (ch03_2.next_token, draw),
        (ch03_2.next_token, lambda z, t, k: (keep(z, k) / t).softmax(0)),
        (ch03_2.next_token, lambda z, t, k: keep(z / t, k).softmax(0)),
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
        (ch03_2.cross_entropy, lambda z, t: -loss(z, t), "The sign"),
        (ch03_2.cross_entropy, lambda z, t: loss(z, t) * len(t), "the sum over"),
        (ch03_2.cross_entropy, lambda z, t: loss(z, t) / math.log(2), "bits"),
        (ch03_2.cross_entropy, lambda z, t: -z.softmax(1)[range(5), t].mean().log(), "too early"),
        (ch03_2.cross_entropy, lambda z, t: z.softmax(1)[range(5), t].mean(), "still missing"),
        (ch03_2.cross_entropy, lambda z, t: -z.log_softmax(1).mean(), "Which one came"),
        (ch03_2.cross_entropy, lambda z, t: loss(z, z.argmax(1)), "likes best"),
        (ch03_2.cross_entropy, lambda z, t: -z[range(5), t].mean(), "the logits of the right"),
        (ch03_2.cross_entropy, lambda z, t: -z.log_softmax(0)[range(5), t].mean(), "down the col"),
        (ch03_2.cross_entropy, lambda z, t: 7.0, "Row by row"),
        (ch03_2.cross_entropy, lambda z, t: loss(z, t)[None].repeat(2), "number, not Tensor"),
        (ch03_2.cross_entropy, naive, "Right for small logits"),
        (ch03_2.next_token, lambda z, t, k: keep(z, k) / t, "logits still"),
        (ch03_2.next_token, lambda z, t, k: (keep(z, k) * t).softmax(0), "wrong way"),
        (ch03_2.next_token, lambda z, t, k: z.softmax(0), "Neither"),
        (ch03_2.next_token, lambda z, t, k: z.softmax(0) / t, "not their proportions"),
        (ch03_2.next_token, lambda z, t, k: keep(z, k).softmax(0), "temperature is not used"),
        (ch03_2.next_token, lambda z, t, k: (z / t).softmax(0), "Top-k is not used"),
        (ch03_2.next_token, lambda z, t, k: keep(z / t, k, 0.0).softmax(0), "e⁰"),
        (ch03_2.next_token, lambda z, t, k: (z / t).softmax(0) * (keep(z, k) > -9), "sums to 1"),
        (
            ch03_2.next_token,
            lambda z, t, k: (
                (z / t).where(z <= z.sort().values[min(k, 6) - 1], -torch.inf).softmax(0)
            ),
            "least likely",
        ),
        (ch03_2.next_token, lambda z, t, k: (z / t).topk(k).values.softmax(0), "keep their places"),
        (
            ch03_2.next_token,
            lambda z, t, k: (keep(z, max(1, k - 1)) / t).softmax(0),
            "can be drawn",
        ),
        (ch03_2.next_token, lambda z, t, k: (keep(z, k) / t**2).softmax(0), "proportions are not"),
        (ch03_2.next_token, lambda z, t, k: 2 * draw(z, t, k), "not 1"),
        (ch03_2.next_token, lambda z, t, k: z.argmax(), "should be (6,)"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict
    assert str(RIGHT) not in verdict.message and f"{RIGHT:,}" not in verdict.message
