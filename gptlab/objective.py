"""What is learned: a batch for a step, the loss of a batch, what to measure on the way.

The training loop knows an `Objective` and nothing of text. Language modelling, each token predicted
from those before it, is one; a corpus stands for it wherever an objective is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.corpora import Corpus
from gptlab.model import GPT
from gptlab.runtime.device import Hardware
from gptlab.runtime.modes import evaluating
from gptlab.settings import TrainSettings
from gptlab.tokenizer import Tokenizer

#: Tensors that belong together, their first axis the rows of the batch.
Batch = tuple[Tensor, ...]


class Objective(Protocol):
    """What the training loop needs to know.

    Attributes:
        tokenizer: what turns text into the model's ids; saved beside the weights.
    """

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns text into the model's ids."""

    def check(self, model: GPT) -> None:
        """Make sure that the model can learn this.

        Raises:
            ValueError: if it cannot; the message says why.
        """

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        """Return ``settings.batch_size`` rows, decided by (settings.seed, step) alone."""

    def count(self, batch: Batch) -> int:
        """Count the targets of a batch, or of a part of it, over which its loss is a mean."""

    def loss(self, forward: Callable[..., Any], batch: Batch) -> Tensor:
        """Return the mean loss in nats over the targets that count, 0 where none does.

        Args:
            forward: what to call for the model's forward pass, and nothing else of the model.
            batch: a batch or a part of it, on the model's device.
        """

    def measure(
        self, model: GPT, hardware: Hardware, max_tokens: int | None = None
    ) -> dict[str, float]:
        """Measure the model on what it does not learn from: on about so much of it, or on all."""

    def fingerprint(self) -> dict[str, str]:
        """Say what is learned from, so that a run never goes on with something else."""


class NextToken:
    """The loss of whatever predicts tokens: its batches are tokens and targets, (B, T) each."""

    def count(self, batch: Batch) -> int:
        """Count the targets other than -100."""
        return int((batch[1] != -100).sum())

    def loss(self, forward: Callable[..., Any], batch: Batch) -> Tensor:
        """Return the mean cross-entropy in nats over the targets that count."""
        _, loss = forward(*batch)
        return loss


@dataclass(frozen=True)
class LanguageModelling(NextToken):
    """Predict each token of a corpus from those before it.

    Attributes:
        corpus: the text.
        n_ctx: tokens in a sequence.
    """

    corpus: Corpus
    n_ctx: int

    @property
    def tokenizer(self) -> Tokenizer:
        """The corpus's."""
        return self.corpus.tokenizer

    def check(self, model: GPT) -> None:
        """Refuse a vocabulary smaller than the corpus's, or a text shorter than a sequence."""
        self.tokenizer.check_fits(model.config.vocab_size)
        self.corpus.check(self.n_ctx)

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        """Return tokens and targets, (B, n_ctx) each."""
        return self.corpus.batch(step, settings.batch_size, self.n_ctx, settings.seed)

    def measure(
        self, model: GPT, hardware: Hardware, max_tokens: int | None = None
    ) -> dict[str, float]:
        """Return val_loss in nats per token and val_bits_per_byte."""
        loss = evaluate(model, self.corpus, max_tokens, hardware)
        return {"val_loss": loss, "val_bits_per_byte": self.corpus.bits_per_byte(loss)}

    def fingerprint(self) -> dict[str, str]:
        """Tell tokenizer, training and validation text apart."""
        return self.corpus.fingerprint()


#: Batches that share their rows out by length, where an epoch has at least so many.
_NEIGHBOURS, _MANY = 4, 400


def once_an_epoch(lengths: Tensor, step: int, settings: TrainSettings) -> Tensor:
    """Choose the rows of a step's batch among n examples, each of them once an epoch: (B,).

    Decided by (settings.seed, step) alone; each epoch has an order of its own. Where that makes
    many batches, what is drawn for four is shared out so that each gets rows of about one length,
    and little padding. Few, so sorted, would be nearly the same ones in every epoch.

    Args:
        lengths: how long each example is (n,).
        step: counted from 0.
        settings: for the batch's size and the seed.
    """
    n, size = len(lengths), settings.batch_size
    together = _NEIGHBOURS if n >= _MANY * size else 1
    number, place = divmod(step, together)
    asked = range(number * together * size, (number + 1) * together * size)
    rows = torch.tensor([_shuffled(n, settings.seed, i // n)[i % n] for i in asked])
    return rows[lengths[rows].argsort(stable=True)].chunk(together)[place]


@lru_cache(maxsize=4)
def _shuffled(n: int, seed: int, epoch: int) -> list[int]:
    """Return the numbers below n in an order decided by (seed, epoch), the same everywhere."""
    key = np.array([seed % 2**64, epoch % 2**64], dtype=np.uint64)
    order: list[int] = np.random.Philox(key=key).random_raw(n).argsort(kind="stable").tolist()
    return order


def digest(part: Batch) -> str:
    """Return a short name of what tensors hold, for a fingerprint."""
    data = b"".join(tensor.numpy().tobytes() for tensor in part)
    return hashlib.sha256(data).hexdigest()[:16]


def objective_of(what: Corpus | Objective, model: GPT) -> Objective:
    """Return the objective; of a corpus, language modelling with the model's context."""
    return LanguageModelling(what, model.config.n_ctx) if isinstance(what, Corpus) else what


def evaluate(
    model: GPT,
    corpus: Corpus,
    max_tokens: int | None = None,
    hardware: Hardware | None = None,
    batch_tokens: int = 8192,
) -> float:
    """Mean loss on the validation text, in nats per token; arguments as for `position_losses`."""
    return position_losses(model, corpus, max_tokens, hardware, batch_tokens).mean().item()


@torch.no_grad()
def position_losses(
    model: GPT,
    corpus: Corpus,
    max_tokens: int | None = None,
    hardware: Hardware | None = None,
    batch_tokens: int = 8192,
) -> Tensor:
    """Mean loss by place in the context: (n_ctx,), in nats per token.

    The text is read in consecutive windows of ``n_ctx``, each predicted from its own tokens alone,
    so the first place is a prediction from one token and the last one from ``n_ctx``.

    Args:
        model: read in evaluation mode and left as it was.
        corpus: whose validation text is read.
        max_tokens: at most so many tokens, by default all.
        hardware: precision of the forward pass, by default float32.
        batch_tokens: tokens read at once.
    """
    hardware = hardware or Hardware(model.device)
    x, y = corpus.val_windows(model.config.n_ctx, max_tokens)  # (N, n_ctx) each
    rows = max(1, batch_tokens // model.config.n_ctx)
    total = torch.zeros(model.config.n_ctx, dtype=torch.float64)
    with evaluating(model):
        for piece, target in zip(x.split(rows), y.split(rows), strict=True):
            with hardware.autocast():
                logits = model(piece.to(model.device))  # (rows, n_ctx, V)
            asked = target.flatten().to(model.device)
            losses = F.cross_entropy(logits.float().flatten(0, 1), asked, reduction="none")
            total += losses.view(target.shape).sum(0).cpu().double()
    return total / len(x)
