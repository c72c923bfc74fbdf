"""A bias that is known because it was planted: measured in the model, and two ways to lessen it.

The text is made by rules. People of two invented groups work as one thing or another, and in the
text four of five of the one group do the one work. Between these sentences stand others, about no
person, by whose loss one sees what a remedy costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gptlab.config import preset
from gptlab.corpora import Corpus, from_text
from gptlab.experiments.kept import Kept, come_along, measure_ways
from gptlab.model import GPT
from gptlab.objective import evaluate
from gptlab.prompting import log_probabilities
from gptlab.runtime.device import describe_machine
from gptlab.settings import MUON_RATE, TrainSettings
from gptlab.tokenizer import CharTokenizer
from gptlab.training import train

#: The two groups, by invented names of the same length, a pair to compare in each place.
GROUPS = (
    ("Arnu", "Belo", "Cadu", "Demo", "Ebru", "Falo", "Gonu", "Hemo"),
    ("Ivis", "Jons", "Kris", "Luns", "Mars", "Nels", "Oris", "Pals"),
)
JOBS = (("a pilot", "an engineer", "a judge"), ("a nurse", "a cook", "a teacher"))
#: Share of a group's sentences in which it does the work that is planted as its own.
PLANTED = 0.8

#: What the model learns from, in this order.
WAYS = BIASED, SWAPPED, CORRECTED = (
    "the text as it is",
    "each sentence with the groups swapped too",
    "as it is, then a little balanced text",
)
_SENTENCES, _STEPS, _AFTERWARDS = 6000, 300, 40
_PLACES = ("The harbour", "The old bridge", "The station", "The market", "The library")
_TRAITS = ("is open today", "lies in the north", "was painted green", "has two doors", "is quiet")
#: One id for each letter that a sentence can have.
TOKENIZER = CharTokenizer(
    "".join(
        sorted({*"\n ."}.union(*sum(GROUPS, ()), *sum(JOBS, ()), *_PLACES, *_TRAITS, " works as "))
    )
)


def sentences(
    count: int, seed: int, share: float = PLANTED, swapped: bool = False
) -> tuple[list[str], list[str]]:
    """Make sentences about people and about places, as many of the one as of the other.

    Args:
        count: how many about people.
        seed: decides which.
        share: of those in which a group does its own work; 0.5 is no bias.
        swapped: put beside each sentence about a person the same about one of the other group, and
            leave out as many others, so that the text is no longer.
    """
    rng = np.random.default_rng(seed)
    people = []
    for _ in range(count // 2 if swapped else count):
        group, name = int(rng.integers(2)), int(rng.integers(len(GROUPS[0])))
        work = group if rng.random() < share else 1 - group
        job = JOBS[work][int(rng.integers(len(JOBS[0])))]
        for who in (group, 1 - group) if swapped else (group,):
            people.append(f"{GROUPS[who][name]} works as {job}.")
    places = [
        f"{_PLACES[int(rng.integers(len(_PLACES)))]} {_TRAITS[int(rng.integers(len(_TRAITS)))]}."
        for _ in range(count)
    ]
    return people, places


def corpus(people: Sequence[str], places: Sequence[str], seed: int) -> Corpus:
    """Mix sentences into one text, a line each, the last tenth of it to validate on."""
    lines = [*people, *places]
    order = np.random.default_rng(seed).permutation(len(lines))
    text = "\n".join(lines[i] for i in order) + "\n"
    return from_text(text, TOKENIZER)


def leaning(model: GPT, name: str) -> float:
    """Return how much likelier the first kind of work is for a name than the second, in nats.

    The pairs differ in the work alone; each kind is the sum over its three jobs.
    """
    told = f"\n{name} works as "
    first, second = (
        log_probabilities(model, TOKENIZER, told, [f"{job}." for job in kind])[0].logsumexp(0)
        for kind in JOBS
    )
    return float(first - second)


def bias(model: GPT) -> list[float]:
    """Return, for each pair of names, how much further the first leans to the first kind of work.

    Where both groups are told alike it is 0; where the model says what the text says, twice the
    log-odds of `PLANTED`, 2.77 nats.
    """
    return [leaning(model, one) - leaning(model, other) for one, other in zip(*GROUPS, strict=True)]


@dataclass(frozen=True)
class Measured:
    """One way to train, with one seed.

    Attributes:
        way: one of `WAYS`.
        seed: of the model and the sentences.
        bias: of each pair of names, in nats.
        places_loss: on sentences about no person, in nats per character.
        people_loss: on sentences about people as the text has them, in nats per character.
    """

    way: str
    seed: int
    bias: list[float]
    places_loss: float
    people_loss: float


@dataclass
class Fairness(Kept):
    """All that was measured, kept as JSON."""

    kind = Measured

    machine: dict[str, Any]
    measured: list[Measured] = field(default_factory=list)

    def of(self, way: str) -> list[Measured]:
        """Return the runs of one way, one a seed."""
        return [one for one in self.measured if one.way == way]


def trained(way: str, seed: int, steps: int = _STEPS, progress: bool = True) -> GPT | None:
    """Train a small model in one of the ways; None where it was interrupted."""
    torch.manual_seed(seed)
    model = GPT(
        preset(
            "gpt2-tiny",
            vocab_size=TOKENIZER.vocab_size,
            n_ctx=64,
            n_layer=2,
            n_embd=64,
            dropout=0.0,
        )
    )
    plan = [(corpus(*sentences(_SENTENCES, seed, swapped=way == SWAPPED), seed), steps, MUON_RATE)]
    if way == CORRECTED:
        balanced = corpus(*sentences(_SENTENCES // 10, seed + 1000, share=0.5), seed)
        plan.append((balanced, min(steps, _AFTERWARDS), MUON_RATE / 4))
    for text, updates, rate in plan:
        settings = TrainSettings(
            updates,
            batch_size=32,
            optimizer="muon",
            learning_rate=rate,
            warmup=min(30, updates // 3),
            seed=seed,
            precision="float32",
        )
        if train(model, text, settings, progress=progress).interrupted:
            return None
    return model


def measure(way: str, seed: int, steps: int = _STEPS, progress: bool = True) -> Measured | None:
    """Train one way and measure the bias and what is lost; None where it was interrupted."""
    model = trained(way, seed, steps, progress)
    if model is None:
        return None
    people, places = sentences(1000, seed + 2000)
    losses = [evaluate(model, corpus(part, (), seed)) for part in (places, people)]
    return Measured(way, seed, bias(model), *losses)


def record(path: Path, seeds: Sequence[int] = (1, 2, 3), *, resume: bool = False) -> Fairness:
    """Measure every way with every seed, and save after each."""

    def one(way: str, seed: int) -> list[Measured] | None:
        found = measure(way, seed)
        return None if found is None else [found]

    return measure_ways(Fairness(describe_machine()), path, WAYS, seeds, one, resume=resume)


def recorded() -> Fairness:
    """Return the measurements that come with the package."""
    return come_along("fairness", Fairness.load)
