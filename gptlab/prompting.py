"""Changing the context for a task: worked examples before a question, and no weight moves.

Zero, one or a few examples stand in the context (Brown et al. 2020, section 2); an answer is chosen
by how likely the model finds it, or written by `gptlab.generate` with a stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.model import GPT
from gptlab.runtime.checks import whole_number
from gptlab.runtime.modes import evaluating
from gptlab.tokenizer import Tokenizer

#: A worked example: a question and its answer.
Shot = tuple[str, str]

#: How answers of different lengths are compared (Brown et al. 2020, section 2.4). "sum": by their
#: log-probability as it is, which favours short ones. "token": by its mean over the tokens. "lift":
#: by how much likelier the context makes them than an empty question would.
Compared = Literal["sum", "token", "lift"]


@dataclass(frozen=True)
class Layout:
    """How questions and answers are written one after the other.

    Attributes:
        question: with ``{}`` for the question's text; ends where the answer begins.
        answer: with ``{}`` for the answer's text. A space before it belongs here, not at the end of
            the question: byte-level BPE joins it to the word.
        between: what separates two examples.
        instruction: what stands before all of them.

    Raises:
        ValueError: if question or answer has no ``{}``, or more than one.
    """

    question: str = "Q: {}\nA:"
    answer: str = " {}"
    between: str = "\n\n"
    instruction: str = ""

    def __post_init__(self) -> None:
        for name in ("question", "answer"):
            value = getattr(self, name)
            if value.count("{}") != 1:
                raise ValueError(f"{name} is {value!r}; it needs {{}} once, where the text goes.")

    def ask(self, question: str) -> str:
        """Write a question, up to where its answer begins."""
        return self.question.replace("{}", question)

    def tell(self, answer: str) -> str:
        """Write an answer, as it follows its question."""
        return self.answer.replace("{}", answer)

    def context(self, shots: Sequence[Shot], question: str) -> str:
        """Write the examples and then the question, up to where its answer begins."""
        told = (self.ask(q) + self.tell(a) + self.between for q, a in shots)
        return self.instruction + "".join(told) + self.ask(question)


def draw_shots(pool: Sequence[Shot], k: int, seed: int) -> list[Shot]:
    """Draw k different examples in an order of their own, both decided by the seed.

    Raises:
        ValueError: if there are not so many.
    """
    whole_number("k", k, most=len(pool))
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))
    return [pool[place] for place in order[:k].tolist()]


def fitting(
    shots: Sequence[Shot], question: str, layout: Layout, tokenizer: Tokenizer, room: int
) -> list[Shot]:
    """Return the last of the examples that fit into so many tokens together with the question.

    Args:
        shots: in the order in which they would stand.
        question: what comes after them.
        layout: how all of it is written.
        tokenizer: the model's.
        room: tokens at most; the model's ``n_ctx`` less what the answer needs.

    Raises:
        ValueError: if not even the question fits.
    """
    for first in range(len(shots) + 1):
        needed = len(tokenizer.encode(layout.context(shots[first:], question)))
        if needed <= room:
            return list(shots[first:])
    raise ValueError(
        f"the question alone takes {needed} tokens, and there is room for {room}; shorten it, or "
        f"use a model with a longer context."
    )


@torch.no_grad()
def log_probabilities(
    model: GPT,
    tokenizer: Tokenizer,
    before: str,
    ends: Sequence[str],
    *,
    from_start: bool = False,
) -> tuple[Tensor, Tensor]:
    """Measure how likely the model finds each of several ends of a text.

    Args:
        model: read in evaluation mode and left as it was.
        tokenizer: the model's.
        before: what stands before them; what does not fit the model's context is cut from the left.
        ends: the texts, none of them empty; tokens are not joined across the border.
        from_start: put the token that begins a document before the text.

    Returns:
        their log-probabilities in nats (n,), summed over the tokens, and their tokens (n,).

    Raises:
        ValueError: if an end is empty, or none is given, or one is longer than the context.
    """
    told = [tokenizer.encode(end) for end in ends]
    if not told or not all(told):
        raise ValueError(f"ends is {list(ends)!r}; give at least one, none of them empty.")
    longest = max(map(len, told))
    keep = model.config.n_ctx + 1 - longest
    if keep < 1:
        raise ValueError(
            f"an end has {longest} tokens, but the model's n_ctx is {model.config.n_ctx}; ask for "
            f"shorter ones."
        )
    read = tokenizer.encode(before)
    if from_start or not read:
        read = [tokenizer.start_id, *read]
    read = read[-keep:]
    rows = [read + end + [0] * (longest - len(end)) for end in told]
    tokens = torch.tensor(rows, device=model.device)  # (n, T)
    with evaluating(model):
        logprobs = F.log_softmax(model(tokens[:, :-1]).float(), -1)  # (n, T - 1, V)
    of_each = logprobs.gather(-1, tokens[:, 1:, None])[:, len(read) - 1 :, 0]  # (n, longest)
    lengths = torch.tensor([len(end) for end in told])
    counted = torch.arange(longest) < lengths[:, None]  # (n, longest)
    return (of_each.cpu() * counted).sum(1), lengths


def scores(
    model: GPT,
    tokenizer: Tokenizer,
    shots: Sequence[Shot],
    question: str,
    answers: Sequence[str],
    layout: Layout | None = None,
    compared: Compared = "token",
) -> Tensor:
    """Score the possible answers to a question: (n,), in nats, higher for likelier.

    Args:
        model: read in evaluation mode and left as it was.
        tokenizer: the model's.
        shots: worked examples, in the order in which they stand; none is zero-shot.
        question: what is asked.
        answers: what may be answered.
        layout: how all of it is written.
        compared: how answers of different lengths are compared.
    """
    if compared not in get_args(Compared):
        names = ", ".join(get_args(Compared))
        raise ValueError(f"compared is {compared!r}; it must be one of {names}.")
    layout = layout or Layout()
    ends = [layout.tell(answer) for answer in answers]
    sums, lengths = log_probabilities(model, tokenizer, layout.context(shots, question), ends)
    if compared == "token":
        return sums / lengths
    if compared == "lift":
        return sums - log_probabilities(model, tokenizer, layout.context([], ""), ends)[0]
    return sums
