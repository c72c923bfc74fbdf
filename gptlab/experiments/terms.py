"""What experiments share: equal terms for all variants, and what is recorded of each."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gptlab import checkpoints
from gptlab.compare import Variant, fresh
from gptlab.config import GPTConfig
from gptlab.model import GPT
from gptlab.settings import TrainSettings
from gptlab.tokenizer import Tokenizer
from gptlab.training import Watch


@dataclass(frozen=True)
class Experiment:
    """One experiment at full size, as recorded.

    Attributes:
        name: what `python -m gptlab.experiments` calls it.
        tokenizer: "bpe" or "char".
        variants: what to train, from the vocabulary's size.
        watch: what to look at besides the losses; see `gptlab.compare.run`.
        build: makes a variant's model; see there.
    """

    name: str
    tokenizer: str
    variants: Callable[[int], list[Variant]]
    watch: Callable[[Variant, dict[str, Any]], Watch] | None = None
    build: Callable[[Variant], GPT] = fresh


#: The learning rate where generations are compared: the highest that all of them survive, so that
#: no difference is the rate's. Alone, a pre-norm model learns faster at `settings.LEARNING_RATES`.
SHARED_RATE = 2e-3


def replace_checkpoint(
    folder: Path, model: GPT, tokenizer: Tokenizer, step: int, state: dict[str, Any]
) -> None:
    """Put a finished model in the place of whatever the folder holds, of any step."""
    for old in folder.glob("step-*"):
        shutil.rmtree(old)
    checkpoints.save(folder, model, tokenizer, step=step, state=state)


def at_equal_tokens(config: GPTConfig, tokens: int, settings: TrainSettings) -> TrainSettings:
    """Return the settings with as many steps as read ``tokens``, whatever the context.

    ``settings.batch_size`` counts for a context of 64 tokens: a context twice as long gets half as
    many sequences, so that each update sees the same number of tokens. Without a learning rate of
    their own they get `SHARED_RATE`.

    Raises:
        ValueError: if the tokens do not make one update, one sequence exceeds an update, or an
            update does not divide into whole sequences.
    """
    per_step = settings.batch_size * 64
    if config.n_ctx > per_step:
        raise ValueError(
            f"n_ctx is {config.n_ctx}, but an update reads {per_step} tokens; use a larger "
            f"batch_size."
        )
    if per_step % config.n_ctx:
        whole = config.n_ctx // math.gcd(config.n_ctx, 64)
        raise ValueError(
            f"batch_size is {settings.batch_size}, so an update reads {per_step} tokens, which do "
            f"not divide into sequences of {config.n_ctx}; use a multiple of {whole}."
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
