"""What fine-tuning takes over and what it loses, on the task of `which_package`.

GPT-1's ablations in small (Radford et al. 2018, section 5): with and without pretraining by number
of labels, with and without the loss of the text, by the number of blocks taken over; besides these
with blocks frozen, and how well the model still tells text that is no example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from gptlab.checkpoints import load_bundled
from gptlab.corpora import Corpus
from gptlab.experiments import which_package
from gptlab.experiments.bundled_model import SOURCES
from gptlab.experiments.kept import Kept, come_along, measure_missing
from gptlab.experiments.which_package import BATCH_SIZE, EPOCHS, LEARNING_RATE, STARTS, spread
from gptlab.model import GPT
from gptlab.objective import evaluate
from gptlab.runtime.device import describe_machine
from gptlab.show.table import Table
from gptlab.text.encoding import id_type

#: Labelled documents to learn from. With the last, every seed has the same ones.
LABELS = (12, 48, 200, 400)
#: Those with which the loss of the text is also left out.
WEIGHED = (48, 200)
#: Those with which blocks are left behind or frozen.
MANY = 200
#: With few labels six epochs would be four updates; a run makes at least so many.
LEAST_UPDATES = 18
#: Tokens of text that is no example, on which forgetting is measured.
TEXT_TOKENS = 20_000
COUNTING = "counting words"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to learn the task.

    Attributes:
        way: "pretrained", "from scratch" or "counting words".
        labels: labelled documents it learns from.
        text_weight: λ, what the loss of the text counts beside that of the label.
        layers: blocks taken over from the pretrained model, with its embeddings; None for all.
        frozen: blocks kept as they are, with the embeddings; None freezes nothing.
    """

    way: str = "pretrained"
    labels: int = MANY
    text_weight: float = 0.5
    layers: int | None = None
    frozen: int | None = None


@dataclass(frozen=True, kw_only=True)
class Measured(Variant):
    """One variant, trained once and tested.

    Attributes:
        seed: decides the documents, the weights that are drawn, and the batches.
        accuracy: on the tested documents, from 0 to 1.
        bits_per_byte: of text that is no example, where all blocks were taken over; else None.
        seconds: of training.
    """

    seed: int
    accuracy: float
    bits_per_byte: float | None = None
    seconds: float = 0.0

    @property
    def variant(self) -> Variant:
        """What was trained."""
        return Variant(**{one.name: getattr(self, one.name) for one in fields(Variant)})


@dataclass
class Transfer(Kept):
    """All that was measured, kept as JSON.

    Attributes:
        machine: versions and processor.
        settings: what all runs share.
        before: bits per byte of the text before any fine-tuning.
        measured: one a variant and seed.
    """

    kind = Measured

    machine: dict[str, Any]
    settings: dict[str, Any]
    before: float
    measured: list[Measured] = field(default_factory=list)

    def of(self, variant: Variant) -> list[Measured]:
        """Return the runs of a variant, one a seed."""
        return [one for one in self.measured if one.variant == variant]

    def accuracies(self, **asked: Any) -> list[float]:
        """Return the accuracies of a variant, one a seed; the arguments are `Variant`'s."""
        return [one.accuracy for one in self.of(Variant(**asked))]

    def by_labels(self) -> dict[str, dict[int, list[float]]]:
        """Return {way: {labels: accuracies}}."""
        return {
            way: {n: found for n in LABELS if (found := self.accuracies(way=way, labels=n))}
            for way in (*STARTS, COUNTING)
        }

    def by_layers(self) -> dict[int, list[float]]:
        """Return {blocks taken over: accuracies}, the last with the whole model."""
        kept = {one.layers for one in self.measured if one.layers is not None}
        found = {layers: self.accuracies(layers=layers) for layers in sorted(kept)}
        return found | {1 + max(kept, default=-1): self.accuracies()}

    def labels_table(self) -> Table:
        """Return one row a way, one column a number of labels: accuracies."""
        found = self.by_labels()
        counts = [n for n in LABELS if any(n in of_way for of_way in found.values())]
        rows = [
            [way, *(spread(of_way.get(n, [])) for n in counts)] for way, of_way in found.items()
        ]
        return Table(["accuracy", *(f"{n} labels" for n in counts)], rows)

    def weight_table(self) -> Table:
        """Return one row a λ: accuracy and bits per byte of the text, by number of labels."""
        rows = [["before", *[""] * len(WEIGHED), *[f"{self.before:.2f}"] * len(WEIGHED)]]
        for weight in (0.5, 0.0):
            runs = [self.of(Variant(labels=n, text_weight=weight)) for n in WEIGHED]
            rows.append(
                [f"λ = {weight:g}", *(spread([one.accuracy for one in of_n]) for of_n in runs)]
                + [spread(_bits(of_n)) for of_n in runs]
            )
        heads = [f"{what}, {n} labels" for what in ("accuracy", "bits per byte") for n in WEIGHED]
        return Table(["", *heads], rows)

    def layers_table(self) -> Table:
        """Return one row a number of blocks taken over."""
        rows = [["nothing", spread(self.accuracies(way="from scratch"))]]
        rows += [[_with_embeddings(layers), spread(a)] for layers, a in self.by_layers().items()]
        return Table(["taken over", "accuracy"], rows)

    def frozen_table(self) -> Table:
        """Return one row a number of blocks frozen: accuracy, bits per byte, seconds."""
        rows = []
        kept = sorted({one.frozen for one in self.measured if one.frozen is not None})
        for frozen in (None, *kept):
            runs = self.of(Variant(frozen=frozen))
            name = "nothing" if frozen is None else _with_embeddings(frozen)
            told = [spread([one.accuracy for one in runs]), spread(_bits(runs))]
            rows.append([name, *told, f"{np.mean([one.seconds for one in runs]):.0f}"])
        return Table(["frozen", "accuracy", "bits per byte", "seconds"], rows)


def _bits(runs: Sequence[Measured]) -> list[float]:
    return [one.bits_per_byte for one in runs if one.bits_per_byte is not None]


def _with_embeddings(blocks: int) -> str:
    if blocks == 0:
        return "embeddings"
    return f"embeddings, {blocks} block{'s' if blocks > 1 else ''}"


def variants(n_layer: int) -> list[Variant]:
    """Return all that is measured, for a model with so many blocks."""
    plan = [Variant(way=way, labels=n) for n in LABELS for way in (COUNTING, *STARTS)]
    plan += [Variant(labels=n, text_weight=0.0) for n in WEIGHED]
    plan += [Variant(layers=layers) for layers in range(n_layer)]
    plan += [Variant(frozen=frozen) for frozen in (0, n_layer // 2, n_layer)]
    return plan


def epochs_for(labels: int) -> float:
    """Return how often each of so many documents is read."""
    return max(EPOCHS, LEAST_UPDATES * BATCH_SIZE / labels)


@lru_cache
def _text(sources: tuple[str, ...]) -> Corpus:
    """Return the documents that are no examples as a corpus whose two parts are the same."""
    _, tokenizer = load_bundled()
    texts = which_package.other_documents(sources)
    start = [tokenizer.start_id]
    ids = np.fromiter(
        chain.from_iterable(start + row for row in tokenizer.encode_batch(texts)),
        id_type(tokenizer),
    )
    size = sum(len(text.encode()) + 2 for text in texts)
    return Corpus("no examples", tokenizer, ids, ids, size, size, "not at all", len(texts))


def text_bits(
    model: GPT, sources: tuple[str, ...] = SOURCES, max_tokens: int = TEXT_TOKENS
) -> float:
    """Return a model's bits per byte on documents that are no examples and that it has not read.

    Of matplotlib none are left; most of them are torch's, which has the most.

    Args:
        model: without a task's ids (`Task.without_ids`).
        sources: whose documents.
        max_tokens: read so much of them, at even distances.
    """
    corpus = _text(sources)
    return corpus.bits_per_byte(evaluate(model, corpus, max_tokens))


def measure(
    variant: Variant, seed: int, sources: tuple[str, ...] = SOURCES, progress: bool = True
) -> Measured | None:
    """Train one variant and test it; None where it was interrupted."""
    asked = asdict(variant) | {"seed": seed}
    if variant.way == COUNTING:
        chosen = which_package.examples(variant.labels, seed, sources)
        return Measured(**asked, accuracy=which_package.by_counting(*chosen))
    what = which_package.objective(variant.labels, seed, sources, variant.text_weight)
    start = next(start for start in STARTS if start == variant.way)
    model, history = which_package.fine_tune(
        what,
        start,
        seed,
        epochs_for(variant.labels),
        progress,
        layers=variant.layers,
        frozen=variant.frozen,
    )
    if history.interrupted:
        return None
    whole = start == "pretrained" and variant.layers is None
    bits = text_bits(what.task.without_ids(model), sources, TEXT_TOKENS) if whole else None
    accuracy = history.measured["val_accuracy"]
    return Measured(**asked, accuracy=accuracy, bits_per_byte=bits, seconds=history.seconds)


def record(
    path: Path,
    seeds: Sequence[int] = (1, 2, 3),
    *,
    resume: bool = False,
    plan: Sequence[Variant] | None = None,
    sources: tuple[str, ...] = SOURCES,
) -> Transfer:
    """Measure every variant, one round of all a seed, and save after each.

    Args:
        path: the file.
        seeds: one a round.
        resume: keep what the file holds, and measure only what is missing.
        plan: what to measure; all by default.
        sources: the packages to tell apart.
    """
    bundled, _ = load_bundled()
    plan = variants(bundled.config.n_layer) if plan is None else plan
    if resume and path.exists():
        results = Transfer.load(path)
    else:
        settings = {
            "epochs": EPOCHS,
            "least_updates": LEAST_UPDATES,
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "text_tokens": TEXT_TOKENS,
        }
        results = Transfer(describe_machine(), settings, text_bits(bundled, sources, TEXT_TOKENS))

    def one(asked: tuple[Variant, int]) -> list[Measured] | None:
        found = measure(*asked, sources)
        return None if found is None else [found]

    return measure_missing(
        results,
        path,
        [(variant, seed) for seed in seeds for variant in plan],
        lambda found: (found.variant, found.seed),
        one,
    )


def recorded() -> Transfer:
    """Return the measurements that come with the package."""
    return come_along("transfer", Transfer.load)
