"""Picture of a text as it is read: how much each of its tokens is looked at, from one place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from matplotlib.patches import Rectangle
from torch import Tensor

from gptlab.show.picture import COLOURS, Picture, new_figure

#: Characters a line, and the weight from which a token carries its number.
_WIDTH, _NUMBERED = 88, 0.05


def attention_text(
    weights: Tensor, tokens: Sequence[str], boxed: Collection[int] = (), title: str = ""
) -> Picture:
    """Draw a text with the weight that one query gives to each of its tokens.

    The darker a token, the more it is looked at; from 0.05 on the number stands below it.

    Args:
        weights: (T,), from 0 to 1.
        tokens: the T printable tokens.
        boxed: the places of tokens to draw a box around, counted from 0.
        title: the finding; by default which token is looked at most.

    Raises:
        ValueError: if there is not one weight to each token.
    """
    if weights.shape != (len(tokens),) or not len(tokens):
        raise ValueError(
            f"the weights have shape {tuple(weights.shape)}, but there are {len(tokens)} tokens; "
            f"give one weight to each."
        )
    shares = weights.detach().cpu().tolist()
    places = _lines(tokens)
    rows = 1 + places[-1][0]
    figure, axes = new_figure(11, 0.9 + 0.52 * rows)
    ax = axes[0, 0]
    for i, (token, share, (row, column)) in enumerate(zip(tokens, shares, places, strict=True)):
        width = max(1, len(token))
        edge: dict[str, Any] = (
            {"ec": COLOURS[1], "lw": 2, "zorder": 3} if i in boxed else {"ec": "0.85", "lw": 0.5}
        )
        shade = (*(1 - share * (1 - part) for part in (0.0, 0.45, 0.7)), 1.0)
        # Left out of the layout, for which each would be measured: the axes' limits hold them all.
        box = Rectangle((column, row - 0.3), width, 0.6, fc=shade, in_layout=False, **edge)
        ax.add_patch(box)
        write = {"ha": "center", "va": "center", "family": "monospace", "in_layout": False}
        ink = "white" if share > 0.6 else "black"
        ax.text(column + width / 2, row, token, color=ink, fontsize=9, **write)
        if share >= _NUMBERED:
            ax.text(column + width / 2, row + 0.43, f"{share:.2f}", fontsize=7, **write)
    ax.set(xlim=(-0.5, _WIDTH + 0.5), ylim=(rows - 0.4, -0.5))
    ax.axis("off")
    best = max(range(len(shares)), key=shares.__getitem__)
    most = f"Most looked at: “{tokens[best]}” ({shares[best]:.2f})"
    ax.set_title(title or most)
    inside = f" The boxed tokens get {sum(shares[i] for i in boxed):.2f} together." if boxed else ""
    return Picture(figure, f"Attention to {len(tokens)} tokens. {most}.{inside}")


def _lines(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return (line, column) of each token, a new line where the last one is full."""
    places, row, column = [], 0, 0
    for token in tokens:
        width = max(1, len(token))
        if column and column + width > _WIDTH:
            row, column = row + 1, 0
        places.append((row, column))
        column += width
    return places
