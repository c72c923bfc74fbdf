"""The experiments of chapters 3.2 to 3.4, and the sweep of learning rates: what they train.

Each returns variants for `gptlab.compare.run`. All variants of one experiment read the same number
of tokens, except where that number is what is varied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gptlab.compare import Variant
from gptlab.config import GPTConfig, Norm, preset
from gptlab.model import GPT
from gptlab.training import TrainSettings, Watch

#: The learning rate where generations are compared: the highest that all of them survive, so that
#: no difference is the rate's. Alone, a pre-norm model learns faster at `settings.LEARNING_RATES`.
SHARED_RATE = 2e-3


def at_equal_tokens(config: GPTConfig, tokens: int, settings: TrainSettings) -> TrainSettings:
    """Return the settings with as many steps as read ``tokens``, whatever the context.

    ``settings.batch_size`` counts for a context of 64 tokens: a context twice as long gets half as
    many sequences, so that each update sees the same number of tokens. Without a learning rate of
    their own they get `SHARED_RATE`.

    Raises:
        ValueError: if the tokens do not make one update, or one sequence exceeds an update.
    """
    per_step = settings.batch_size * 64
    if config.n_ctx > per_step:
        raise ValueError(
            f"n_ctx is {config.n_ctx}, but an update reads {per_step} tokens; use a larger "
            f"batch_size."
        )
    if tokens < per_step:
        raise ValueError(f"{tokens} tokens are less than one update of {per_step}.")
    steps = tokens // per_step
    return replace(
        settings,
        steps=steps,
        batch_size=per_step // config.n_ctx,
        learning_rate=settings.learning_rate or SHARED_RATE,
        # Post-norm models need it: with 29 of 292 updates GPT-1 stayed at letter frequencies at any
        # rate above 1e-3, with 120 it learned at 2e-3.
        warmup=min(settings.warmup, steps // 3),
    )


def generations(
    vocab_size: int, tokens: int, settings: TrainSettings | None = None, **changes: Any
) -> list[Variant]:
    """Tiny GPT-1, GPT-2 and GPT-3, each as its paper describes it.

    Args:
        vocab_size: of the corpus's tokenizer.
        tokens: read by each in training.
        settings: how to train; steps and batch size are set from ``tokens``.
        changes: fields of `GPTConfig` to change in all three, e.g. ``n_embd=64``.
    """
    settings = settings or TrainSettings(batch_size=16)
    variants = []
    for name, label in (("gpt1-tiny", "GPT-1"), ("gpt2-tiny", "GPT-2"), ("gpt3-tiny", "GPT-3")):
        config = preset(name, vocab_size=vocab_size, **changes)
        variants.append(Variant(label, config, at_equal_tokens(config, tokens, settings)))
    return variants


def ladder(
    vocab_size: int, tokens: int, settings: TrainSettings | None = None, **changes: Any
) -> list[Variant]:
    """From GPT-1 to GPT-3, one change at a time; the arguments are those of `generations`."""
    settings = settings or TrainSettings(batch_size=16)
    gpt1, gpt2, gpt3 = (
        preset(name, vocab_size=vocab_size, **changes)
        for name in ("gpt1-tiny", "gpt2-tiny", "gpt3-tiny")
    )
    steps: list[tuple[str, dict[str, Any]]] = [
        ("GPT-1", {}),
        ("+ norm to the front", {"norm": gpt2.norm}),
        ("+ final norm", {"final_norm": gpt2.final_norm}),
        ("+ residual scaling", {"residual_init_scale": gpt2.residual_init_scale}),
        (f"+ context {gpt2.n_ctx} = GPT-2", {"n_ctx": gpt2.n_ctx}),
        ("+ banded attention", {"attention": gpt3.attention}),
        (f"+ context {gpt3.n_ctx} = GPT-3", {"n_ctx": gpt3.n_ctx}),
    ]
    variants, config = [], gpt1
    for name, change in steps:
        config = config.replace(**change)
        variants.append(Variant(name, config, at_equal_tokens(config, tokens, settings)))
    assert config == gpt3, "the ladder must end at GPT-3"
    return variants


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
    base = preset("gpt1-tiny", vocab_size=vocab_size, n_embd=64, n_head=4, final_norm=True)
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


def watch_gradients(steps: Sequence[int]) -> Any:
    """Return a ``watch`` for `run` that keeps each block's gradient norm at the given steps.

    It fills ``extra["grad_norms"]`` with {step: [norm of block 0, of block 1, …]}.
    """

    def start(variant: Variant, extra: dict[str, Any]) -> Watch:
        norms: dict[str, list[float]] = extra.setdefault("grad_norms", {})

        def look(step: int, model: GPT) -> None:
            if step in steps:
                norms[str(step)] = block_gradient_norms(model)

        return look

    return start


def block_gradient_norms(model: GPT) -> list[float]:
    """Return the Euclidean norm of each block's gradient, from the first block to the last."""
    return [
        sum(float(w.grad.square().sum()) for w in block.parameters() if w.grad is not None) ** 0.5
        for block in model.h
    ]


#: Depth and width of the scale sweep's models; a head is 16 wide in all of them.
SIZES: tuple[tuple[int, int], ...] = ((1, 32), (2, 48), (2, 64), (3, 96), (4, 128), (5, 176))


def sizes(
    vocab_size: int,
    tokens: int,
    settings: TrainSettings | None = None,
    shapes: Sequence[tuple[int, int]] = SIZES,
) -> list[Variant]:
    """GPT-2s of growing size at a fixed number of tokens: shapes are (n_layer, n_embd)."""
    # Left to choose, only the wide ones would take bfloat16, and only on some processors.
    settings = settings or TrainSettings(batch_size=16, precision="float32")
    variants = []
    for n_layer, n_embd in shapes:
        config = preset(
            "gpt2-tiny",
            vocab_size=vocab_size,
            n_layer=n_layer,
            n_embd=n_embd,
            n_head=n_embd // 16,
            n_ctx=64,
        )
        name = f"{n_layer} × {n_embd}"
        variants.append(Variant(name, config, at_equal_tokens(config, tokens, settings)))
    return variants


def amounts(
    vocab_size: int,
    tokens: Sequence[int],
    settings: TrainSettings | None = None,
    shape: tuple[int, int] = (4, 128),
) -> list[Variant]:
    """One size of GPT-2, trained on growing numbers of tokens, each with a whole schedule."""
    return [
        Variant(f"{amount:,} tokens", variant.config, variant.settings)
        for amount in tokens
        for variant in sizes(vocab_size, amount, settings, [shape])
    ]


def rates(
    vocab_size: int,
    shape: tuple[int, int, int] = (4, 128, 64),
    settings: TrainSettings | None = None,
    by_norm: Mapping[Norm, Sequence[float]] | None = None,
) -> list[Variant]:
    """One model at several learning rates: where the default of `TrainSettings` comes from.

    Args:
        vocab_size: of the corpus's tokenizer.
        shape: n_layer, n_embd and n_ctx; a head is 32 wide.
        settings: how to train, apart from the rate.
        by_norm: the rates to try for each place of the norm.
    """
    n_layer, n_embd, n_ctx = shape
    settings = settings or TrainSettings(steps=600, eval_every=100)
    by_norm = by_norm or {"post": (1e-3, 2e-3, 3e-3), "pre": (1e-3, 2e-3, 3e-3, 4e-3, 6e-3, 8e-3)}
    shared = {"n_layer": n_layer, "n_embd": n_embd, "n_ctx": n_ctx, "n_head": n_embd // 32}
    base: dict[Norm, GPTConfig] = {
        "post": preset("gpt1-tiny", vocab_size=vocab_size, **shared),
        "pre": preset("gpt2-tiny", vocab_size=vocab_size, **shared),
    }
    return [
        Variant(f"{norm}-norm, {rate:g}", base[norm], replace(settings, learning_rate=rate))
        for norm, tried in by_norm.items()
        for rate in tried
    ]
