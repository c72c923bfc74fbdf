"""Why the norm moved, at growing depth with and without warm-up; and where depth pays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gptlab.compare import Variant
from gptlab.config import preset
from gptlab.experiments.terms import SHARED_RATE, Experiment, at_equal_tokens
from gptlab.model import GPT
from gptlab.settings import TrainSettings
from gptlab.training import Watch

#: Updates of 4,096 tokens, at the rate that suited GPT-2 at width 128 and four layers.
_UPDATE = TrainSettings(batch_size=64, learning_rate=4e-3)


def depth(
    vocab_size: int,
    depths: Sequence[int] = (2, 6, 12, 24),
    steps: int = 400,
    warmup: int = 100,
    norms: Sequence[str] = ("post", "pre"),
) -> list[Variant]:
    """Post-norm and pre-norm at growing depth, with and without warm-up.

    Everything else is the same: no residual scaling, and a final norm for both kinds, so that only
    the place of the norm differs.
    """
    shape = {"n_embd": 64, "n_head": 4, "final_norm": True}
    # The papers' own scale: larger weights change when and where a deep model gets stuck.
    base = preset("gpt1-tiny", vocab_size=vocab_size, init_std=0.02, **shape)
    settings = TrainSettings(steps=steps, learning_rate=SHARED_RATE)
    return [
        Variant(
            f"{norm}-norm, {n_layer} layers, {'no warm-up' if warm == 0 else f'{warm} warm-up'}",
            base.replace(norm=norm, n_layer=n_layer),
            replace(settings, warmup=warm),
        )
        for n_layer in depths
        for norm in norms
        for warm in (0, warmup)
    ]


def watch_gradients(steps: Sequence[int]) -> Callable[[Variant, dict[str, Any]], Watch]:
    """Return a ``watch`` for `run` that keeps each block's gradient norm at the given steps.

    It fills ``extra["grad_norms"]`` with {step: [norm of block 0, of block 1, …]}.
    """

    def start(variant: Variant, extra: dict[str, Any]) -> Watch:
        norms: dict[str, list[float]] = extra.setdefault("grad_norms", {})

        def keep(step: int, model: GPT) -> None:
            if step in steps:
                norms[str(step)] = block_gradient_norms(model)

        return keep

    return start


def block_gradient_norms(model: GPT) -> list[float]:
    """Return the Euclidean norm of each block's gradient, from the first block to the last."""
    return [
        sum(float(w.grad.square().sum()) for w in block.parameters() if w.grad is not None) ** 0.5
        for block in model.h
    ]


def deeper(
    vocab_size: int,
    tokens: int,
    depths: Sequence[int] = (2, 6),
    settings: TrainSettings = _UPDATE,
) -> list[Variant]:
    """GPT-2s of one width and growing depth that read enough for the depth to show.

    Args:
        vocab_size: of the corpus's tokenizer.
        tokens: read by each in training.
        depths: numbers of layers.
        settings: how to train; steps are set from the tokens.
    """
    base = preset("gpt2-tiny", vocab_size=vocab_size, n_embd=64, n_ctx=64)
    return [
        Variant(f"{n_layer} layers", config, at_equal_tokens(config, tokens, settings))
        for n_layer in depths
        for config in [base.replace(n_layer=n_layer)]
    ]


#: Read by characters, so that its losses compare with letter frequencies.
DEPTH = Experiment("depth", "char", depth, watch_gradients((0, 50, 100)))
DEEPER = Experiment("deeper", "char", lambda vocabulary: deeper(vocabulary, 3_000_000))
