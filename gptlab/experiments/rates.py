"""Where the default learning rates come from: one model at several rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gptlab.compare import Variant
from gptlab.config import GPTConfig, Norm, preset
from gptlab.experiments.terms import Experiment
from gptlab.settings import TrainSettings


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


#: By characters, as the benchmarks read.
RATES = Experiment("rates", "char", rates)
RATES_WIDE = Experiment(
    "rates-wide",
    "char",
    lambda vocabulary: rates(
        vocabulary,
        (6, 384, 256),
        TrainSettings(steps=150, batch_size=8, warmup=50, eval_every=50),
        {"pre": (1e-3, 2e-3, 3e-3, 4e-3)},
    ),
)
