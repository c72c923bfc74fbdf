"""The applications, measured: baselines, a prompt, fine-tuning from random and from read weights.

All ways are tested on the same examples, group by group, so that it shows which of them a way can
do. Seeds decide the weights that are new, the order of the examples, and those in a prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from gptlab.answering import Answers
from gptlab.checkpoints import load_bundled
from gptlab.experiments.kept import Kept, come_along, measure_missing
from gptlab.experiments.which_package import spread
from gptlab.model import GPT
from gptlab.prompting import Shot, draw_shots, scores
from gptlab.runtime.device import describe_machine
from gptlab.show.table import Table
from gptlab.tasks import (
    APPLICATIONS,
    Application,
    Parts,
    download,
    fine_tune,
    prepare,
    question_answering,
    sentiment,
    summarization,
    translation,
)

#: How many examples are learned from at most, how often each is read, and examples of a prompt.
#: A context of 256 tokens holds one passage, or one long pair, besides question and answer. A
#: summary is asked for without any, as GPT-2 was (Radford et al. 2019, section 3.6).
PLANS = {
    "sentiment": {"count": 2000, "epochs": 3, "shots": 4},
    "question-answering": {"count": 3000, "epochs": 3, "shots": 1},
    "translation": {"count": 10_000, "epochs": 3, "shots": 1},
    "summarization": {"count": 3000, "epochs": 1, "shots": 0},
}
#: Examples of each group that are tested, and of those the ones that a prompt is tried on.
TESTED, ASKED_BY_PROMPT = 200, 50
#: What is tried besides the baselines: worked examples in the context; all weights trained, from
#: random ones and from the bundled model's.
WAYS = PROMPTED, SCRATCH, TUNED = "prompted", "from scratch", "fine-tuned"

#: The same of sentiment in sentences of film reviews, which have to be fetched.
FILM_REVIEWS = {"sentiment": {"epochs": 3, "shots": 4}}

Plans = Mapping[str, dict[str, int]]
Groups = dict[str, tuple[Shot, ...]]
Data = Callable[[str], tuple[Parts, Groups]]
Answer = Callable[[Sequence[str]], list[str]]

#: Where the test has groups, by what is new in it; elsewhere it is one, and this is its name.
_GROUPED = {"sentiment": sentiment, "question-answering": question_answering}
_WHOLE = {"translation": (translation, "new sentences"), "summarization": (summarization, "unread")}


@dataclass(frozen=True)
class Measured:
    """One way to do one application, with one seed.

    Attributes:
        application: its name.
        way: the name of a baseline or one of `WAYS`.
        seed: decides what is drawn; 0 where nothing is.
        scores: by group of the test, from 0 to 1.
        seconds: of training.
    """

    application: str
    way: str
    seed: int
    scores: dict[str, float]
    seconds: float = 0.0


@dataclass
class Applications(Kept):
    """All that was measured, kept as JSON."""

    kind = Measured

    machine: dict[str, Any]
    plans: dict[str, dict[str, int]]
    measured: list[Measured] = field(default_factory=list)

    def of(self, application: str, way: str) -> list[Measured]:
        """Return the runs of one way, one a seed."""
        return [one for one in self.measured if (one.application, one.way) == (application, way)]

    def table(self, application: str) -> Table:
        """Return one row a way, one column a group of the test: mean and range over the seeds."""
        known = [one for one in self.measured if one.application == application]
        groups = list(known[0].scores)
        rows = [
            [way, *(spread([one.scores[g] for one in self.of(application, way)]) for g in groups)]
            for way in dict.fromkeys(one.way for one in known)
        ]
        return Table([APPLICATIONS[application].metric, *groups], rows)


@lru_cache
def data(name: str) -> tuple[Parts, Groups]:
    """Return an application's parts, and its test by groups."""
    count = PLANS[name]["count"]
    if name in _GROUPED:
        return _GROUPED[name].parts(count, TESTED), _GROUPED[name].groups(TESTED)
    made, group = _WHOLE[name]
    parts = made.parts(count)
    return parts, {group: parts.test}


@lru_cache
def film_reviews(name: str) -> tuple[Parts, Groups]:
    """Return film reviews as `data` returns an application's own examples; fetched if need be."""
    parts = download("film-reviews")
    return parts, {"film reviews": parts.test}


def by_baseline(application: Application, baseline: str, parts: Parts) -> Answer:
    """Return a baseline as a way to answer the questions of the test."""
    asked = [question for question, _ in parts.test]
    known = dict(zip(asked, application.baselines[baseline](parts), strict=True))
    return lambda questions: [known[question] for question in questions]


def by_prompt(application: Application, parts: Parts, shots: int, seed: int) -> Answer:
    """Return the bundled model with worked examples in its context as a way to answer.

    Of labels the likelier is taken; elsewhere the answer is written. No weight moves.
    """
    model, tokenizer = load_bundled()
    drawn = draw_shots(parts.train, shots, seed)
    if application.by_label:
        labels = sorted({label for _, label in parts.train})

        def likelier(question: str) -> str:
            found = scores(model, tokenizer, drawn, question, labels, application.layout)
            return labels[int(found.argmax())]

        return lambda questions: [likelier(question) for question in questions]
    answers = Answers(tokenizer, application.layout, application.n_ctx)
    # A model that was never taught to end an answer goes on; its first line is what it answers.
    return lambda questions: [
        (answer.splitlines() or [""])[0]
        for answer in answers.write(model, questions, application.max_new_tokens, shots=drawn)
    ]


def plan(name: str, seeds: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield every way and seed of an application, the quick ones first."""
    yield from ((baseline, 0) for baseline in APPLICATIONS[name].baselines)
    yield from ((way, seed) for seed in seeds for way in WAYS)


def measure(
    name: str,
    way: str,
    seed: int,
    progress: bool = True,
    plans: Plans = PLANS,
    examples: Data = data,
) -> Measured | None:
    """Try one way to do an application; None where its training was interrupted.

    Args:
        name: the application's.
        way: the name of a baseline or one of `WAYS`.
        seed: decides what is drawn.
        progress: show a bar.
        plans: how, by application.
        examples: what is learned from, and the test by groups.
    """
    application = APPLICATIONS[name]
    parts, groups = examples(name)
    seconds = 0.0
    if way in application.baselines:
        answer = by_baseline(application, way, parts)
    elif way == PROMPTED:
        answer = by_prompt(application, parts, plans[name]["shots"], seed)
        groups = {group: pairs[:ASKED_BY_PROMPT] for group, pairs in groups.items()}
    else:
        model, tokenizer = load_bundled()
        if way == SCRATCH:
            torch.manual_seed(seed)
            model = GPT(model.config)
        tuned, what = prepare(model, tokenizer, application, parts, seed=seed)
        epochs = plans[name]["epochs"]
        history = fine_tune(tuned, what, epochs=epochs, seed=seed, progress=progress)
        if history.interrupted:
            return None
        answer, seconds = tuned.answer, history.seconds
    scored = {
        group: application.measure(answer([question for question, _ in pairs]), pairs)
        for group, pairs in groups.items()
    }
    return Measured(name, way, seed, scored, seconds)


def record(
    path: Path,
    seeds: Sequence[int] = (1, 2, 3),
    *,
    resume: bool = False,
    plans: Plans = PLANS,
    examples: Data = data,
) -> Applications:
    """Measure every way of every application, and save after each.

    Args:
        path: the file.
        seeds: of what is drawn.
        resume: keep what the file holds, and measure only what is missing.
        plans: the applications, and how each is measured.
        examples: what is learned from, and the test by groups.

    Raises:
        ValueError: if what the file holds was measured by another plan.
    """
    results = Applications(describe_machine(), dict(plans))
    if resume and path.exists():
        before = Applications.load(path)
        if other := [name for name, one in before.plans.items() if plans.get(name, one) != one]:
            raise ValueError(f"{path} has {', '.join(other)} by another plan; start anew.")
        results = replace(before, plans=before.plans | dict(plans))

    def one(asked: tuple[str, str, int]) -> list[Measured] | None:
        found = measure(*asked, plans=plans, examples=examples)
        return None if found is None else [found]

    return measure_missing(
        results,
        path,
        [(name, way, seed) for name in plans for way, seed in plan(name, seeds)],
        lambda found: (found.application, found.way, found.seed),
        one,
    )


def recorded(name: str = "applications") -> Applications:
    """Return the measurements that come with the package, of the book's examples by default.

    Args:
        name: or "film-reviews".
    """
    return come_along(name, Applications.load)
