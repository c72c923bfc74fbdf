"""Pictures of attention weights: one head, many heads at a glance, the steps that lead there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from gptlab.show.links import strongest_link
from gptlab.show.picture import Picture, new_figure

# At most so many cells carry their number: more would be unreadable.
_NUMBERED = 12 * 12


def attention_map(weights: Tensor, tokens: Sequence[str], title: str = "") -> Picture:
    """Draw one head's weights: a row a query, a column a key.

    Args:
        weights: (T, T), rows sum to 1.
        tokens: the T printable tokens.
        title: what the picture shows; by default where the strongest link lies.
    """
    weights = _checked(weights, tokens, 2)
    n = len(tokens)
    figure, axes = new_figure(max(4.5, 1.6 + 0.42 * n), max(3.0, 1.4 + 0.4 * n))
    ax = axes[0, 0]
    image = draw_map(ax, weights, tokens)
    link = strongest_link(weights, tokens)
    ax.set(title=title or f"Strongest link: {link}", xlabel="key", ylabel="query")
    figure.colorbar(image, ax=ax, label="attention weight", shrink=0.8)
    return Picture(
        figure, f"Attention of {_count(n, 'token')} to each other; strongest link: {link}."
    )


def draw_map(ax: Axes, weights: Tensor, tokens: Sequence[str]) -> AxesImage:
    """Draw one head's weights (T, T) into axes; where they are few, with their numbers.

    Raises:
        ValueError: if the weights do not fit the tokens.
    """
    weights, places = _checked(weights, tokens, 2), range(len(tokens))
    image = ax.imshow(weights.numpy(), cmap="cividis", vmin=0, vmax=1)
    ax.set_xticks(places, tokens, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(places, tokens)
    if weights.numel() <= _NUMBERED:
        for (i, j), weight in np.ndenumerate(weights.numpy()):
            if weight >= 0.005:
                _write(ax, i, j, f"{weight:.2f}", light=weight > 0.5)
    return image


def attention_grid(
    attention: Tensor,
    tokens: Sequence[str],
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    title: str = "",
) -> Picture:
    """Draw many heads at a glance: a row a layer, a column a head.

    Args:
        attention: (layer, head, query, key), as in a trace.
        tokens: the T printable tokens.
        layers: which layers, by default all.
        heads: which heads, by default all.
        title: what the picture shows.
    """
    attention = _checked(attention, tokens, 4)
    layers = range(attention.size(0)) if layers is None else layers
    heads = range(attention.size(1)) if heads is None else heads
    figure, axes = new_figure(
        1.0 + 1.9 * len(heads), 0.6 + 1.9 * len(layers), len(layers), len(heads)
    )
    for row, layer in enumerate(layers):
        for column, head in enumerate(heads):
            ax = axes[row, column]
            ax.imshow(attention[layer, head].numpy(), cmap="cividis", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.set_title(f"layer {layer} head {head}", fontsize=9)
    figure.supxlabel(f"key: {_span(tokens)}", fontsize=9)
    figure.supylabel("query", fontsize=9)
    figure.suptitle(title or "Every head looks its own way")
    size = (
        f"{_count(len(layers), 'layer')} × {_count(len(heads), 'head')} over "
        f"{_count(len(tokens), 'token')}"
    )
    return Picture(figure, f"{size}. {_previous_token_head(attention, layers, heads)}")


def attention_steps(
    matrices: Mapping[str, Tensor],
    tokens: Sequence[str],
    title: str = "",
    columns: Sequence[str] | None = None,
) -> Picture:
    """Draw small matrices side by side, each with its numbers; −∞ is hatched.

    Args:
        matrices: {what it is: (T, T)}, in the order in which they are computed.
        tokens: names of the rows.
        title: the finding; by default from which matrix to which.
        columns: names of the columns, by default the tokens.
    """
    columns = tokens if columns is None else columns
    names = list(matrices)
    title = title or f"From {names[0]} to {names[-1]}"
    figure, axes = new_figure(
        0.9 + len(names) * (0.9 + 0.56 * len(columns)), 1.5 + 0.5 * len(tokens), 1, len(names)
    )
    for ax, (name, matrix) in zip(axes[0], matrices.items(), strict=True):
        _numbers(ax, matrix.detach().cpu())
        ax.set_title(name, fontsize=10)
        ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(tokens)), tokens if ax is axes[0, 0] else [])
        ax.set_xlabel("key")
    axes[0, 0].set_ylabel("query")
    figure.suptitle(title)
    listed = ", then ".join(names)
    return Picture(figure, f"{title}. Matrices of {len(tokens)} queries side by side: {listed}.")


def _numbers(ax: Axes, matrix: Tensor) -> None:
    finite = matrix[matrix.isfinite()].tolist()
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    # Weights always run from 0 to 1, so that two pictures of weights compare.
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    ax.imshow(matrix.clamp(low, high).numpy(), cmap="cividis", vmin=low, vmax=high)
    for (i, j), value in np.ndenumerate(matrix.numpy()):
        if math.isfinite(value):
            light = (value - low) / max(high - low, 1e-9) > 0.5
            _write(ax, i, j, f"{value:.2f}".replace("-", "−"), light=light)
        else:
            corner = (j - 0.5, i - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fc="white", ec="0.85", hatch="///", lw=0))
            text = f"{value}".replace("-", "−").replace("inf", "∞")
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color="0.2")


def _write(ax: Axes, row: int, column: int, text: str, *, light: bool) -> None:
    """Write into a cell, dark where it is light."""
    ink = "black" if light else "white"
    ax.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)


def _span(tokens: Sequence[str]) -> str:
    text = " ".join(tokens)
    return text if len(text) < 70 else text[:67] + "…"


def _previous_token_head(attention: Tensor, layers: Sequence[int], heads: Sequence[int]) -> str:
    """Name the head, of those shown, that looks most at the token just before."""
    if attention.size(-1) < 2:
        return "One token, so nothing to look back at."
    shown = attention[list(layers)][:, list(heads)]
    before = shown.diagonal(offset=-1, dim1=-2, dim2=-1).mean(-1)  # (layer, head)
    layer, head = divmod(int(before.argmax()), len(heads))
    return (
        f"Layer {layers[layer]} head {heads[head]} looks most at the token just before, with "
        f"{before.max():.2f} on average."
    )


def _checked(weights: Tensor, tokens: Sequence[str], dimensions: int) -> Tensor:
    """Return the weights where numpy finds them, or say that they do not fit the tokens."""
    n = len(tokens)
    if weights.dim() != dimensions or weights.shape[-2:] != (n, n):
        raise ValueError(
            f"the weights have shape {tuple(weights.shape)}, but there are {n} tokens; "
            f"expected {dimensions} dimensions, the last two of {n}."
        )
    return weights.detach().cpu()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
