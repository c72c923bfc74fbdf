"""Which package does a docstring come from? Fine-tuning in small, by number of labels.

The bundled model was trained on the documentation of four packages. Here it learns to tell them
apart, on documents it has never read, beside the same model from random weights and beside
counting words. Wherever a text names a package, the name is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from gptlab.checkpoints import load_bundled
from gptlab.experiments.bundled_model import SOURCES
from gptlab.experiments.kept import Kept, come_along
from gptlab.finetuning import Example, FineTuning, Task
from gptlab.model import GPT
from gptlab.results import History
from gptlab.runtime.device import describe_machine
from gptlab.settings import TrainSettings
from gptlab.show.table import Table
from gptlab.tasks.baselines import by_words
from gptlab.tasks.metrics import accuracy
from gptlab.text import documentation
from gptlab.training import Watch, train

#: Labelled documents to learn from, as many of each package.
LABELS = (48, 200)
#: Documents of each package to test on, and the others, from which a seed draws.
TESTED, OTHERS = 88, 100
EPOCHS, BATCH_SIZE = 6, 16
#: With 48 labels, 3e-4, 1e-3 and 3e-3 ended within 0.03 of each other where the model was
#: pretrained, and none of them got it away from guessing where it was not.
LEARNING_RATE = 1e-3

Start = Literal["pretrained", "from scratch"]
STARTS: tuple[Start, ...] = get_args(Start)
_NAMES = re.compile(
    r"\b(pytorch|torch|numpy|np|matplotlib|mpl|plt|cpython|python)\b", re.IGNORECASE
)
_SHORTEST = 40  # characters: less says nothing of where it comes from


@dataclass(frozen=True)
class Measured:
    """One way to tell packages apart, tested.

    Attributes:
        way: "pretrained", "from scratch" or "counting words".
        labels: labelled documents it learned from.
        seed: decides which, and initial weights and batches.
        accuracy: on `TESTED` documents of each package, from 0 to 1.
        seconds: of training.
    """

    way: str
    labels: int
    seed: int
    accuracy: float
    seconds: float = 0.0


@dataclass
class WhichPackage(Kept):
    """All that was measured, kept as JSON."""

    kind = Measured

    machine: dict[str, Any]
    settings: dict[str, Any]
    measured: list[Measured] = field(default_factory=list)

    def table(self) -> Table:
        """Return one row a way, one column a number of labels: mean and range over the seeds."""
        ways = dict.fromkeys(one.way for one in self.measured)
        counts = sorted({one.labels for one in self.measured})
        rows = []
        for way in ways:
            found = [
                [one.accuracy for one in self.measured if (one.way, one.labels) == (way, labels)]
                for labels in counts
            ]
            rows.append([way, *map(spread, found)])
        return Table(["", *(f"{labels} labels" for labels in counts)], rows)


def spread(values: Sequence[float]) -> str:
    """Say the mean over seeds, and the lowest and the highest; nothing where nothing is."""
    if not values:
        return ""
    return f"{sum(values) / len(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def hide_names(text: str) -> str:
    """Replace the names of packages, or a text would tell where it comes from."""
    return _NAMES.sub("it", text)


@lru_cache
def documents_of(sources: tuple[str, ...]) -> tuple[list[Example], list[Example]]:
    """Return the documents to test on and those to draw from, none of which the model has read."""
    tested, others = [], []
    for label, source in enumerate(sources):
        _, unseen = documentation.documents((source,))
        hidden = (hide_names(text) for text in unseen if len(text) >= _SHORTEST)
        texts = list(dict.fromkeys(hidden))
        draw = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
        shuffled = [Example((texts[place],), label) for place in draw[: TESTED + OTHERS]]
        tested += shuffled[:TESTED]
        others += shuffled[TESTED:]
    # Two packages may say the same in a document; it is nobody's then, and not tested.
    known = {example.texts for example in others}
    return [example for example in tested if example.texts not in known], others


def other_documents(sources: tuple[str, ...] = SOURCES) -> list[str]:
    """Return the documents that are no examples, as they are, names and all; never read either."""
    taken = {example.texts[0] for part in documents_of(sources) for example in part}
    _, unseen = documentation.documents(sources)
    return [text for text in unseen if len(text) >= _SHORTEST and hide_names(text) not in taken]


def examples(
    labels: int, seed: int = 1, sources: tuple[str, ...] = SOURCES
) -> tuple[list[Example], list[Example]]:
    """Return labelled documents to learn from, as many of each package, and those to test on.

    Args:
        labels: how many to learn from.
        seed: decides which.
        sources: the packages; those of the bundled model, or some of them.

    Raises:
        ValueError: if there are not so many.
    """
    each, most = labels // len(sources), OTHERS * len(sources)
    if not 1 <= each <= OTHERS:
        raise ValueError(f"labels is {labels}; it must be {len(sources)} to {most}.")
    tested, others = documents_of(sources)
    drawn = []
    for label in range(len(sources)):
        own = [example for example in others if example.label == label]
        order = torch.randperm(len(own), generator=torch.Generator().manual_seed(seed))
        drawn += [own[place] for place in order[:each]]
    return drawn, tested


def objective(
    labels: int, seed: int = 1, sources: tuple[str, ...] = SOURCES, text_weight: float = 0.5
) -> FineTuning:
    """Return what is learned from so many labels.

    The arguments are those of `examples`, and λ of `FineTuning`.
    """
    _, tokenizer = load_bundled()
    task = Task(tokenizer, sources, n_ctx=64)
    return FineTuning(task, *examples(labels, seed, sources), text_weight)


def fine_tune(
    what: FineTuning,
    start: Start,
    seed: int = 1,
    epochs: float = EPOCHS,
    progress: bool = True,
    *,
    layers: int | None = None,
    frozen: int | None = None,
    watch: Watch | None = None,
) -> tuple[GPT, History]:
    """Train the bundled model, or one of its shape from random weights, to name the package.

    Args:
        what: the examples.
        start: where the weights come from.
        seed: decides those that are drawn, and the batches.
        epochs: how often each example is read.
        progress: show a bar.
        layers: blocks that are taken over, with the embeddings; None for the whole model.
        frozen: blocks that are kept as they are, with the embeddings; None freezes nothing.
        watch: as for `gptlab.train`.
    """
    torch.manual_seed(seed)
    bundled, _ = load_bundled()
    model = what.task.model(bundled if start == "pretrained" else GPT(bundled.config), layers)
    if frozen is not None:
        what.task.freeze(model, frozen)
    steps = what.steps(epochs, BATCH_SIZE)
    settings = TrainSettings(
        steps,
        BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        warmup=max(1, steps // 10),
        eval_every=steps,
        eval_tokens=1024,
        seed=seed,
    )
    return model, train(model, what, settings, progress=progress, watch=watch)


def by_counting(seen: Sequence[Example], tested: Sequence[Example]) -> float:
    """Return the accuracy of words and pairs of words, weighed by logistic regression."""
    texts, labels = zip(*((e.texts[0], str(e.label)) for e in seen), strict=True)
    found = by_words(texts, labels, [e.texts[0] for e in tested], longest=2)
    return accuracy(found, [str(e.label) for e in tested])


def record(
    path: Path, seeds: Sequence[int] = (1, 2, 3), sources: tuple[str, ...] = SOURCES
) -> WhichPackage:
    """Measure every way with every number of labels, one round of all a seed."""
    settings = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE}
    results = WhichPackage(describe_machine(), settings)
    for seed in seeds:
        for labels in LABELS:
            counted = by_counting(*examples(labels, seed, sources))
            results.measured.append(Measured("counting words", labels, seed, counted))
            what = objective(labels, seed, sources)
            for start in STARTS:
                _, history = fine_tune(what, start, seed)
                if history.interrupted:
                    return results
                accuracy = history.measured["val_accuracy"]
                results.measured.append(Measured(start, labels, seed, accuracy, history.seconds))
            results.save(path)
    return results


def recorded() -> WhichPackage:
    """Return the measurements that come with the package."""
    return come_along("which-package", WhichPackage.load)
