"""Copying from afar: random letters, said again and again, with a distance of each row's own.

What comes next cannot be known from how letters usually follow each other, for they are drawn at
random; it can be read off the context, as many letters back as the row's distance is. A GPT can
look there. An LSTM must have carried the letters in its state (compare Jelassi et al. 2024, *Repeat
After Me*, where state space models stand for the recurrent side).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from gptlab.config import GPTConfig, preset
from gptlab.experiments.recurrent import MODELS, train_both, variants
from gptlab.model import GPT
from gptlab.objective import Batch, NextToken
from gptlab.results import History, Results
from gptlab.runtime.device import Hardware, describe_machine
from gptlab.runtime.modes import evaluating
from gptlab.settings import TrainSettings
from gptlab.tokenizer import CharTokenizer

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
#: Distances at which it is measured.
DISTANCES = (2, 4, 8, 16, 24, 32)
#: The learning rate of each. Tried with one seed and 800 updates, accuracy at a distance of 16: GPT
#: 3e-3 0.89, 6e-3 0.21; LSTM 4e-3 0.46, 1e-2 0.31, 3e-2 0.14.
TUNED = {"GPT": 3e-3, "LSTM": 4e-3}
#: Updates, as recorded.
STEPS = 800

_HELD_OUT = 2**40  # beside the seeds of training: (seed, step) stay far below it


@dataclass(frozen=True)
class Repeats(NextToken):
    """An objective: say a row's random letters again.

    Attributes:
        n_ctx: letters in a row.
        nearest: the least distance between a letter and its repetition.
        farthest: the largest.
    """

    n_ctx: int = 64
    nearest: int = 2
    farthest: int = 32

    @property
    def tokenizer(self) -> CharTokenizer:
        """One id a letter."""
        return CharTokenizer(LETTERS)

    def draw(self, seed: int, rows: int, distance: int | None = None) -> Batch:
        """Draw rows of letters and what comes next, (rows, n_ctx) each.

        Args:
            seed: decides all of it.
            rows: how many.
            distance: that of all rows; None for one drawn for each.

        Returns:
            letters and targets; -100 for the first round, which nobody can know, and for the first
            letter of the second, which says that it has begun.
        """
        generator = torch.Generator().manual_seed(seed)
        most = self.farthest + 1
        letters = torch.randint(len(LETTERS), (rows, most), generator=generator)
        distances = torch.randint(self.nearest, most, (rows, 1), generator=generator)
        if distance is not None:
            distances = torch.full_like(distances, distance)
        places = torch.arange(self.n_ctx + 1)  # (n_ctx + 1,)
        said = letters.gather(1, places % distances)  # (rows, n_ctx + 1)
        known = places > distances  # (rows, n_ctx + 1)
        return said[:, :-1], said.masked_fill(~known, -100)[:, 1:]

    def check(self, model: GPT) -> None:
        """Refuse a vocabulary too small, or a context shorter than a row."""
        self.tokenizer.check_fits(model.config.vocab_size)
        if model.config.n_ctx < self.n_ctx:
            raise ValueError(f"n_ctx is {model.config.n_ctx}, but a row has {self.n_ctx} letters.")

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        """Return letters and targets, (B, n_ctx) each."""
        return self.draw(settings.seed * 1_000_003 + step, settings.batch_size)

    def measure(
        self, model: GPT, hardware: Hardware, max_tokens: int | None = None
    ) -> dict[str, float]:
        """Return the mean val_loss over the distances in nats, and accuracy_2 … at each."""
        rows = max(8, (max_tokens or 2**15) // self.n_ctx // len(DISTANCES))
        losses, found = [], {}
        for distance in DISTANCES:
            letters, targets = (
                part.to(model.device) for part in self.draw(_HELD_OUT + distance, rows, distance)
            )
            with evaluating(model), torch.no_grad(), hardware.autocast():
                logits, mean = model(letters, targets)
            asked = targets != -100
            losses.append(mean.item())
            right = logits.argmax(-1)[asked] == targets[asked]
            found[f"accuracy_{distance}"] = right.float().mean().item()
        loss = sum(losses) / len(losses)
        # A letter is one byte.
        return {"val_loss": loss, "val_bits_per_byte": loss / math.log(2), **found}

    def fingerprint(self) -> dict[str, str]:
        """Tell rows of other lengths or distances apart."""
        return {name: str(value) for name, value in asdict(self).items()}


def shape() -> GPTConfig:
    """Return the GPT's shape: two layers of two heads, 0.1M parameters."""
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 64, "n_ctx": 64}
    return preset("gpt2-tiny", vocab_size=len(LETTERS), **shape)


def how(kind: str, steps: int = STEPS, seed: int = 1) -> TrainSettings:
    """Return how a kind in `recurrent.MODELS` is trained: about a minute on one core."""
    return TrainSettings(
        steps,
        32,
        learning_rate=TUNED[kind],
        warmup=min(50, steps // 2),
        weight_decay=0.0,
        seed=seed,
    )


def record(path: Path, seeds: Sequence[int] = (1, 2, 3), steps: int = STEPS) -> Results:
    """Train both with each seed; keep what was measured at the end in ``extra``."""
    repeats = Repeats()
    results = Results(
        title="copying",
        corpus=f"rows of {repeats.n_ctx} random letters, said again after "
        f"{repeats.nearest} to {repeats.farthest}",
        machine=describe_machine(),
        variants=variants(shape(), {kind: how(kind, steps) for kind in MODELS}),
        runs=[],
    )

    def measured(_: GPT, history: History) -> dict[str, Any]:
        return {"measured": history.measured}

    return train_both(results, repeats, shape(), seeds, measured, path)
