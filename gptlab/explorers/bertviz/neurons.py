"""bertviz's neuron view: a head's queries and keys, number by number, to the weights they make."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Protocol

from torch import Tensor

from gptlab.explorers.bertviz.inputs import (
    MAX_LINES,
    MAX_WEIGHTS,
    check_size,
    checked,
    chosen,
    counted,
    out_of,
)
from gptlab.explorers.bertviz.page import make_view
from gptlab.show.frame import View
from gptlab.show.links import strongest_link

_HINT = (
    "Choose a layer and a head. Lines run from each token, on the left, to those it reads. Point "
    "at a token to see only its lines, click it to see its query, the keys, their product number "
    "by number and the sum; click it again to go back. Blue is above zero, orange below."
)


class HasNeurons(Protocol):
    """Anything that keeps attention, queries and keys as a trace does."""

    @property
    def attention(self) -> Tensor:
        """Weights (layer, head, query, key) of one sequence."""

    @property
    def queries(self) -> Tensor:
        """Vectors (layer, head, query, D)."""

    @property
    def keys(self) -> Tensor:
        """Vectors (layer, head, key, D)."""


def neuron_view(
    trace: HasNeurons,
    tokens: Sequence[str],
    *,
    layer: int | None = None,
    head: int | None = None,
    include_layers: Sequence[int] | None = None,
    include_heads: Sequence[int] | None = None,
) -> View:
    """Show how one head's weights come about: query times key, number by number.

    Args:
        trace: a trace, or anything with its attention, queries and keys.
        tokens: one string for each token of the sequence.
        layer: the layer shown first, by default the first there is.
        head: the head shown first, by default the first there is.
        include_layers: layers to choose among, by default all.
        include_heads: heads to choose among, by default all.

    Raises:
        ValueError: as for `head_view`, and for queries or keys that do not fit the attention.
    """
    weights, names = checked(trace, tokens)
    n_layer, n_head, n_token, _ = weights.shape
    queries, keys = (_vectors(trace, name, weights) for name in ("queries", "keys"))
    width = queries.size(-1)
    if keys.size(-1) != width:
        raise ValueError(
            f"queries have {width} numbers each and keys {keys.size(-1)}; a score is their dot "
            "product, so both need as many."
        )
    layers = chosen("include_layers", include_layers, n_layer)
    heads = chosen("include_heads", include_heads, n_head)
    first = [
        _place(name, number, among)
        for name, number, among in (("layer", layer, layers), ("head", head, heads))
    ]
    check_size(
        "rectangles and lines",
        f"5 × {n_token}² + 3 × {n_token} × {width}",
        5 * n_token**2 + 3 * n_token * width,
        MAX_LINES,
        "a shorter text",
    )
    check_size(
        "numbers",
        f"{len(layers)} layers × {len(heads)} heads × {n_token} × ({n_token} + 2 × {width})",
        len(layers) * len(heads) * n_token * (n_token + 2 * width),
        MAX_WEIGHTS,
        "fewer with include_layers=[…] or include_heads=[…], or a shorter text",
    )
    picked = [one[layers][:, heads] for one in (weights, queries, keys)]
    strongest = strongest_link(picked[0], names, layers, heads)
    size = (
        f"{out_of(layers, n_layer, 'layer')} × {out_of(heads, n_head, 'head')} "
        f"over {counted(n_token, 'token')}"
    )
    # bertviz: 26 pixels a token and 100 around them; then the menus and the text above and below.
    return make_view(
        "neuron",
        size,
        strongest,
        _HINT,
        _drawn(picked, names, *first),
        240 + 26 * n_token,
        {"include_layers": layers, "include_heads": heads},
    )


def _vectors(trace: HasNeurons, name: str, weights: Tensor) -> Tensor:
    """Return queries or keys (L, H, T, D), rounded for the page, or say what they are instead."""
    vectors = getattr(trace, name, None)
    if not isinstance(vectors, Tensor):
        raise ValueError(
            f"the neuron view needs {name} beside the attention: hand over a trace, "
            "model.trace(ids), or an object with attention, queries and keys."
        )
    if vectors.dim() != 4 or vectors.shape[:3] != weights.shape[:3] or vectors.size(-1) == 0:
        raise ValueError(
            f"{name} has shape {tuple(vectors.shape)}; for attention {tuple(weights.shape)} it "
            f"must be {tuple(weights.shape[:3])} and one more axis, the numbers of a vector."
        )
    vectors = vectors.detach().cpu().double()
    if not vectors.isfinite().all():
        raise ValueError(f"{name} holds numbers that are not finite; nothing can draw those.")
    return vectors.round(decimals=4)


def _place(name: str, number: int | None, among: list[int]) -> int:
    """Return where a layer or head stands among those in the view."""
    if number is None:
        return 0
    if number not in among:
        raise ValueError(f"{name} is {number}; choose one of those in the view, {among}.")
    return among.index(number)


def _drawn(picked: list[Tensor], names: list[str], layer: int, head: int) -> str:
    """Return bertviz's page.

    bertviz asks a model and a tokenizer of its own for everything, so it is given two that answer
    what is known already.
    """
    from bertviz import neuron_view  # here, so that importing gptlab's modules stays light

    answers = [
        {"attn": attn[None], "queries": q[None], "keys": k[None]}  # (1, H, T, …) each
        for attn, q, k in zip(*picked, strict=True)
    ]
    model = _Answering(answers)
    ids = list(range(len(names)))
    tokenizer = SimpleNamespace(tokenize=lambda _: names, convert_tokens_to_ids=lambda _: ids)
    drawn: str = neuron_view.show(
        model,
        "gpt2",  # the one of its types that reads in one direction and adds no tokens
        tokenizer,
        "the text",
        display_mode="light",  # the page's rules give both themes their colours
        layer=layer,
        head=head,
        html_action="return",
    ).data
    return drawn


class _Answering:
    """Looks to bertviz like a model whose pass has been made."""

    def __init__(self, answers: list[dict[str, Tensor]]) -> None:
        self._answers = answers

    def eval(self) -> None:
        pass

    def __call__(self, ids: Tensor) -> tuple[Any, ...]:
        return (self._answers,)
