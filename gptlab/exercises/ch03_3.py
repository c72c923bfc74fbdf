"""The checks of chapter 3.3: the pre-norm block, the residual scale, the warm-up."""

from __future__ import annotations

import math
from typing import Any

import torch

from gptlab.exercises.checks import Wrong, call, exercise, number, same, tensor


@exercise("Fill in pre_norm_block(x, ln_1, attn, ln_2, mlp) so that it returns a tensor (B, T, C).")
def pre_norm_block(answer: Any) -> str:
    """Check a function of x (B, T, C) and four layers, each (B, T, C) → (B, T, C)."""
    with torch.random.fork_rng(devices=[]):  # a check leaves the reader's random numbers alone
        torch.manual_seed(0)
        x = torch.randn(1, 3, 8)
        ln_1, ln_2 = torch.nn.LayerNorm(8), torch.nn.LayerNorm(8)
        attn, mlp = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)
        for norm in (ln_1, ln_2):  # fresh ones are alike, and could change places unseen
            torch.nn.init.normal_(norm.weight, 1.0, 0.5)
            torch.nn.init.normal_(norm.bias, 0.0, 0.5)
    with torch.no_grad():
        result = tensor(call(answer, x, ln_1, attn, ln_2, mlp), (1, 3, 8))
        middle = x + attn(ln_1(x))
        right = middle + mlp(ln_2(middle))
        post_middle = ln_1(x + attn(x))
        plain_middle = x + attn(x)
        in_the_stream = ln_1(x) + attn(ln_1(x))
        wrongs = [
            (
                ln_2(post_middle + mlp(post_middle)),
                "This is GPT-1's block: the norms come after the additions. In GPT-2 they stand at "
                "the input of each sub-block.",
            ),
            (
                mlp(ln_2(attn(ln_1(x)))),
                "Nothing is added to x: without the residual stream a layer overwrites the last.",
            ),
            (plain_middle + mlp(plain_middle), "The norms are missing."),
            (
                ln_2(in_the_stream) + mlp(ln_2(in_the_stream)),
                "The norm is applied to what is carried on as well. Only the sub-block's input is "
                "normalised; x itself passes by.",
            ),
            (
                x + attn(ln_1(x)) + mlp(ln_2(x)),
                "The MLP reads x as it was before attention. It should read the stream after it.",
            ),
            (
                x + attn(ln_2(x)) + mlp(ln_1(x + attn(ln_2(x)))),
                "The two norms have changed places. Each belongs to one sub-block.",
            ),
            (
                middle + mlp(ln_1(middle)),
                "Both sub-blocks read through the same norm; the MLP has one of its own.",
            ),
            (middle, "That is the attention half; the MLP half is missing."),
        ]
    for wrong, message in wrongs:
        if same(result, wrong):
            raise Wrong(message)
    if not same(result, right):
        raise Wrong("The numbers differ. Take it in two lines: first attention, then the MLP.")
    return "Each sub-block reads a normalised copy and adds to the stream, which passes untouched."


@exercise("Fill in residual_scale(n_layer) so that it returns a number.")
def residual_scale(answer: Any) -> str:
    """Check a function n_layer → factor on the initial weights that write into the stream."""
    for n_layer in (12, 48, 3):
        value, n = number(call(answer, n_layer)), 2 * n_layer
        if math.isclose(value, 1 / math.sqrt(n_layer)):
            raise Wrong("N counts residual layers, not blocks. How many additions has a block?")
        if math.isclose(value, 1 / n):
            raise Wrong("Variances add up, and a variance is a square: something is missing.")
        if math.isclose(value, math.sqrt(n)):
            raise Wrong("With this factor the stream grows even faster. Which way round?")
        if not math.isclose(value, 1 / math.sqrt(n), rel_tol=1e-4):
            raise Wrong(f"For n_layer = {n_layer} you return {value:.4f}. What is N there?")
    return "N additions of variance 1/N each make a stream of variance 1, however deep."


@exercise("Fill in learning_rate(step, peak, warmup) so that it returns a number.")
def warmup(answer: Any) -> str:
    """Check a function (step from 0, peak, warmup) → rate: linear up to the peak, then constant."""
    values = [number(call(answer, step, 0.5, 10)) for step in range(12)]
    if values[0] == 0:
        raise Wrong("Step 0 learns nothing: its rate is 0. Count so that the first step moves.")
    if all(value == 0.5 for value in values):
        raise Wrong("There is no warm-up: the rate is at its peak from the first step.")
    if max(values) > 0.5 + 1e-9:
        raise Wrong(f"The rate goes on rising past its peak, to {max(values):.2f}.")
    right = [0.5 * min(1.0, (step + 1) / 10) for step in range(12)]
    rising = all(math.isclose(v, r, rel_tol=1e-4) for v, r in zip(values[:10], right, strict=False))
    if rising and max(values[10:]) < 0.5:
        raise Wrong(
            f"It rises as it should, and then falls, to {values[11]:.3f} at step 11. Here the rate "
            f"stays at its peak after the warm-up."
        )
    if not all(math.isclose(v, r, rel_tol=1e-4) for v, r in zip(values, right, strict=True)):
        raise Wrong(f"With warmup = 10 and peak = 0.5 your first rates are {values[:3]}.")
    return "Ten small steps, each a little larger, and then the peak."
