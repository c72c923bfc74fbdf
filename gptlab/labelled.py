"""A task with labels, written as rows of tokens (Radford et al. 2018, section 3.3, figure 1).

The texts of an example become rows of tokens, and the vector of the last one, the extract token,
goes through a linear layer to a score for each label. That layer is a few more rows of the output
layer, one a label, so a fine-tuned model is a GPT like any other: saved, loaded and traced alike.

Letters in shapes: B examples, K rows of an example, T tokens, V vocabulary, n labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

import torch
from torch import Tensor

from gptlab.freezing import freeze
from gptlab.model import GPT
from gptlab.objective import Batch
from gptlab.runtime.checks import whole_number
from gptlab.runtime.modes import evaluating
from gptlab.tokenizer import Tokenizer

#: What is asked of the texts of an example (section 3.3, figure 1). "classification": one text.
#: "entailment": two, in their order. "similarity": two, read in both orders. "choice": a text and
#: the ends it may have, of which one is right.
Kind = Literal["classification", "entailment", "similarity", "choice"]


@dataclass(frozen=True)
class Example:
    """One example of a task.

    Attributes:
        texts: what is read; of a choice, the beginning and then each possible end.
        label: the number of the right label; of a choice, of the right end.
    """

    texts: tuple[str, ...]
    label: int


@dataclass(frozen=True)
class Task:
    """What is asked, and how an example is written as tokens.

    Attributes:
        tokenizer: the pretrained model's.
        labels: their names, at least two; of a choice, none: its ends are the labels.
        kind: how many texts an example has, and how they are read.
        n_ctx: tokens a row may have; a longer one loses the end of its first text, and where that
            is not enough, of its second.
    """

    tokenizer: Tokenizer
    labels: tuple[str, ...] = ()
    kind: Kind = "classification"
    n_ctx: int = 64

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise ValueError(f"kind is {self.kind!r}; it must be one of {kinds}.")
        if self.kind == "choice" and self.labels:
            raise ValueError(f"a choice has no labels, its ends are; got {self.labels}.")
        if self.kind != "choice" and len(set(self.labels)) != max(2, len(self.labels)):
            raise ValueError(f"labels is {self.labels}; a task has two or more, all different.")
        whole_number("n_ctx", self.n_ctx, least=4)

    @property
    def delimiter(self) -> int:
        """The id between two texts: the first that the tokenizer does not use."""
        return self.tokenizer.vocab_size

    @property
    def extract(self) -> int:
        """The id that ends a row, whose vector is asked for the label."""
        return self.tokenizer.vocab_size + 1

    @property
    def scored(self) -> range:
        """The ids whose logits are the scores: one a label; of a choice, one in all."""
        first = self.tokenizer.vocab_size + 2
        return range(first, first + max(1, len(self.labels)))

    def model(self, pretrained: GPT, layers: int | None = None) -> GPT:
        """Return a copy of the model with the task's ids, whose vectors are drawn at random.

        Call ``torch.manual_seed`` first to get the same copy twice.

        Args:
            pretrained: what is copied.
            layers: how many of its blocks are taken over, from the first on, with the embeddings
                (section 5, figure 2 left); all that comes after them is as in a new model. None
                takes over everything.

        Raises:
            ValueError: if the model's vocabulary is not the tokenizer's, its context is shorter
                than ``n_ctx``, or it has not so many blocks.
        """
        config, known = pretrained.config, self.tokenizer.vocab_size
        layers = config.n_layer if layers is None else layers
        whole_number("layers", layers, most=config.n_layer)
        self.tokenizer.check_fits(config.vocab_size)
        self._check_context(pretrained)
        model = GPT(config.replace(vocab_size=self.scored.stop)).to(pretrained.device)
        fresh = model.state_dict()
        below = ("wte.", "wpe.", *(f"h.{layer}." for layer in range(layers)))
        for name, weight in pretrained.state_dict().items():
            if layers < config.n_layer and not name.startswith(below):
                continue
            if weight.shape == fresh[name].shape:
                fresh[name].copy_(weight)
            else:  # token embedding and output layer
                fresh[name][:known] = weight[:known]
        return model

    def freeze(self, model: GPT, layers: int) -> None:
        """Keep the embeddings and the first blocks of `model` as they are: see `freezing.freeze`.

        The vectors of the task's own ids go on learning: nothing has trained them yet.
        """
        self.check(model)
        freeze(model, layers, ids=self.tokenizer.vocab_size)

    def without_ids(self, model: GPT) -> GPT:
        """Return a copy of a model without the task's ids, which only goes on with a text."""
        self.check(model)
        known = self.tokenizer.vocab_size
        plain = GPT(model.config.replace(vocab_size=known)).to(model.device)
        kept = model.state_dict()
        for name, weight in plain.state_dict().items():
            weight.copy_(kept[name][: len(weight)])  # all of it, or the rows of known ids
        return plain.eval()

    def encode(self, examples: Sequence[Example]) -> tuple[Batch, int]:
        """Write examples as tokens.

        Returns:
            ids (B, K, T), the place of each row's extract token (B, K) and labels (B,), the rows
            filled up with extract tokens; and how many rows had to be cut.

        Raises:
            ValueError: if there is none, or one has too few or too many texts, an empty one, or a
                label that the task does not have; the message names it.
        """
        if not examples:
            raise ValueError("there are no examples; a task needs some.")
        whole = [self._rows(number, example) for number, example in enumerate(examples)]
        if len({len(group) for group in whole}) > 1:
            raise ValueError("the examples have different numbers of ends; give each the same.")
        rows = [[self._fitted(texts) for texts in group] for group in whole]
        width = 1 + max(map(len, chain.from_iterable(rows)))
        tokens = torch.full((len(rows), len(rows[0]), width), self.extract)
        ends = torch.empty(tokens.shape[:2], dtype=torch.long)
        for i, group in enumerate(rows):
            for k, row in enumerate(group):
                tokens[i, k, : len(row)] = torch.tensor(row)
                ends[i, k] = len(row)
        pairs = zip(chain.from_iterable(whole), chain.from_iterable(rows), strict=True)
        cut = sum(len(row) < sum(map(len, texts)) + len(texts) for texts, row in pairs)
        return (tokens, ends, torch.tensor([example.label for example in examples])), cut

    def scores(self, logits: Tensor, ends: Tensor) -> Tensor:
        """Return the scores of the labels (B, n) from logits (B · K, T, V) and places (B, K).

        Both orders of a similarity are added; each end of a choice has its own score.
        """
        at = torch.arange(len(logits), device=logits.device)
        last = logits[at, ends.flatten(), self.scored.start : self.scored.stop].float()  # (B·K, n)
        rows = last.unflatten(0, tuple(ends.shape))  # (B, K, n)
        return rows[..., 0] if self.kind == "choice" else rows.sum(1)

    def predict(self, model: GPT, texts: Sequence[tuple[str, ...]], batch_size: int = 64) -> Tensor:
        """Return the probability of each label (B, n) for the texts of B examples."""
        (tokens, ends, _), _ = self.encode([Example(one, 0) for one in texts])
        return self.probabilities(model, tokens, ends, batch_size)

    @torch.no_grad()
    def probabilities(
        self, model: GPT, tokens: Tensor, ends: Tensor, batch_size: int = 64
    ) -> Tensor:
        """Return the probability of each label (B, n) for what `encode` returned."""
        self.check(model)
        # Neighbours of about the same length need little padding.
        order = ends.amax(1).argsort(stable=True)  # (B,)
        found = []
        with evaluating(model):
            for rows in order.split(batch_size):
                places = ends[rows]
                piece = tokens[rows, :, : int(places.max()) + 1]
                logits = model(piece.flatten(0, 1).to(model.device))  # (B · K, T, V)
                found.append(self.scores(logits, places.to(model.device)).softmax(-1).cpu())
        return torch.cat(found)[order.argsort()]

    def check(self, model: GPT) -> None:
        """Refuse a model that lacks the task's ids, or whose context is too short."""
        if model.config.vocab_size != self.scored.stop:
            raise ValueError(
                f"the model has {model.config.vocab_size} ids and the task needs "
                f"{self.scored.stop}; make it with task.model(pretrained)."
            )
        self._check_context(model)

    def _check_context(self, model: GPT) -> None:
        if model.config.n_ctx < self.n_ctx:
            raise ValueError(
                f"the task's rows have up to {self.n_ctx} tokens, but the model's n_ctx is "
                f"{model.config.n_ctx}; give the task a smaller n_ctx."
            )

    def _rows(self, number: int, example: Example) -> list[list[list[int]]]:
        """Return the ids of the one or two texts of each of an example's rows."""
        texts, name = example.texts, f"example {number}"
        fits = {"classification": len(texts) == 1, "choice": len(texts) > 2}
        if not fits.get(self.kind, len(texts) == 2):
            asked = {"classification": "one", "choice": "three or more"}.get(self.kind, "two")
            raise ValueError(f"{name} has {len(texts)} texts; {self.kind} takes {asked}.")
        if not all(text.strip() for text in texts):
            raise ValueError(f"{name} has an empty text; leave it out, or give it one.")
        n_label = len(texts) - 1 if self.kind == "choice" else len(self.labels)
        whole_number(f"the label of {name}", example.label, most=n_label - 1)
        first, *rest = (self.tokenizer.encode(text) for text in texts)
        if self.kind == "similarity":
            return [[first, rest[0]], [rest[0], first]]
        return [[first, other] for other in rest] or [[first]]

    def _fitted(self, texts: list[list[int]]) -> list[int]:
        """Join a row's texts, so short that the extract token still fits behind them."""
        room = self.n_ctx - 1 - len(texts)  # beside the start, the extract token and a delimiter
        first, *rest = texts
        second = [self.delimiter, *rest[0][:room]] if rest else []
        return [self.tokenizer.start_id, *first[: room - max(0, len(second) - 1)], *second]
