"""Fine-tuning where the answer is a text: asked and told in one row, graded on the answer alone.

No head and no new token are needed (Radford et al. 2019, section 2: the task stands in the text).
A row is the start token, the question as a `Layout` writes it, the answer, and the start token once
more, which ends it. Translation, summaries and answers found in a passage are learned so.

Letters in shapes: N examples, B rows of a batch, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.generation import Sampling, sample_batch
from gptlab.model import GPT
from gptlab.objective import Batch, NextToken, digest, once_an_epoch
from gptlab.prompting import Layout, Shot
from gptlab.runtime.checks import whole_number
from gptlab.runtime.device import Hardware
from gptlab.runtime.modes import evaluating
from gptlab.settings import TrainSettings
from gptlab.tokenizer import Tokenizer

#: What stands in the targets where nothing is graded, as torch's cross-entropy has it.
_NOT_GRADED = -100


@dataclass(frozen=True)
class Answers:
    """How a question and its answer become tokens, and how a model answers.

    Attributes:
        tokenizer: the model's.
        layout: how question and answer are written.
        n_ctx: tokens a row may have. Of a longer one, the end of the question is left out, or of
            the answer, where that alone is too long.
    """

    tokenizer: Tokenizer
    layout: Layout = field(default_factory=Layout)
    n_ctx: int = 128

    def __post_init__(self) -> None:
        whole_number("n_ctx", self.n_ctx, least=8)

    def encode(self, pairs: Sequence[Shot]) -> tuple[Batch, int]:
        """Write questions and answers as tokens.

        Returns:
            ids (N, T) and targets (N, T), -100 wherever no token of the answer comes next; and how
            many rows had to be cut.

        Raises:
            ValueError: if there is no pair, a text is empty, or the layout alone fills a row.
        """
        if not pairs:
            raise ValueError("there are no examples; a task needs some.")
        end = self.tokenizer.start_id
        rows, cut = [], 0
        for number, (question, answer) in enumerate(pairs):
            if not (question.strip() and answer.strip()):
                raise ValueError(f"example {number} has an empty text; leave it out.")
            whole = self.tokenizer.encode(self.layout.tell(answer))
            told = [*whole[: self.n_ctx // 2], end]
            asked, shortened = self.ask(question, self.n_ctx + 1 - len(told))
            rows.append((asked, told))
            cut += shortened or len(told) <= len(whole)
        width = max(len(asked) + len(told) for asked, told in rows) - 1
        tokens = torch.full((len(rows), width), end)
        targets = torch.full((len(rows), width), _NOT_GRADED)
        for i, (asked, told) in enumerate(rows):
            row = torch.tensor([*asked, *told])
            tokens[i, : len(row) - 1] = row[:-1]
            targets[i, len(asked) - 1 : len(row) - 1] = row[len(asked) :]
        return (tokens, targets), cut

    def ask(self, question: str, room: int, shots: Sequence[Shot] = ()) -> tuple[list[int], bool]:
        """Return the ids up to where the answer begins, and whether the question had to be cut.

        Args:
            question: what is asked.
            room: ids at most.
            shots: worked examples that stand before it, which are never cut.

        Raises:
            ValueError: if not even an empty question fits.
        """
        body = self.tokenizer.encode(question)
        whole, ids = len(body), self._context(question, shots)
        while len(ids) > room:
            if not body:
                raise ValueError(
                    f"without any question there are {len(ids)} tokens already, and room for "
                    f"{room}; use fewer examples, a shorter layout or a longer context."
                )
            body = body[: max(0, len(body) - (len(ids) - room))]
            # A character whose bytes were parted is left out.
            ids = self._context(self.tokenizer.decode(body).rstrip("\ufffd"), shots)
        return ids, len(body) < whole

    def _context(self, question: str, shots: Sequence[Shot]) -> list[int]:
        text = self.layout.context(shots, question)
        return [self.tokenizer.start_id, *self.tokenizer.encode(text)]

    def write(
        self,
        model: GPT,
        questions: Sequence[str],
        max_new_tokens: int = 64,
        batch_size: int = 32,
        shots: Sequence[Shot] = (),
    ) -> list[str]:
        """Return the model's answer to each question, at each step its likeliest token.

        Args:
            model: read in evaluation mode and left as it was.
            questions: what is asked.
            max_new_tokens: an answer ends there, if it has not ended by itself.
            batch_size: questions answered at once.
            shots: worked examples that stand before each question.

        Raises:
            ValueError: if the vocabulary is not the model's, or a question does not fit.
        """
        self.check(model)
        room = model.config.n_ctx - max_new_tokens
        prompts = [torch.tensor(self.ask(question, room, shots)[0]) for question in questions]
        answers = [""] * len(prompts)
        # Neighbours of about the same length need little padding.
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        for first in range(0, len(order), batch_size):
            places = order[first : first + batch_size]
            rows = self._write([prompts[place] for place in places], model, max_new_tokens)
            for place, row in zip(places, rows, strict=True):
                answers[place] = self.tokenizer.decode(row).strip()
        return answers

    def _write(self, prompts: list[Tensor], model: GPT, max_new_tokens: int) -> list[list[int]]:
        sampling = Sampling(max_new_tokens, temperature=0)
        rows: list[list[int]] = [[] for _ in prompts]
        writing = set(range(len(prompts)))
        for drawn in sample_batch(model, prompts, sampling, vocab_size=self.tokenizer.vocab_size):
            writing -= {i for i in writing if drawn[i] == self.tokenizer.start_id}
            for i in writing:
                rows[i].append(drawn[i])
            if not writing:
                break
        return rows

    def check(self, model: GPT) -> None:
        """Refuse a model with another vocabulary, or too short a context."""
        self.tokenizer.check_fits(model.config.vocab_size)
        if model.config.n_ctx < self.n_ctx:
            raise ValueError(
                f"the rows have up to {self.n_ctx} tokens, but the model's n_ctx is "
                f"{model.config.n_ctx}; use a smaller n_ctx."
            )


class AnswerTuning(NextToken):
    """The objective: each token of an answer, from the question and the tokens before it.

    Attributes:
        answers: how questions and answers become tokens.
        cut: how many rows were longer than ``answers.n_ctx``.
    """

    def __init__(
        self,
        answers: Answers,
        train: Sequence[Shot],
        validation: Sequence[Shot],
        also: Sequence[AnswerTuning] = (),
    ) -> None:
        """Write both parts as tokens.

        Args:
            answers: how.
            train: what is learned from.
            validation: what is measured on the way.
            also: other tasks, learned at once. Their layouts should tell them apart; their examples
                are drawn among these, so that a task with more of them counts for more.

        Raises:
            ValueError: if they share a question, a pair is not fit (see `Answers.encode`), or tasks
                have different tokenizers.
        """
        if shared := {question for question, _ in train} & {question for question, _ in validation}:
            raise ValueError(
                f"{len(shared)} of the questions to validate on are also trained on, the first "
                f"{min(shared)!r}; what is measured must not have been seen."
            )
        self.answers = answers
        self._train, cut = answers.encode(train)
        self._validation, more = answers.encode(validation)
        self.cut: int = cut + more + sum(other.cut for other in also)
        self._tasks: list[Answers] = [answers, *(one for other in also for one in other._tasks)]
        if any(other.tokenizer.to_json() != self.tokenizer.to_json() for other in also):
            raise ValueError("tasks learned at once need one tokenizer; give all of them the same.")
        self._train = _stack([self._train, *(other._train for other in also)])
        self._validation = _stack([self._validation, *(other._validation for other in also)])
        self._lengths = _lengths(self._train[1])

    @property
    def tokenizer(self) -> Tokenizer:
        """The pretrained model's."""
        return self.answers.tokenizer

    def check(self, model: GPT) -> None:
        """Refuse a model that the rows do not fit."""
        for one in self._tasks:
            one.check(model)

    def steps(self, epochs: float, batch_size: int) -> int:
        """Return the number of updates that read every example ``epochs`` times."""
        return max(1, round(epochs * len(self._train[0]) / batch_size))

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        """Return tokens and targets, (B, T) each; each example once an epoch."""
        return _narrow(self._train, once_an_epoch(self._lengths, step, settings))

    @torch.no_grad()
    def measure(
        self, model: GPT, hardware: Hardware, max_tokens: int | None = None
    ) -> dict[str, float]:
        """Measure the answers to the validation questions.

        Returns:
            val_loss, in nats per token of the answers, and val_exact, the share of answers, from
            0 to 1, that the model would write as they are: each of their tokens is its likeliest.
        """
        n = len(self._validation[0])
        if max_tokens is not None:
            n = min(n, max(1, max_tokens // self._validation[0].size(1)))
        total, counted, exact = 0.0, 0, 0
        with evaluating(model):
            for places in _lengths(self._validation[1][:n]).argsort(stable=True).split(32):
                tokens, targets = _narrow(self._validation, places)  # (B, T) each
                with hardware.autocast():
                    logits = model(tokens.to(model.device))  # (B, T, V)
                logits = logits[..., : self.tokenizer.vocab_size].float().cpu()
                graded = targets != _NOT_GRADED
                logprobs = logits[graded].log_softmax(-1)  # (tokens graded, V)
                total -= logprobs.gather(-1, targets[graded][:, None]).sum().item()
                counted += int(graded.sum())
                exact += int(((logits.argmax(-1) == targets) | ~graded).all(1).sum())
        return {"val_loss": total / counted, "val_exact": exact / n}

    def fingerprint(self) -> dict[str, str]:
        """Tell layout, training and validation examples apart."""
        parts = {"training examples": self._train, "validation examples": self._validation}
        return {"layout": ", ".join(str(one.layout) for one in self._tasks)} | {
            name: f"{len(part[0])}, {digest(part)}" for name, part in parts.items()
        }


def _stack(parts: Sequence[Batch]) -> Batch:
    """Put rows of several tasks under each other, (N, T) each, as wide as the widest."""
    width = max(tokens.size(1) for tokens, _ in parts)
    # What stands in the padding is not graded, and nothing looks at it.
    tokens, targets = (
        torch.cat([F.pad(part[i], (0, width - part[i].size(1)), value=fill) for part in parts])
        for i, fill in ((0, 0), (1, _NOT_GRADED))
    )
    return tokens, targets


def _lengths(targets: Tensor) -> Tensor:
    """Return the length of each row (N,), up to its last target that is graded."""
    graded = targets != _NOT_GRADED  # (N, T)
    return graded.size(1) - graded.int().flip(1).argmax(1)


def _narrow(part: Batch, chosen: Tensor) -> Batch:
    """Return some rows, no wider than the longest of them: the end is padding."""
    width = int(_lengths(part[1][chosen]).max())
    tokens, targets = (tensor[chosen, :width] for tensor in part)
    return tokens, targets
