"""Where the default learning rates come from: one model at several rates, by both optimizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from gptlab.compare import Variant
from gptlab.config import preset
from gptlab.experiments.terms import Experiment
from gptlab.settings import TrainSettings

#: Post-norm and pre-norm with AdamW, or pre-norm with Muon.
Kind = Literal["post-norm", "pre-norm", "muon"]


def rates(
    vocab_size: int,
    shape: tuple[int, int, int],
    settings: TrainSettings,
    tried: Mapping[Kind, Sequence[float]],
) -> list[Variant]:
    """One model at several learning rates: where the defaults of `TrainSettings` come from.

    Args:
        vocab_size: of the corpus's tokenizer.
        shape: n_layer, n_embd and n_ctx; a head is 32 wide.
        settings: how to train, apart from optimizer and rate.
        tried: the rates of each kind.
    """
    n_layer, n_embd, n_ctx = shape
    shared = {"n_layer": n_layer, "n_embd": n_embd, "n_ctx": n_ctx, "n_head": n_embd // 32}
    return [
        Variant(
            f"{kind}, {rate:g}",
            preset(
                "gpt1-tiny" if kind == "post-norm" else "gpt2-tiny", vocab_size=vocab_size, **shared
            ),
            replace(settings, optimizer="muon" if kind == "muon" else "adamw", learning_rate=rate),
        )
        for kind, some in tried.items()
        for rate in some
    ]


#: By characters, as the benchmarks read, and at their two sizes.
RATES = Experiment(
    "rates",
    "char",
    lambda vocabulary: rates(
        vocabulary,
        (4, 128, 64),
        TrainSettings(steps=600, eval_every=100),
        {
            "post-norm": (1e-3, 2e-3, 3e-3),
            "pre-norm": (2e-3, 3e-3, 4e-3, 6e-3),
            "muon": (5e-3, 1e-2, 2e-2),
        },
    ),
)
RATES_WIDE = Experiment(
    "rates-wide",
    "char",
    lambda vocabulary: rates(
        vocabulary,
        (6, 384, 256),
        TrainSettings(steps=150, batch_size=8, warmup=50, eval_every=50),
        {"pre-norm": (5e-4, 1e-3, 2e-3), "muon": (2.5e-3, 5e-3, 1e-2, 2e-2)},
    ),
)
