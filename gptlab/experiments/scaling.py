"""What size and data buy: GPT-2s of growing size, each on growing amounts of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gptlab.compare import Variant
from gptlab.config import GPTConfig, preset
from gptlab.costs import training_operations
from gptlab.experiments.terms import Experiment, at_equal_tokens
from gptlab.results import Results
from gptlab.settings import TrainSettings

#: Depth and width of the recorded models; a head is 16 wide in all of them.
SHAPES: tuple[tuple[int, int], ...] = ((1, 32), (2, 64), (3, 96), (4, 128))
#: Tokens that each of them reads, each number with a whole schedule of its own.
BUDGETS = (312_500, 625_000, 1_250_000, 2_500_000, 5_000_000, 10_000_000)

#: 4,096 tokens an update. Of 4e-3, 8e-3 and 1.6e-2 this rate suited GPT-2 best at width 128 and
#: context 128 in runs of a million tokens; in runs of six million half of it did, by 0.02 nats
#: (`experiments.generations.TUNED`). At the other widths it is shared, not tuned.
_SETTINGS = TrainSettings(batch_size=64, learning_rate=8e-3)


def grid(
    vocab_size: int,
    budgets: Sequence[int] = BUDGETS,
    shapes: Sequence[tuple[int, int]] = SHAPES,
    settings: TrainSettings = _SETTINGS,
) -> list[Variant]:
    """Every size with every number of tokens, the cheapest runs first.

    Args:
        vocab_size: of the corpus's tokenizer.
        budgets: tokens read in training.
        shapes: (n_layer, n_embd) of GPT-2s with a context of 64 tokens.
        settings: how to train; steps are set from the tokens.
    """
    made = [
        Variant(
            f"{n_layer} × {n_embd}, {tokens:,} tokens",
            config,
            at_equal_tokens(config, tokens, settings),
        )
        for n_layer, n_embd in shapes
        for config in [_config(vocab_size, n_layer, n_embd)]
        for tokens in budgets
    ]
    return sorted(
        made, key=lambda variant: variant.tokens * variant.config.n_layer * variant.config.n_embd**2
    )


def _config(vocab_size: int, n_layer: int, n_embd: int) -> GPTConfig:
    return preset(
        "gpt2-tiny",
        vocab_size=vocab_size,
        n_layer=n_layer,
        n_embd=n_embd,
        n_head=n_embd // 16,
        n_ctx=64,
    )


@dataclass(frozen=True)
class Point:
    """One size that has read so many tokens, mean over its seeds.

    Attributes:
        shape: its name, such as "4 × 128".
        parameters: without embeddings, as Kaplan et al. 2020 count them.
        tokens: read in training.
        operations: made in training; see `gptlab.costs`.
        loss: on validation text, in nats per token.
    """

    shape: str
    parameters: int
    tokens: int
    operations: float
    loss: float


def points(results: Results) -> list[Point]:
    """Return what was measured of `grid`, a point a variant that has runs, the cheapest first."""
    found = []
    for name in results.with_runs():
        config = GPTConfig.from_dict(results.variants[name]["config"])
        run = results.of(name)[0]
        found.append(
            Point(
                f"{config.n_layer} × {config.n_embd}",
                run.body_parameters,
                run.tokens,
                training_operations(config, run.tokens),
                results.mean_sd(name)[0],
            )
        )
    return sorted(found, key=lambda point: point.operations)


def frontier(found: Sequence[Point]) -> list[Point]:
    """Return the points that no cheaper one is as good as, the cheapest first."""
    best: list[Point] = []
    for point in sorted(found, key=lambda point: (point.operations, point.loss)):
        if not best or point.loss < best[-1].loss:
            best.append(point)
    return best


def exponents(found: Sequence[Point], x: str) -> list[tuple[Point, Point, float]]:
    """Return neighbours along x, each with the exponent a of loss ∝ x^(-a) between the two.

    Args:
        found: points of different x.
        x: "parameters", "tokens" or "operations".
    """
    found = sorted(found, key=lambda point: getattr(point, x))
    return [
        (one, other, math.log(one.loss / other.loss) / math.log(further))
        for one, other in pairwise(found)
        for further in [getattr(other, x) / getattr(one, x)]
    ]


GRID = Experiment("grid", "bpe", grid)
