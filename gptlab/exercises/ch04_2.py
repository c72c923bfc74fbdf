"""The checks of chapter 4.2: labels without padding, the two losses, what is taken over."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number, tensor
from gptlab.finetuning import Example, FineTuning, Task
from gptlab.model import GPT
from gptlab.tokenizer import CharTokenizer

_IGNORED = -100


@exercise("Fill in labels_for(ids, mask) so that it returns a tensor (B, T).")
def labels_for(answer: Any) -> str:
    """Check a function ids (B, T), mask (B, T) → labels (B, T), -100 where the mask is 0."""
    end = 9  # fills rows up, and ends a text as well
    for ids, mask in (
        ([[5, 3, 8, end, end], [2, 7, 4, 6, end]], [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]),
        ([[end, end, 4, 8], [end, 2, 6, end]], [[0, 0, 1, 1], [1, 1, 1, 1]]),
    ):
        rows, kept = torch.tensor(ids), torch.tensor(mask)  # (B, T) each
        labels = tensor(call(answer, rows, kept), tuple(rows.shape))
        _judge_labels(labels, rows, kept, end)
    return "What fills a row up is no target, and a real end of text still is one."


def _judge_labels(labels: Tensor, ids: Tensor, mask: Tensor, end: int) -> None:
    right = ids.where(mask == 1, _IGNORED)
    if labels.dtype != torch.long:
        raise Wrong(f"The labels are ids, of type torch.int64; yours are {labels.dtype}.")
    if torch.equal(labels, right):
        return
    if torch.equal(labels, ids):
        raise Wrong("Nothing is left out: the loss would count how well padding is predicted.")
    if torch.equal(labels, ids.where(ids != end, _IGNORED)):
        raise Wrong(
            f"Every {end} is left out, also one that stands in the text and ends it: the model "
            f"would never learn to stop. The id does not tell padding from text. What does?"
        )
    if torch.equal(labels, ids.where(mask == 0, _IGNORED)):
        raise Wrong("The wrong way round: the text is left out, and the padding counts.")
    moved = torch.cat([right[:, 1:], torch.full_like(right[:, :1], _IGNORED)], 1)
    if torch.equal(labels, moved) or torch.equal(labels[:, :-1], right[:, 1:]):
        raise Wrong(
            "You moved the labels on by one. The library does that itself (chapter 3.2), and twice "
            "is one too many: a label stands where its token stands."
        )
    if torch.equal(labels, ids * mask):
        raise Wrong("Padding has become id 0, which is a token too. Which number does not count?")
    left_out = labels != ids
    if torch.equal(left_out, mask == 0):
        raise Wrong(
            f"The right places, with {labels[left_out][0].item()}: cross_entropy leaves out one "
            f"number only, its ignore_index."
        )
    raise Wrong(f"For ids {ids.tolist()} and mask {mask.tolist()} you return {labels.tolist()}.")


class _Read:
    """A batch of a task with made-up logits: what the loss is computed from."""

    def __init__(self, seed: int, texts: tuple[str, ...]) -> None:
        task = Task(CharTokenizer("\nabcdefgh"), ("no", "yes", "maybe"), n_ctx=16)
        seen = [Example((text,), i % 3) for i, text in enumerate(texts)]
        self.objectives = {
            weight: FineTuning(task, seen, [Example(("hh",), 0)], weight) for weight in (0.5, 0.25)
        }
        self.known = task.tokenizer.vocab_size
        (tokens, ends, self.labels), _ = task.encode(seen)
        self.batch = (tokens, ends, self.labels)
        self.rows, self.ends = tokens[:, 0], ends[:, 0]  # (B, T), (B,)
        draw = torch.Generator().manual_seed(seed)
        size = (*self.rows.shape, task.scored.stop)
        self.logits = 2 * torch.randn(size, generator=draw)  # (B, T, V)

    def loss(self, weight: float) -> float:
        return self.objectives[weight].loss(lambda _: self.logits, self.batch).item()

    def label_loss(self, ends: Tensor | None = None) -> float:
        at = self.ends if ends is None else ends
        scores = self.logits[torch.arange(len(at)), at, self.known + 2 :]  # (B, n)
        return F.cross_entropy(scores, self.labels).item()

    def text_losses(self, shift: int = 1, vocabulary: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the loss at each place (B, T - shift), and whether its target is text."""
        targets = self.rows[:, shift:]
        told = self.logits[:, : targets.size(1), :vocabulary].log_softmax(-1)
        inside = targets if vocabulary is None else targets.clamp(max=vocabulary - 1)
        losses = -told.gather(-1, inside[..., None])[..., 0]
        return losses, targets < self.known


@lru_cache
def _reads() -> tuple[_Read, ...]:
    return _Read(1, ("abcdef", "gh", "cad")), _Read(2, ("b", "hgfedcba"))


def _mean_of_rows(losses: Tensor, counts: Tensor) -> float:
    return ((losses * counts).sum(1) / counts.sum(1)).mean().item()


@exercise(
    "Fill in tuning_loss(logits, rows, ends, labels, known, weight) so that it returns the loss."
)
def tuning_loss(answer: Any) -> str:
    """Check a function that gives the label's loss plus λ times the text's, in nats."""
    for read, weight in zip(_reads(), (0.5, 0.25), strict=True):
        told = call(answer, read.logits, read.rows, read.ends, read.labels, read.known, weight)
        value, right = number(told), read.loss(weight)
        if close(value, right):
            continue
        name_mistake(value, _loss_mistakes(read, weight))
        raise Wrong(
            f"With λ = {weight:g} you return {value:.4f}. Two parts: the label, from the logits at "
            f"each row's extract token; and the text, each token but the first told by the place "
            f"before it."
        )
    return "Equation 5: the label is what is asked, and the text keeps the model reading."


def _loss_mistakes(read: _Read, weight: float) -> list[tuple[float, str]]:
    known = read.known
    label = read.label_loss()
    losses, is_text = read.text_losses(vocabulary=known)  # (B, T - 1) each
    text = _mean_of_rows(losses, is_text)
    full, _ = read.text_losses()
    copied, text_too = read.text_losses(shift=0, vocabulary=known)
    last = torch.full_like(read.ends, read.rows.size(1) - 1)
    at_last = read.label_loss(last)
    return [
        (label, "That is the label's loss alone. The text's is missing."),
        (text, "That is the text's loss alone. The label's is missing."),
        (weight * text, "That is λ times the text's loss. The label's is missing."),
        (label + text, "λ is not used: the text's loss counts in full."),
        (weight * label + text, "λ stands before the wrong one: it is for the text."),
        (weight * (label + text), "λ weighs both. The label's loss counts in full."),
        (
            label + weight * _mean_of_rows(copied, text_too),
            "The text is not moved on by one: each place is asked for the token it sees.",
        ),
        (
            label + weight * _mean_of_rows(full, torch.ones_like(is_text)),
            "The extract token and what fills the rows up are counted as text.",
        ),
        (
            label + weight * _mean_of_rows(full, is_text),
            "The text's softmax goes over the task's own ids too. They are no tokens of a text: "
            "only the first `known` are.",
        ),
        (
            label + weight * losses[is_text].mean().item(),
            "That is the mean over all tokens of the batch, so a long text counts more than a "
            "short one. Here each row's mean comes first, then the mean over the rows.",
        ),
        (
            label + weight * (losses * is_text).sum(1).mean().item(),
            "The text's loss is a sum in each row. It is each row's mean.",
        ),
        (
            at_last + weight * text,
            "The label is read at the last place of every row. In a shorter row that is filled up, "
            "the extract token stands earlier: `ends` says where.",
        ),
    ]


_LAYERS = 11  # so that h.1 is not the only name that begins with h.1


def _weights(seed: int, vocab_size: int) -> dict[str, Tensor]:
    config = GPTConfig(
        vocab_size=vocab_size, n_ctx=3, n_layer=_LAYERS, n_head=1, n_embd=2, final_norm=True
    )
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        names = GPT(config).named_parameters()
    return {name: torch.randn(w.shape, generator=draw) for name, w in names}


def _block(name: str) -> int | None:
    """Return the number of the block that a weight belongs to; None for one outside."""
    return int(name.split(".")[1]) if name.startswith("h.") else None


@exercise("Fill in take_over(new, old, layers) so that it returns a dict of all weights.")
def take_over(answer: Any) -> str:
    """Check a function that puts old embeddings and first blocks among new weights."""
    for layers in (2, 0, 5):
        new, old = _weights(1, 9), _weights(2, 6)
        result = call(answer, _copied(new), _copied(old), layers)
        if not isinstance(result, dict):
            raise Wrong(f"Return a dict from names to tensors, not {type(result).__name__}.")
        if missing := [name for name in new if name not in result]:
            raise Wrong(f"{missing[0]} is missing: what is not taken over stays as it is in new.")
        if more := [name for name in result if name not in new]:
            raise Wrong(f"{str(more[0])[:40]!r} is no weight of the new model.")
        taken = {}
        for name, weight in new.items():
            found = tensor(result[name], tuple(weight.shape), name)
            taken[name] = _whence(found, weight, old[name], name)
        _judge_taken(taken, layers)
    return "Words and places, and what the lower blocks made of them; the rest begins anew."


def _copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in weights.items()}


def _whence(found: Tensor, new: Tensor, old: Tensor, name: str) -> bool:
    """Whether a weight is the old one, in the rows that the old one has."""
    known = len(old)
    if torch.equal(found, new):
        return False
    if not torch.equal(found[:known], old):
        raise Wrong(f"{name} is neither the new weight nor the old one.")
    if not torch.equal(found[known:], new[known:]):
        raise Wrong(f"{name}: the rows of ids that the old model does not have are not new's.")
    return True


def _judge_taken(taken: dict[str, bool], layers: int) -> None:
    blocks = {n for name, is_old in taken.items() if is_old and (n := _block(name)) is not None}
    partly = {n for name, is_old in taken.items() if not is_old and (n := _block(name)) in blocks}
    if not any(taken.values()):
        raise Wrong("Nothing is taken over: every weight is the new one.")
    if all(taken.values()):
        raise Wrong("Everything is taken over, whatever `layers` says.")
    if partly:
        raise Wrong(f"Of block {min(partly)} only some weights are taken over. A block is whole.")
    expected = set(range(layers))
    if blocks != expected:
        if blocks == {n for n in range(_LAYERS) if str(n).startswith(tuple(map(str, expected)))}:
            raise Wrong(
                f"With layers = {layers} block {max(blocks)} comes along: its name begins like one "
                f"that is meant. What follows the number in a name?"
            )
        if blocks == set(range(1, layers + 1)):
            raise Wrong("The first block is number 0; you count from 1.")
        if blocks == set(range(layers + 1)):
            raise Wrong(f"With layers = {layers} you take over {layers + 1}: one too many.")
        if blocks == set(range(_LAYERS - layers, _LAYERS)):
            raise Wrong("Those are the last blocks. The first ones are nearest to the text.")
        raise Wrong(f"With layers = {layers} the blocks {sorted(blocks)} are taken over.")
    for name in ("wte.weight", "wpe.weight"):
        if not taken[name]:
            raise Wrong(f"{name} stays new. The embeddings come along, also with no block at all.")
    if above := [name for name, is_old in taken.items() if is_old and name.startswith("ln_f")]:
        raise Wrong(f"{above[0]} is taken over. It stands above all blocks: that begins anew.")
