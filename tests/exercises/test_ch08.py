"""Chapter 8's checks: right answers pass, and each common mistake gets a message of its own."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from gptlab.config import preset
from gptlab.exercises import ch08
from gptlab.experiments.successors import rotate
from gptlab.model import GPT


def count(V, n_ctx, L, C):  # type: ignore[no-untyped-def]
    with torch.device("meta"):
        shape = {"vocab_size": V, "n_ctx": n_ctx, "n_layer": L, "n_embd": C, "n_head": 1}
        return GPT(preset("gpt2", **shape)).num_parameters()


def cache(L, H, D, T, width):  # type: ignore[no-untyped-def]
    return 2 * L * H * D * T * width


def by_transformers(x, base):  # type: ignore[no-untyped-def]
    T, D = x.shape
    config = LlamaConfig(hidden_size=D, num_attention_heads=1, head_dim=D, rope_theta=base)
    config.rope_parameters = {"rope_type": "default", "rope_theta": base}
    cos, sin = LlamaRotaryEmbedding(config)(x[None, None], torch.arange(T)[None])
    return apply_rotary_pos_emb(x[None, None], x[None, None], cos, sin)[0][0, 0]


def norm(x, gain, eps):  # type: ignore[no-untyped-def]
    layer = nn.RMSNorm(len(gain), eps)
    layer.weight.data = gain
    return layer(x)


def turned(x, base, *, way=1.0, power=2.0, speeds=None):  # type: ignore[no-untyped-def]
    T, D = x.shape
    if speeds is None:
        speeds = base ** (-power * torch.arange(D // 2) / D)
    angles = way * torch.arange(T)[:, None] * speeds
    a, b = x.chunk(2, -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)


def neighbours(x, base):  # type: ignore[no-untyped-def]
    T, D = x.shape
    angles = torch.arange(T)[:, None] * base ** (-2 * torch.arange(D // 2) / D)
    pairs = torch.view_as_complex(x.reshape(T, -1, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


def mean_square(x, over=-1):  # type: ignore[no-untyped-def]
    return x.square().mean(over, keepdim=True)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch08.count, count),
        (ch08.cache, cache),
        (ch08.rotate, lambda x, base: rotate(x, base=base)),
        (ch08.rotate, by_transformers),
        (ch08.rotate, turned),
        (ch08.rms_norm, norm),
        (ch08.rms_norm, lambda x, gain, eps: gain * x / (mean_square(x) + eps).sqrt()),
    ],
)
def test_right_answers_pass(check: Any, answer: Any) -> None:
    verdict = check(answer)
    assert verdict.passed, verdict.message


def less(part):  # type: ignore[no-untyped-def]
    return lambda V, n_ctx, L, C: count(V, n_ctx, L, C) - part(V, n_ctx, L, C)


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        (ch08.count, less(lambda V, n, L, C: (V + n) * C), "The embeddings are missing"),
        (ch08.count, less(lambda V, n, L, C: n * C), "table of positions"),
        (ch08.count, less(lambda V, n, L, C: V * C), "table of tokens"),
        (ch08.count, less(lambda V, n, L, C: -V * C), "counts once"),
        (ch08.count, less(lambda V, n, L, C: 2 * C), "last LayerNorm"),
        (ch08.count, less(lambda V, n, L, C: 13 * C * L), "Biases and LayerNorms"),
        (ch08.count, less(lambda V, n, L, C: 9 * C * L), "The biases are missing"),
        (ch08.count, less(lambda V, n, L, C: 4 * C * L), "two LayerNorms"),
        (ch08.count, lambda V, n, L, C: count(V, n, 1, C), "one layer"),
        (ch08.count, lambda V, n, L, C: 7, "Go through the parts"),
        (ch08.cache, lambda *a: cache(*a) // 2, "keys alone"),
        (ch08.cache, lambda *a: cache(*a) * 1.5, "Queries are not kept"),
        (ch08.cache, lambda L, H, D, T, w: cache(L, H, D, T, 1), "width in bytes"),
        (ch08.cache, lambda L, H, D, T, w: cache(1, H, D, T, w), "one layer"),
        (ch08.cache, lambda L, H, D, T, w: cache(L, 1, D, T, w), "one head"),
        (ch08.cache, lambda L, H, D, T, w: cache(L, H, D, 1, w), "one token"),
        (ch08.cache, lambda L, H, D, T, w: cache(L, H, D, T * T, w), "not kept"),
        (ch08.cache, lambda *a: 3, "What is kept of one token"),
        (ch08.rotate, lambda x, base: x, "as they were"),
        (ch08.rotate, lambda x, base: 2 * turned(x, base), "length"),
        (ch08.rotate, lambda x, base: rotate(x, start=1, base=base), "its position is 0"),
        (ch08.rotate, lambda x, base: turned(x, base, way=-1), "other way round"),
        (ch08.rotate, lambda x, base: turned(x, base, speeds=1.0), "speed of the first"),
        (ch08.rotate, lambda x, base: turned(x, base, power=1), "too slowly"),
        (ch08.rotate, neighbours, "Neighbours are paired"),
        (ch08.rotate, lambda x, base: turned(x, base, power=3), "Pair i is"),
        (ch08.rms_norm, lambda x, g, e: norm(x, torch.ones_like(g), e), "gain is missing"),
        (ch08.rms_norm, lambda x, g, e: nn.functional.layer_norm(x, g.shape, g, None, e), "LayerN"),
        (ch08.rms_norm, lambda x, g, e: g * x * (6 * mean_square(x) + e).rsqrt(), "sum of the sq"),
        (ch08.rms_norm, lambda x, g, e: g * x * (x.square().mean() + e).rsqrt(), "all numbers"),
        (
            ch08.rms_norm,
            lambda x, g, e: g * x * (mean_square(x, -2) + e).rsqrt(),
            "over the tok",
        ),
        (ch08.rms_norm, lambda x, g, e: g * x / (mean_square(x) + e), "root is missing"),
        (ch08.rms_norm, lambda x, g, e: g * x * mean_square(x).rsqrt(), "eps is missing"),
        (ch08.rms_norm, lambda x, g, e: g * x / (mean_square(x).sqrt() + e), "outside the root"),
        (ch08.rms_norm, lambda x, g, e: x + 1, "Take the root"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, said: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and said in verdict.message, verdict.message


def test_a_token_of_zeros_must_come_back_as_zeros() -> None:
    def without_care(x, gain, eps):  # type: ignore[no-untyped-def]
        if not x.any():
            return x + torch.nan
        return norm(x, gain, eps)

    assert "zeros" in ch08.rms_norm(without_care).message
