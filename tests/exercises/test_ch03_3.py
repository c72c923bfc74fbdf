"""Right answers pass; an empty one and each common mistake get a message of their own."""

import math
from typing import Any

import pytest

from gptlab.exercises import ch03_3


def block_right(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = x + attn(ln_1(x))
    return x + mlp(ln_2(x))


def block_post(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = ln_1(x + attn(x))
    return ln_2(x + mlp(x))


def block_bare(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return mlp(ln_2(attn(ln_1(x))))


def block_no_norm(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = x + attn(x)
    return x + mlp(x)


def block_norm_in_stream(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = ln_1(x)
    x = x + attn(x)
    x = ln_2(x)
    return x + mlp(x)


def block_parallel(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return x + attn(ln_1(x)) + mlp(ln_2(x))


def block_norms_swapped(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return block_right(x, ln_2, attn, ln_1, mlp)


def block_one_norm(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return block_right(x, ln_1, attn, ln_1, mlp)


def rate_that_decays(step: int, peak: float, warmup: int) -> float:
    return rate(step, peak, warmup) if step < warmup else peak * 0.9 ** (step - warmup + 1)


def rate(step: int, peak: float, warmup: int) -> float:
    return peak * min(1.0, (step + 1) / warmup)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch03_3.pre_norm_block, block_right),
        (ch03_3.residual_scale, lambda n: (2 * n) ** -0.5),
        (ch03_3.warmup, rate),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch03_3.pre_norm_block, block_post, "GPT-1's block"),
        (ch03_3.pre_norm_block, block_bare, "Nothing is added"),
        (ch03_3.pre_norm_block, block_no_norm, "norms are missing"),
        (ch03_3.pre_norm_block, block_norm_in_stream, "carried on as well"),
        (ch03_3.pre_norm_block, block_parallel, "before attention"),
        (ch03_3.pre_norm_block, lambda x, n, a, m, f: x + a(n(x)), "MLP half is missing"),
        (ch03_3.pre_norm_block, lambda x, n, a, m, f: x[0], "shape"),
        (ch03_3.pre_norm_block, block_norms_swapped, "changed places"),
        (ch03_3.pre_norm_block, block_one_norm, "same norm"),
        (ch03_3.warmup, rate_that_decays, "then falls"),
        (ch03_3.residual_scale, lambda n: n**-0.5, "not blocks"),
        (ch03_3.residual_scale, lambda n: 1 / (2 * n), "square"),
        (ch03_3.residual_scale, lambda n: math.sqrt(2 * n), "Which way round"),
        (ch03_3.residual_scale, lambda n: 0.02, "What is N"),
        (ch03_3.warmup, lambda s, p, w: p * min(1, s / w), "Step 0"),
        (ch03_3.warmup, lambda s, p, w: p, "no warm-up"),
        (ch03_3.warmup, lambda s, p, w: p * (s + 1) / w, "past its peak"),
        (ch03_3.warmup, lambda s, p, w: p * min(1, (s + 2) / w), "first rates"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict
