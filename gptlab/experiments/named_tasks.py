"""GPT-2's claim in small: a task is told in the text, and one that was never told is asked for.

Lines such as "reverse upper: abcd = DCBA" name one or two things to do with four letters. A model
that reads them as text estimates p(answer | input, task) (Radford et al. 2019, section 2). Some
pairs of names stand in no line; asked for one of them, the model has the parts and not the whole.
Beside it: the same text without names, and the same lines as rows of as many tasks learned at once
with the loss of the answer alone, which is multi-task fine-tuning and what GPT-2 did without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gptlab.answering import Answers, AnswerTuning
from gptlab.config import GPTConfig, preset
from gptlab.corpora import Corpus, from_text
from gptlab.experiments.kept import Kept, come_along, measure_ways
from gptlab.model import GPT
from gptlab.prompting import Layout, Shot
from gptlab.runtime.device import describe_machine
from gptlab.runtime.progress import tell
from gptlab.settings import MUON_RATE, TrainSettings
from gptlab.tokenizer import CharTokenizer
from gptlab.training import train

_LETTERS = "abcdefgh"
_NEXT = str.maketrans("abcdefghABCDEFGH", "bcdefghaBCDEFGHA")
#: What can be asked for, by its name. Two change the letters and two their order.
ACTIONS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "next": lambda word: word.translate(_NEXT),
    "reverse": lambda word: word[::-1],
    "turn": lambda word: word[1:] + word[0],
}
Names = tuple[str, ...]
#: Pairs that no line names, in either order; each of their parts stands in many others.
UNTOLD: tuple[Names, ...] = (
    *permutations(("reverse", "next")),
    *permutations(("turn", "upper")),
)
#: The tasks that lines name.
TOLD: tuple[Names, ...] = (
    *((name,) for name in ACTIONS),
    *(pair for pair in permutations(ACTIONS, 2) if pair not in UNTOLD),
)

#: As text that names its tasks; as text that does not; as rows graded on the answer alone.
WAYS = NAMED, NAMELESS, AT_ONCE = "named in the text", "not named", "tasks learned at once"
#: What is asked: words that no line holds, for tasks that lines name and for those that none does.
GROUPS = KNOWN, NEW = "told tasks", "untold pairs"

TOKENIZER = CharTokenizer.from_text("\n :=" + _LETTERS + _LETTERS.upper() + "".join(ACTIONS))
LINES = 44_352  # 12 tasks with 3,696 words each
_HELD_OUT = 400  # words of the 4,096
_LINE = 32  # characters that any line and its end fit in


def do(names: Names, word: str) -> str:
    """Do one thing after the other with a word."""
    for name in names:
        word = ACTIONS[name](word)
    return word


def layout(names: Names) -> Layout:
    """Return how a task is asked for by its names; without any it is not named."""
    return Layout(f"{' '.join(names)}: {{}} =" if names else "{} =", " {}", "\n")


def words(held_out: bool) -> list[str]:
    """Return the words that lines are made of, or those that are only asked about."""
    every = ["".join(letters) for letters in product(_LETTERS, repeat=4)]
    order = np.random.default_rng(0).permutation(len(every)).tolist()
    return [every[i] for i in (order[:_HELD_OUT] if held_out else order[_HELD_OUT:])]


def text(seed: int, way: str = NAMED, count: int = LINES) -> Corpus:
    """Return told tasks with words, a line each, in an order decided by the seed.

    Args:
        seed: of the choice and the order.
        way: one of `WAYS`.
        count: so many lines.
    """
    made = [
        how.ask(word) + how.tell(do(names, word))
        for names in TOLD
        for how in [layout(() if way == NAMELESS else names)]
        for word in words(held_out=False)
    ]
    order = np.random.default_rng(seed).permutation(len(made))[:count]
    return from_text("\n".join(made[i] for i in order.tolist()), TOKENIZER, val_fraction=0.02)


def at_once(count: int | None = None) -> AnswerTuning:
    """Return all told tasks as one objective: rows, graded on their answers.

    Args:
        count: so many words of each task; by default all but those that are validated on.
    """
    known = words(held_out=False)
    learned, looked_at = known[:-20][:count], known[-20:]

    def pairs(names: Names, some: Sequence[str]) -> list[Shot]:
        return [(word, do(names, word)) for word in some]

    def one(names: Names, also: Sequence[AnswerTuning] = ()) -> AnswerTuning:
        how = Answers(TOKENIZER, layout(names), _LINE)
        return AnswerTuning(how, pairs(names, learned), pairs(names, looked_at), also)

    first, *others = TOLD
    return one(first, [one(names) for names in others])


def shape() -> GPTConfig:
    """Return the model's: a GPT-2 of three layers, 0.3M parameters."""
    return preset(
        "gpt2-tiny", vocab_size=TOKENIZER.vocab_size, n_layer=3, n_embd=96, n_ctx=2 * _LINE
    )


def ask(model: GPT, names: Names, asked: Sequence[str], named: bool = True) -> list[str]:
    """Return what a model writes when it is asked to do something with words."""
    how = Answers(TOKENIZER, layout(names if named else ()), _LINE)
    return how.write(model, asked, max_new_tokens=8)


@dataclass(frozen=True)
class Measured:
    """One model, asked about words it has not met.

    Attributes:
        way: one of `WAYS`.
        seed: of the weights and the order of the lines.
        right: share of right answers, by group.
        by_task: the same by task, its names joined by a space.
        halves: of the answers to untold pairs, the share that is what the first of the two alone
            gives, or the second alone.
        seconds: of training.
    """

    way: str
    seed: int
    right: dict[str, float]
    by_task: dict[str, float]
    halves: float
    seconds: float = 0.0


@dataclass
class NamedTasks(Kept):
    """All that was measured, kept as JSON."""

    kind = Measured

    machine: dict[str, Any]
    measured: list[Measured] = field(default_factory=list)

    def of(self, way: str) -> list[Measured]:
        """Return the runs of one way, one a seed."""
        return [one for one in self.measured if one.way == way]


def examine(model: GPT, way: str, seed: int, tested: int = 100) -> Measured:
    """Ask a model for every task, on ``tested`` words that no line holds."""
    asked = words(held_out=True)[:tested]
    written = {names: ask(model, names, asked, way != NAMELESS) for names in TOLD + UNTOLD}
    share = {
        names: _share(answers, [{do(names, word)} for word in asked])
        for names, answers in written.items()
    }
    halves = [
        _share(written[names], [{do((name,), word) for name in names} for word in asked])
        for names in UNTOLD
    ]
    return Measured(
        way,
        seed,
        {group: _mean([share[n] for n in of]) for group, of in ((KNOWN, TOLD), (NEW, UNTOLD))},
        {" ".join(names): value for names, value in share.items()},
        _mean(halves),
    )


def measure(
    way: str, seed: int, steps: int = 400, progress: bool = True, count: int | None = None
) -> tuple[GPT, Measured] | None:
    """Train a model in one way and examine it; None where its training was interrupted.

    Args:
        way: one of `WAYS`.
        seed: of the weights and the order of the lines.
        steps: updates of 4,096 characters, or of as many rows as hold about so many.
        progress: show a bar.
        count: lines of the text, or words a task; by default all.
    """
    torch.manual_seed(seed)
    model = GPT(shape())
    settings = TrainSettings(
        steps,
        batch_size=64,
        optimizer="muon",
        learning_rate=MUON_RATE,
        warmup=min(100, steps // 3),
        seed=seed,
        precision="float32",
    )
    if way == AT_ONCE:
        # A line has 23 characters in the mean, its end among them: 178 of them are 4,096.
        rows = replace(settings, batch_size=178)
        history = train(model, at_once(count), rows, progress=progress)
    else:
        history = train(model, text(seed, way, count or LINES), settings, progress=progress)
    if history.interrupted:
        return None
    return model, replace(examine(model, way, seed), seconds=history.seconds)


def record(path: Path, seeds: Sequence[int] = (1, 2, 3), *, resume: bool = False) -> NamedTasks:
    """Measure every way with every seed, and save after each model."""

    def one(way: str, seed: int) -> list[Measured] | None:
        tell(f"{way}, seed {seed}")
        found = measure(way, seed)
        return None if found is None else [found[1]]

    return measure_ways(NamedTasks(describe_machine()), path, WAYS, seeds, one, resume=resume)


def recorded() -> NamedTasks:
    """Return the measurements that come with the package."""
    return come_along("named-tasks", NamedTasks.load)


def _share(answers: Sequence[str], right: Sequence[set[str]]) -> float:
    return _mean([answer in some for answer, some in zip(answers, right, strict=True)])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
