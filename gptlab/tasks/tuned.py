"""A model that answers: fine-tuned for an application, saved and loaded with what it answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from gptlab.answering import Answers, AnswerTuning
from gptlab.checkpoints import CheckpointError, load_model
from gptlab.finetuning import Example, FineTuning, Task
from gptlab.model import GPT
from gptlab.prompting import Layout, Shot
from gptlab.results import History
from gptlab.runtime.atomic import write_whole
from gptlab.settings import TrainSettings
from gptlab.tasks.application import Application, Parts
from gptlab.tokenizer import Tokenizer
from gptlab.training import train

#: Beside the checkpoints of a run, what the model answers and how.
_FILE = "task.json"

#: As in `gptlab.experiments.which_package`, where other rates made little difference.
LEARNING_RATE = 1e-3
EPOCHS, BATCH_SIZE = 3, 16


@dataclass(frozen=True)
class Tuned:
    """A model and the way it is asked.

    Attributes:
        application: its name.
        model: the GPT.
        how: labels that it scores, or answers that it writes.
        max_new_tokens: of a written answer.
    """

    application: str
    model: GPT
    how: Task | Answers
    max_new_tokens: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """What is chosen from; nothing where answers are written."""
        return () if isinstance(self.how, Answers) else self.how.labels

    def answer(self, questions: Sequence[str]) -> list[str]:
        """Return an answer to each question.

        Raises:
            ValueError: for an empty question.
        """
        for number, question in enumerate(questions):
            if not question.strip():
                raise ValueError(f"question {number} is empty; there is nothing to answer.")
        if not questions:
            return []
        if isinstance(self.how, Answers):
            return self.how.write(self.model, questions, self.max_new_tokens)
        return [self.labels[i] for i in self.probabilities(questions).argmax(-1).tolist()]

    def probabilities(self, questions: Sequence[str]) -> Tensor:
        """Return the probability of each label (N, n), in the order of ``how.labels``.

        Raises:
            ValueError: if the answers are written, not chosen.
        """
        if isinstance(self.how, Answers):
            raise ValueError(f"{self.application} has no labels; its answers are written.")
        return self.how.predict(self.model, [(question,) for question in questions])

    def save(self, folder: Path | str) -> None:
        """Write into a run's folder what its model answers, and how."""
        said: dict[str, object] = {"application": self.application, "n_ctx": self.how.n_ctx}
        if isinstance(self.how, Answers):
            said |= {"layout": asdict(self.how.layout), "max_new_tokens": self.max_new_tokens}
        else:
            said["labels"] = self.how.labels
        write_whole(Path(folder) / _FILE, json.dumps(said, ensure_ascii=False, indent=1) + "\n")


def load(folder: Path | str) -> Tuned:
    """Load what `fine_tune` wrote.

    Raises:
        CheckpointError: if it was not fine-tuned for an application.
    """
    model, tokenizer = load_model(folder)
    path = Path(folder) / _FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        name, n_ctx = said["application"], said["n_ctx"]
        if "labels" in said:
            how: Task | Answers = Task(tokenizer, tuple(said["labels"]), n_ctx=n_ctx)
        else:
            how = Answers(tokenizer, Layout(**said["layout"]), n_ctx)
        tuned = Tuned(name, model, how, said.get("max_new_tokens", 0))
        how.check(model)
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} holds a model, but no {_FILE} that says what it answers; fine-tune it, or "
            f"let it write with generate."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be used: {error!r}.") from None
    return tuned


def prepare(
    pretrained: GPT,
    tokenizer: Tokenizer,
    application: Application,
    parts: Parts,
    *,
    text_weight: float = 0.5,
    seed: int = 1,
) -> tuple[Tuned, FineTuning | AnswerTuning]:
    """Return a copy of a model that can be tuned for an application, and what it has to learn.

    Args:
        pretrained: where the weights start from; it stays as it is.
        tokenizer: its tokenizer.
        application: what is asked.
        parts: the examples; those of ``test`` are not looked at.
        text_weight: λ, where labels are scored; see `gptlab.finetuning.FineTuning`.
        seed: decides the weights that are new.

    Raises:
        ValueError: if an example is not fit, or the tokenizer is not the model's.
    """
    n_ctx = min(application.n_ctx, pretrained.config.n_ctx)
    what: FineTuning | AnswerTuning
    if application.by_label:
        labels = tuple(sorted({label for _, label in parts.train}))
        task = Task(tokenizer, labels, n_ctx=n_ctx)
        seen, looked_at = (_examples(part, labels) for part in (parts.train, parts.validation))
        what = FineTuning(task, seen, looked_at, text_weight)
        torch.manual_seed(seed)
        return Tuned(application.name, task.model(pretrained), task), what
    answers = Answers(tokenizer, application.layout, n_ctx)
    what = AnswerTuning(answers, parts.train, parts.validation)
    model = GPT(pretrained.config).to(pretrained.device)
    model.load_state_dict(pretrained.state_dict())
    return Tuned(application.name, model, answers, application.max_new_tokens), what


def fine_tune(
    tuned: Tuned,
    what: FineTuning | AnswerTuning,
    *,
    epochs: float = EPOCHS,
    batch_size: int = BATCH_SIZE,
    learning_rate: float = LEARNING_RATE,
    seed: int = 1,
    device: str = "auto",
    out: Path | str | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train what `prepare` returned, in place.

    Args:
        tuned: whose model learns.
        what: what it learns.
        epochs: how often each example is read.
        batch_size: examples an update.
        learning_rate: peak, reached after a tenth of the updates.
        seed: decides the order of examples.
        device: "auto", "cpu", "cuda" or "mps".
        out: folder for checkpoints, and for what the model answers; None keeps nothing.
        resume: go on with the run in ``out``.
        progress: show a bar.

    Raises:
        Whatever `gptlab.train` raises.
    """
    steps = what.steps(epochs, batch_size)
    settings = TrainSettings(
        steps,
        batch_size,
        learning_rate=learning_rate,
        warmup=max(1, steps // 10),
        seed=seed,
        device=device,
    )
    history = train(tuned.model, what, settings, out=out, resume=resume, progress=progress)
    if out is not None:
        tuned.save(out)
    return history


def _examples(pairs: Sequence[Shot], labels: Sequence[str]) -> list[Example]:
    return [Example((text,), labels.index(label)) for text, label in pairs]
