"""Changing the weights for a task: GPT-1's recipe (Radford et al. 2018, section 3.2).

What is asked, and how an example is written as rows of tokens, is a `Task` (`gptlab.labelled`).
Here is what the training loop learns from its examples: the label, and on the way the text.

Letters in shapes: B examples, K rows of an example, T tokens, V vocabulary, n labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from gptlab.labelled import Example, Kind, Task
from gptlab.model import GPT
from gptlab.objective import Batch, digest, once_an_epoch
from gptlab.runtime.checks import real_number
from gptlab.runtime.device import Hardware
from gptlab.settings import TrainSettings
from gptlab.tokenizer import Tokenizer

__all__ = ["Example", "FineTuning", "Kind", "Task"]


class FineTuning:
    """The objective: the label of an example, and on the way its text (section 3.2, equation 5).

    Attributes:
        task: what is asked.
        text_weight: λ, how much the loss of the text counts beside that of the label; GPT-1: 0.5.
        cut: how many rows were longer than the task's ``n_ctx``.
    """

    def __init__(
        self,
        task: Task,
        train: Sequence[Example],
        validation: Sequence[Example],
        text_weight: float = 0.5,
    ) -> None:
        """Write both parts as tokens.

        Raises:
            ValueError: if they share an example, or one is not fit for the task: see `Task.encode`.
        """
        real_number("text_weight", text_weight)
        if shared := {e.texts for e in train} & {e.texts for e in validation}:
            raise ValueError(
                f"{len(shared)} of the examples to validate on are also trained on, the first "
                f"{min(shared)!r}; what is measured must not have been seen."
            )
        self.task, self.text_weight = task, text_weight
        self._train, cut = task.encode(train)
        self._validation, more = task.encode(validation)
        self.cut = cut + more
        self._lengths = self._train[1].amax(1)  # (N,)

    @property
    def tokenizer(self) -> Tokenizer:
        """The pretrained model's."""
        return self.task.tokenizer

    def check(self, model: GPT) -> None:
        """Refuse a model that was not made by `Task.model`."""
        self.task.check(model)

    def steps(self, epochs: float, batch_size: int) -> int:
        """Return the number of updates that read every example ``epochs`` times."""
        return max(1, round(epochs * len(self._train[0]) / batch_size))

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        """Return ids (B, K, T), places (B, K) and labels (B,); each example once an epoch."""
        chosen = once_an_epoch(self._lengths, step, settings)
        tokens, ends, labels = (part[chosen] for part in self._train)
        return tokens[..., : int(ends.max()) + 1], ends, labels

    def count(self, batch: Batch) -> int:
        """Count the examples."""
        return len(batch[2])

    def loss(self, forward: Callable[..., Any], batch: Batch) -> Tensor:
        """Return the label's loss plus λ times the text's, in nats, meant over the examples."""
        tokens, ends, labels = batch
        rows = tokens.flatten(0, 1)  # (B · K, T)
        logits = forward(rows)  # (B · K, T, V)
        loss = F.cross_entropy(self.task.scores(logits, ends), labels)
        if self.text_weight:
            loss = loss + self.text_weight * self._text_loss(logits, rows)
        return loss

    def _text_loss(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Mean over the rows (B · K, T) of the mean loss of their text, the task's ids left out."""
        known = self.tokenizer.vocab_size
        targets = rows[:, 1:]
        is_text = targets < known  # (B · K, T - 1)
        told = logits[:, :-1, :known].float().flatten(0, 1)  # (B · K · (T - 1), V)
        asked = targets.where(is_text, -100).flatten()
        losses = F.cross_entropy(told, asked, reduction="none").view_as(targets)
        return (losses.sum(1) / is_text.sum(1).clamp(min=1)).mean()

    def measure(
        self, model: GPT, hardware: Hardware, max_tokens: int | None = None
    ) -> dict[str, float]:
        """Return val_loss, of the label alone in nats, and val_accuracy, from 0 to 1."""
        tokens, ends, labels = self._validation
        n = len(tokens)
        if max_tokens is not None:
            n = min(n, max(1, max_tokens // tokens[0].numel()))
        with hardware.autocast():
            chances = self.task.probabilities(model, tokens[:n], ends[:n])  # (N, n)
        right = chances.argmax(-1) == labels[:n]
        given = chances.gather(1, labels[:n, None]).clamp(min=1e-9)
        return {
            "val_loss": -given.log().mean().item(),
            "val_accuracy": right.float().mean().item(),
        }

    def fingerprint(self) -> dict[str, str]:
        """Tell task, training and validation examples apart."""
        parts = {"training examples": self._train, "validation examples": self._validation}
        return {"task": f"{self.task.kind} {self.task.labels}, λ {self.text_weight}"} | {
            name: f"{len(part[0])}, {digest(part)}" for name, part in parts.items()
        }
