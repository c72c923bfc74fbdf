"""GPT-1, GPT-2 and GPT-3 as their papers describe them, and the ladder from one to the next."""

from __future__ import annotations

from typing import Any

from gptlab.compare import Variant
from gptlab.config import preset
from gptlab.experiments.terms import Experiment, at_equal_tokens
from gptlab.settings import TrainSettings


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


GENERATIONS = Experiment("generations", "bpe", lambda vocabulary: generations(vocabulary, 400_000))
LADDER = Experiment("ladder", "bpe", lambda vocabulary: ladder(vocabulary, 250_000))
