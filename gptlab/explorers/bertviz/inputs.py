"""What every view checks before bertviz draws it: attention, tokens, numbers, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from gptlab.text.bpe import printable

#: Lines a view draws at once; this many take a browser about a second on two CPU cores.
MAX_LINES = 20_000
#: Weights a head view carries for all its layers, about 6 bytes each.
MAX_WEIGHTS = 150_000

# Row sums of 16-bit weights stray by some thousandths.
_SUM_TOLERANCE = 0.02


class HasAttention(Protocol):
    """Anything that keeps attention as a trace does."""

    @property
    def attention(self) -> Tensor:
        """Weights (layer, head, query, key) of one sequence."""


def checked(attention: Tensor | HasAttention, tokens: Sequence[str]) -> tuple[Tensor, list[str]]:
    """Return weights (L, H, T, T), rounded for the page, and printable tokens, or say why not."""
    weights = attention if isinstance(attention, Tensor) else getattr(attention, "attention", None)
    if not isinstance(weights, Tensor):
        raise ValueError(
            f"attention is a {type(attention).__name__}; it must be a tensor (layer, head, query, "
            "key), or a trace. From a tuple with one (1, head, query, key) a layer: torch.cat(it)."
        )
    if weights.dim() != 4 or 0 in weights.shape or weights.size(2) != weights.size(3):
        raise ValueError(
            f"attention has shape {tuple(weights.shape)}; it must be (layer, head, query, key) of "
            "one sequence, with as many queries as keys and none of them 0."
        )
    if isinstance(tokens, str) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(
            "tokens must be a list of strings, one for each token: tokenizer.tokens(ids)."
        )
    if len(tokens) != weights.size(2):
        raise ValueError(
            f"there are {len(tokens)} tokens for attention over {weights.size(2)}; give one string "
            "for each token of the sequence."
        )
    weights = weights.detach().cpu().double()
    wrong = ~((weights.sum(-1) - 1).abs() <= _SUM_TOLERANCE) | (weights < 0).any(-1)  # (L, H, T)
    if wrong.any():
        layer, head, query = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"attention of layer {layer} head {head} query {query} sums to "
            f"{weights[layer, head, query].sum().item():.3f} with a smallest weight of "
            f"{weights[layer, head, query].min().item():.3f}; weights after the softmax sum to 1 "
            "and none is negative."
        )
    names = [printable(token.encode("utf-8", errors="surrogatepass")) for token in tokens]
    return weights.round(decimals=4), names


def chosen(name: str, wanted: Sequence[int] | None, count: int) -> list[int]:
    """Return the numbers asked for, all by default, or say which there are."""
    numbers = list(range(count)) if wanted is None else [int(number) for number in wanted]
    if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= set(range(count)):
        raise ValueError(
            f"{name} is {numbers}; give at least one of the numbers 0 to {count - 1}, each once."
        )
    return numbers


def check_size(what: str, sum_of: str, total: int, limit: int, way_out: str) -> None:
    """Refuse more than a browser draws at ease, and say what to leave out."""
    if total > limit:
        raise ValueError(
            f"this view has {sum_of} = {total:,} {what}; a browser draws up to {limit:,} at ease. "
            f"Choose {way_out}."
        )


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: 1 head, 2 heads."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def out_of(some: Sequence[int], count: int, noun: str) -> str:
    """Say how many, and of how many where some are left out."""
    return counted(count, noun) if len(some) == count else f"{len(some)} of {counted(count, noun)}"
