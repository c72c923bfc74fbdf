"""What size and data buy: GPT-2s of growing size, and one size on growing amounts of text."""

from __future__ import annotations

from collections.abc import Sequence

from gptlab.compare import Variant
from gptlab.config import preset
from gptlab.experiments.terms import Experiment, at_equal_tokens
from gptlab.settings import TrainSettings

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


SIZES_AT_500K = Experiment("sizes", "bpe", lambda vocabulary: sizes(vocabulary, 500_000))
AMOUNTS = Experiment(
    "amounts",
    "bpe",
    lambda vocabulary: amounts(vocabulary, [62_500, 125_000, 250_000, 500_000, 1_000_000]),
)
