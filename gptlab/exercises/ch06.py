"""The checks of chapter 6: weights for `transformers`, BLEU from its counts."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from gptlab import huggingface
from gptlab.config import preset
from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number
from gptlab.model import GPT

_TINY = {"vocab_size": 11, "n_ctx": 6, "n_layer": 2, "n_head": 2, "n_embd": 8, "init_std": 0.5}


def _tiny() -> GPT:
    """Return a small GPT-2 whose weights all differ, biases and gains too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        model = GPT(preset("gpt2-tiny", **_TINY))
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() == 1:
                    weight.add_(0.5 * torch.randn(weight.shape))
    return model


@lru_cache(maxsize=1)
def _pairs() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the same model's weights by our names and by those of `transformers`."""
    model = _tiny()
    with torch.random.fork_rng(devices=[]):  # theirs draws weights before it gets ours
        theirs = huggingface.to_transformers(model).state_dict()
    return dict(model.state_dict()), theirs


@exercise("Fill in to_theirs(name, weight) so that it returns their name and their tensor.")
def to_theirs(answer: Any) -> str:
    """Check a function (our name, our tensor) → (GPT-2's name in `transformers`, its tensor)."""
    ours, theirs = _pairs()
    for name, weight in ours.items():
        result = call(answer, name, weight)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Wrong(f"Return two things, a name and a tensor, not {type(result).__name__}.")
        said, value = result
        if isinstance(said, Tensor) and isinstance(value, str):
            raise Wrong("The other way round: the name first, then the tensor.")
        if not isinstance(said, str) or not isinstance(value, Tensor):
            raise Wrong(
                f"Return a name and a tensor, not {type(said).__name__} and {type(value).__name__}."
            )
        _judge_name(name, said, set(theirs))
        _judge_weight(name, weight, value, theirs[said])
    return f"All {len(ours)} tensors have their place, the square ones among them turned too."


def _judge_name(name: str, said: str, theirs: set[str]) -> None:
    right = huggingface.their_name(name, preset("gpt2-tiny"))
    if said == right:
        return
    if said == name:
        raise Wrong(
            f"{name} is called otherwise there: all but the output layer stands in a module of "
            f"its own, and its name in front. See the list above the exercise."
        )
    if name.startswith("lm_head"):
        raise Wrong(f"The output layer, {name}, stands outside: you call it {said!r}.")
    if said in theirs:
        raise Wrong(f"{said!r} is there, but it is not the place of {name}.")
    raise Wrong(f"For {name} you return {said!r}, and there is no such name among theirs.")


def _judge_weight(name: str, weight: Tensor, value: Tensor, right: Tensor) -> None:
    if value.shape == right.shape and torch.equal(value, right):
        return
    turned = not torch.equal(weight, right)
    if turned and value.shape == weight.shape and torch.equal(value, weight):
        is_square = weight.size(0) == weight.size(1)
        hint = " It is square, so its shape does not tell." if is_square else ""
        raise Wrong(f"{name} is (out, in) here and (in, out) there: it has to be turned.{hint}")
    if weight.dim() == 2 and not turned and torch.equal(value, weight.T):
        raise Wrong(
            f"{name} stays as it is. Only the weights of linear layers inside the blocks are kept "
            f"as (in, out) there."
        )
    if value.shape != right.shape:
        raise Wrong(
            f"{name} has shape {tuple(value.shape)} for you; theirs is {tuple(right.shape)}."
        )
    raise Wrong(f"{name} has the right name and shape, but other numbers.")


@exercise("Fill in bleu(matches, totals, answer_length, reference_length); it returns a number.")
def bleu(answer: Any) -> str:
    """Check a function of counts → BLEU from 0 to 1 (Papineni et al. 2002, section 2.3)."""
    from sacrebleu.metrics.bleu import BLEU

    cases = [
        ([7, 4, 2, 1], [9, 8, 7, 6], 9, 7),  # longer than the reference
        ([7, 4, 2, 1], [9, 8, 7, 6], 9, 12),  # too short
        ([8, 5, 4, 1], [10, 9, 8, 7], 10, 10),
    ]
    for matches, totals, length, reference in cases:
        value = number(call(answer, list(matches), list(totals), length, reference))
        right = BLEU.compute_bleu(matches, totals, length, reference, "none").score / 100
        if not close(value, right):
            _judge_bleu(value, right, matches, totals, length, reference)
    try:
        nothing = number(call(answer, [5, 2, 0, 0], [6, 5, 4, 3], 6, 6))
    except (ValueError, ZeroDivisionError):
        raise Wrong(
            "Right where there are matches of every length. With none of three or four words in a "
            "row, a precision is 0, and 0 has no logarithm. What is BLEU then?"
        ) from None
    if nothing != 0:
        raise Wrong(
            f"Right where there are matches of every length. Without any of three or four words "
            f"you return {nothing:.4f}: a geometric mean with a 0 in it is 0."
        )
    return "Four precisions, their geometric mean, and a price for saying less."


def _judge_bleu(
    value: float, right: float, matches: list[int], totals: list[int], length: int, reference: int
) -> None:
    """Compare with what the common mistakes would give."""
    shares = [match / total for match, total in zip(matches, totals, strict=True)]
    mean = math.prod(shares) ** (1 / len(shares))
    penalty = min(1.0, math.exp(1 - reference / length))
    mistakes: list[tuple[float, str]] = [
        (100 * right, "That goes to 100; here BLEU goes from 0 to 1."),
        (mean, "The penalty for short answers is missing."),
        (
            mean * math.exp(1 - reference / length),
            "An answer longer than its reference gains by it. The penalty is never above 1.",
        ),
        (
            mean * min(1.0, math.exp(1 - length / reference)),
            "The penalty is upside down: long answers pay, short ones do not.",
        ),
        (
            mean * min(1.0, length / reference),
            "The penalty is the ratio of the lengths itself. Where does the exponential go?",
        ),
        (penalty * sum(shares) / 4, "That is the arithmetic mean of the precisions."),
        (penalty * math.prod(shares), "That is the product of the precisions; a root is missing."),
        (
            penalty * sum(matches) / sum(totals),
            "All matches over all totals: long pieces, which are few, then count for little.",
        ),
        (penalty * shares[0], "Those are the single words alone; there are four precisions."),
        (penalty, "That is the penalty alone."),
    ]
    name_mistake(value, mistakes)
    raise Wrong(
        f"For matches {matches} of {totals}, {length} words against {reference}, you return "
        f"{value:.4f}. First four precisions, then their geometric mean, then the penalty."
    )
