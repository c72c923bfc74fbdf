"""What the applications have in common: examples in three parts, a metric, baselines.

A question and its answer are both text. Where the answers are labels, a model scores them
(`gptlab.finetuning`); elsewhere it writes them (`gptlab.answering`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gptlab.prompting import Layout, Shot

#: Says how good answers are, from 0 to 1: (answers, the right ones).
Metric = Callable[[Sequence[str], Sequence[str]], float]


@dataclass(frozen=True)
class Parts:
    """Questions with their answers, in three parts that share no question.

    Attributes:
        train: what is learned from.
        validation: what is looked at on the way.
        test: what the result is measured on, once.
        left_out: what a file held and is not in any part, in words.

    Raises:
        ValueError: if a part is empty, or a question stands in two.
    """

    train: tuple[Shot, ...]
    validation: tuple[Shot, ...]
    test: tuple[Shot, ...]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        asked = {name: {q for q, _ in getattr(self, name)} for name in _PARTS}
        for name, questions in asked.items():
            if not questions:
                raise ValueError(f"there is no example in {name}; each part needs some.")
        for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
            if shared := asked[one] & asked[other]:
                raise ValueError(
                    f"{len(shared)} of the questions stand in {one} and in {other}, the first "
                    f"{min(shared)!r}; what is measured must not have been seen."
                )


_PARTS = ("train", "validation", "test")

#: Answers to the test questions by other means: from the parts, of which it may learn from train.
Baseline = Callable[[Parts], list[str]]


@dataclass(frozen=True)
class Application:
    """One thing that people use a language model for.

    Attributes:
        name: as the command line has it.
        parts: its own data, made or read offline.
        metric: what `score` is called.
        score: how good answers are, from 0 to 1.
        baselines: how to answer without a network, by name; the first is the one to beat.
        layout: how a question and its answer are written.
        by_label: whether the answers are labels, of which one is chosen.
        n_ctx: tokens an example may have.
        max_new_tokens: of a written answer.
    """

    name: str
    parts: Callable[[], Parts]
    metric: str
    score: Metric
    baselines: dict[str, Baseline]
    layout: Layout = field(default_factory=Layout)
    by_label: bool = False
    n_ctx: int = 128
    max_new_tokens: int = 32

    def measure(self, answers: Sequence[str], pairs: Sequence[Shot]) -> float:
        """Score answers to the questions of some pairs, from 0 to 1.

        Raises:
            ValueError: if there is not one answer to each.
        """
        if len(answers) != len(pairs) or not pairs:
            raise ValueError(f"there are {len(answers)} answers to {len(pairs)} questions.")
        return self.score(answers, [right for _, right in pairs])
