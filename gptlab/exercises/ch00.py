"""The checks of chapter 0: what a check does, on two small functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number
from gptlab.generation import Sampling, sample
from gptlab.model import GPT

#: A text and the pieces it was cut into; bytes, letters and pieces differ in number in all.
_CUT = (("naïve café", ["na", "ïve", " ca", "fé"]), ("注意力 ok", ["注", "意力", " ok"]))


@exercise("Fill in bytes_per_token(text, pieces) so that it returns a number.")
def bytes_per_token(answer: Any) -> str:
    """Check a function text, pieces → bytes of UTF-8 that a token stands for on average."""
    for text, pieces in _CUT:
        value = number(call(answer, text, list(pieces)))
        size, letters, count = len(text.encode()), len(text), len(pieces)
        if close(value, size / count):
            continue
        mistakes = (
            (letters / count, "That is letters a token. A letter such as ï has two bytes."),
            (count / size, "That is turned round: tokens a byte."),
            (count / letters, "That is tokens a letter. Asked for are bytes a token."),
            (size, "Those are the bytes of the whole text; how many tokens share them?"),
            (count, "Those are the tokens; how many bytes does one of them stand for?"),
        )
        name_mistake(value, mistakes)
        raise Wrong(
            f"For {text!r}, cut into {count} pieces, you return {value:.4f}. Count the bytes of "
            f"the text in UTF-8, and divide."
        )
    return "The more bytes a token stands for, the fewer steps a text takes."


@exercise("Fill in write(model, ids, count) so that it returns a list of ids.")
def write(answer: Any) -> str:
    """Check a function model, ids, count → the ids with ``count`` likeliest ones behind them."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = GPT(
            GPTConfig(vocab_size=40, n_ctx=24, n_layer=2, n_head=2, n_embd=16, init_std=0.4)
        )
        model.eval()
    for ids, count in (([5, 11, 2], 6), ([7], 4), ([1, 2, 3, 4], 0)):
        found = _ids(call(answer, model, list(ids), count), ids)
        new = list(sample(model, torch.tensor(ids), Sampling(count, temperature=0)))
        if found == [*ids, *new]:
            continue
        _name_the_mistake(model, ids, new, found)
        raise Wrong(
            f"From the ids {ids} you go on with {found[len(ids) :]}, and the likeliest are {new}. "
            "In each round: all ids so far into the model, the last place's logits, the largest."
        )
    return "This loop is all that writing is; the rest is how the next id is chosen."


def _ids(value: Any, ids: list[int]) -> list[int]:
    if isinstance(value, Tensor) and value.dim() == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple) or not all(
        isinstance(one, int | Tensor) and not isinstance(one, bool) for one in value
    ):
        raise Wrong(f"Return a list of ids, not {type(value).__name__}.")
    if any(isinstance(one, Tensor) and (one.numel() != 1 or one.is_complex()) for one in value):
        raise Wrong("One of the ids is a tensor with more than one number in it.")
    return [int(one) for one in value]


def _name_the_mistake(model: GPT, ids: list[int], new: list[int], found: list[int]) -> None:
    if found == new and ids:
        raise Wrong("Those are the new ids alone; return them with the given ones before them.")
    if found == ids and new:
        raise Wrong("The ids come back as they were: nothing was written.")
    if found[: len(ids)] != ids:
        raise Wrong(f"What is returned does not begin with the ids given, {ids}.")
    if len(found) != len(ids) + len(new):
        raise Wrong(f"{len(found) - len(ids)} ids were written, and {len(new)} were asked for.")
    if found == _only_the_last(model, ids, len(new)):
        raise Wrong(
            "Each id is chosen by the one before it alone, as a table of pairs would. Give the "
            "model all ids so far."
        )
    if len(set(found[len(ids) :])) == 1 and found[len(ids)] == new[0]:
        raise Wrong("The first new id is right, and then it stays: it must be read in its turn.")


@torch.no_grad()
def _only_the_last(model: GPT, ids: list[int], count: int) -> list[int]:
    written = list(ids)
    for _ in range(count):
        written.append(int(model(torch.tensor([written[-1:]]))[0, -1].argmax()))
    return written
