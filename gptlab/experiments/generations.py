"""GPT-1, GPT-2 and GPT-3 as their papers describe them, and the ladder from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gptlab.compare import Variant
from gptlab.config import GPTConfig, preset
from gptlab.experiments.terms import Experiment, at_equal_tokens
from gptlab.settings import TrainSettings

#: The rungs, by the names they have in results; `ladder` says what each changes.
RUNGS = (
    "GPT-1",
    "+ norm to the front",
    "+ final norm",
    "+ residual scaling",
    "+ context 128 = GPT-2",
    "+ banded attention",
    "+ context 256 = GPT-3",
)
#: Tokens that each of the recorded runs reads.
TOKENS = 6_000_000
#: Learning rates tried for each generation, over a recorded run's whole length, with one seed.
TRIED: dict[str, tuple[float, ...]] = {
    "GPT-1": (4e-3, 8e-3, 1.6e-2),
    "GPT-2": (2e-3, 4e-3, 8e-3),
    "GPT-3": (2e-3, 4e-3, 8e-3),
}
#: The learning rate of each rung: of those in `TRIED` the best, as `python -m gptlab.experiments
#: generation-rates` measures it. The rungs between have that of the generation whose context they
#: share.
TUNED: dict[str, float] = dict(zip(RUNGS, (8e-3,) * 4 + (4e-3,) * 3, strict=True))

#: 4,096 tokens an update: 16 sequences even of the longest context. With four in an update, a
#: longer context lost at every position, the first ones included.
UPDATE = TrainSettings(batch_size=64)


def generations(
    vocab_size: int, tokens: int, settings: TrainSettings = UPDATE, **changes: Any
) -> list[Variant]:
    """Tiny GPT-1, GPT-2 and GPT-3, each as its paper describes it.

    Args:
        vocab_size: of the corpus's tokenizer.
        tokens: read by each in training.
        settings: how to train; steps and batch size are set from ``tokens``. Without a learning
            rate, each has the one that suited it in `TUNED`.
        changes: fields of `GPTConfig` to change in all three, e.g. ``n_embd=64``.
    """
    rungs = ladder(vocab_size, tokens, settings, **changes)
    return [replace(rungs[i], name=f"GPT-{n}") for n, i in ((1, 0), (2, 4), (3, 6))]


def ladder(
    vocab_size: int, tokens: int, settings: TrainSettings = UPDATE, **changes: Any
) -> list[Variant]:
    """From GPT-1 to GPT-3, one change at a time; the arguments are those of `generations`."""
    return [
        Variant(name, config, at_equal_tokens(config, tokens, _rated(settings, TUNED[name])))
        for name, config in _rungs(vocab_size, changes).items()
    ]


def generation_rates(
    vocab_size: int,
    tokens: int,
    rates: Mapping[str, Sequence[float]],
    settings: TrainSettings = UPDATE,
) -> list[Variant]:
    """The generations at several learning rates each, by name: where `TUNED` comes from."""
    return [
        replace(
            variant,
            name=f"{variant.name}, {rate:g}",
            settings=replace(variant.settings, learning_rate=rate),
        )
        for variant in generations(vocab_size, tokens, settings)
        for rate in rates[variant.name]
    ]


def _rated(settings: TrainSettings, rate: float) -> TrainSettings:
    return replace(settings, learning_rate=settings.learning_rate or rate)


def _rungs(vocab_size: int, changes: Mapping[str, Any]) -> dict[str, GPTConfig]:
    """Return the rungs by name."""
    gpt1, gpt2, gpt3 = (
        preset(name, vocab_size=vocab_size, **changes)
        for name in ("gpt1-tiny", "gpt2-tiny", "gpt3-tiny")
    )
    steps: list[dict[str, Any]] = [
        {},
        {"norm": gpt2.norm},
        {"final_norm": gpt2.final_norm},
        {"residual_init_scale": gpt2.residual_init_scale},
        {"n_ctx": gpt2.n_ctx},
        {"attention": gpt3.attention},
        {"n_ctx": gpt3.n_ctx},
    ]
    rungs, config = {}, gpt1
    for name, change in zip(RUNGS, steps, strict=True):
        rungs[name] = config = config.replace(**change)
    assert config == gpt3, "the ladder must end at GPT-3"
    return rungs


GENERATIONS = Experiment("generations", "bpe", lambda vocabulary: generations(vocabulary, TOKENS))
LADDER = Experiment("ladder", "bpe", lambda vocabulary: ladder(vocabulary, TOKENS))
GENERATION_RATES = Experiment(
    "generation-rates", "bpe", lambda vocabulary: generation_rates(vocabulary, TOKENS, TRIED)
)
