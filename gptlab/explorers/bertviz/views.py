"""Attention and tokens to bertviz's head and model view; and what they show, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gptlab.explorers.bertviz.inputs import (
    MAX_LINES,
    MAX_WEIGHTS,
    HasAttention,
    check_size,
    checked,
    chosen,
    counted,
    out_of,
)
from gptlab.explorers.bertviz.page import make_view
from gptlab.show.frame import View
from gptlab.show.links import strongest_link

# bertviz draws a model view this wide, minus the axis; all in pixels.
_WIDTH, _AXIS, _DETAIL = 970, 38, 300
# A model view's height where it can be had by narrower pictures.
_GOOD_HEIGHT = 560
_LINES = (
    "Lines run from each token, on the left, to those it reads, on the right; the stronger, the "
    "more attention."
)
_HEAD_HINT = (
    f"{_LINES} Choose a layer. Click a numbered square to hide or show that head, double-click to "
    "see it alone. Point at a token to see only its lines."
)
_MODEL_HINT = (
    f"A row for each layer, a column for each head. {_LINES} Click a picture to read its tokens, "
    "click it again to close it."
)


def head_view(
    attention: Tensor | HasAttention,
    tokens: Sequence[str],
    *,
    layer: int | None = None,
    heads: Sequence[int] | None = None,
    include_layers: Sequence[int] | None = None,
) -> View:
    """Show one layer's heads over each other, as lines from token to token.

    Args:
        attention: weights (layer, head, query, key) of one sequence, or a trace that has them.
        tokens: one string for each of its tokens.
        layer: the layer shown first, by default the first there is.
        heads: the heads shown first, by default all.
        include_layers: layers to choose among, by default all.

    Raises:
        ValueError: for a wrong shape, rows that do not sum to 1, another number of tokens, a layer
            or head that is not there, or more than a browser draws at ease.
    """
    weights, names = checked(attention, tokens)
    n_layer, n_head, n_token, _ = weights.shape
    layers = chosen("include_layers", include_layers, n_layer)
    shown_heads = chosen("heads", heads, n_head)
    if layer is not None and layer not in layers:
        raise ValueError(f"layer is {layer}; choose one of the layers in the view, {layers}.")
    check_size(
        "lines",
        f"{n_head} heads × {n_token}²",
        n_head * n_token**2,
        MAX_LINES,
        "a shorter text",
    )
    check_size(
        "weights",
        f"{len(layers)} layers × {n_head} heads × {n_token}²",
        len(layers) * n_head * n_token**2,
        MAX_WEIGHTS,
        "fewer layers with include_layers=[…], or a shorter text",
    )
    import bertviz  # here, so that importing gptlab's modules stays light

    drawn = bertviz.head_view(
        weights[:, None].unbind(),
        names,
        prettify_tokens=False,
        layer=layer,
        heads=shown_heads,
        include_layers=layers,
        html_action="return",
    )
    strongest = strongest_link(weights[layers], names, layers)
    size = (
        f"{out_of(layers, n_layer, 'layer')} × {counted(n_head, 'head')} "
        f"over {counted(n_token, 'token')}"
    )
    # bertviz: 30 pixels for the squares, 22.5 a token; then the text above and below.
    height = int(150 + 22.5 * n_token)
    return make_view("head", size, strongest, _HEAD_HINT, drawn.data, height, {})


def model_view(
    attention: Tensor | HasAttention,
    tokens: Sequence[str],
    *,
    include_layers: Sequence[int] | None = None,
    include_heads: Sequence[int] | None = None,
) -> View:
    """Show every head of every layer at a glance, a small picture each.

    Args:
        attention: weights (layer, head, query, key) of one sequence, or a trace that has them.
        tokens: one string for each of its tokens.
        include_layers: the layers to show, by default all.
        include_heads: the heads to show, by default all.

    Raises:
        ValueError: as for `head_view`.
    """
    weights, names = checked(attention, tokens)
    n_layer, n_head, n_token, _ = weights.shape
    layers = chosen("include_layers", include_layers, n_layer)
    heads = chosen("include_heads", include_heads, n_head)
    check_size(
        "lines",
        f"{len(layers)} layers × {len(heads)} heads × {n_token}²",
        len(layers) * len(heads) * n_token**2,
        MAX_LINES,
        "fewer with include_layers=[…] or include_heads=[…], or a shorter text",
    )
    import bertviz  # here, so that importing gptlab's modules stays light

    drawn = bertviz.model_view(
        weights[:, None].unbind(),
        names,
        prettify_tokens=False,
        display_mode="light",  # the page's rules give both themes their colours
        include_layers=layers,
        include_heads=heads,
        html_action="return",
    )
    strongest = strongest_link(weights[layers][:, heads], names, layers, heads)
    links = [[strongest_link(weights[layer, head], names) for head in heads] for layer in layers]
    size = (
        f"{out_of(layers, n_layer, 'layer')} × {out_of(heads, n_head, 'head')} "
        f"over {counted(n_token, 'token')}"
    )
    columns, width, drawing = _model_size(len(layers), len(heads), n_token)
    return make_view(
        "model",
        size,
        strongest,
        _MODEL_HINT,
        drawn.data,
        120 + drawing,
        {"total_heads": columns, "frame_width": width, "links": links},
    )


def _model_size(n_layer: int, n_head: int, n_token: int) -> tuple[int, int, int]:
    """Choose how many columns bertviz plans for, hence the picture's width and height in pixels.

    bertviz's pictures are as large as fit beside each other: with few heads, a screen high each.
    Planned for more columns than there are heads, they shrink to where all rows are seen at once.
    """

    def height(columns: int) -> float:
        return max(n_layer * (n_token * 84 / columns + 10) + _AXIS, 18 * n_token + 55)

    least = max(n_head, 4)
    columns = next((n for n in range(least, 12) if height(n) <= _GOOD_HEIGHT), max(least, 12))
    column = (_WIDTH - _AXIS) / columns
    # The enlarged picture opens beside its thumbnail, where bertviz finds room.
    width = max(_AXIS + n_head * column, _AXIS + (n_head - 0.2) * column + 10 + _DETAIL)
    return columns, min(int(width), _WIDTH), int(height(columns))
