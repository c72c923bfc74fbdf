"""What pictures of curves share: a line with its band, level lines, a legend with every name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gptlab.show.picture import LINES, style

#: What can be drawn as a loss, with its label.
LOSSES = {
    "val_loss": "validation loss (nats per token)",
    "val_bits_per_byte": "validation loss (bits per byte)",
}
_MARKERS_A_CURVE = 10
_NAMES_INSIDE = 4


def curve(
    ax: Axes,
    number: int,
    x: Sequence[float],
    runs: np.ndarray,
    name: str,
    *,
    middle: Callable[..., Any] = np.mean,
    between: tuple[float, float] = (0, 100),
) -> Line2D:
    """Draw the middle of several runs as a line and their spread as a band.

    Args:
        ax: where.
        number: which of the picture's curves it is, from 0: decides colour, line and marker.
        x: (point,).
        runs: (run, point).
        name: for the legend.
        middle: what the line shows, the mean or the median.
        between: the percentiles that bound the band, by default from least to most.
    """
    looks = style(number)
    every = max(1, round(len(x) / _MARKERS_A_CURVE))
    (line,) = ax.plot(x, middle(runs, axis=0), label=name, markevery=every, markersize=5, **looks)
    if len(runs) > 1:
        low, high = np.percentile(runs, between, axis=0)
        ax.fill_between(x, low, high, color=looks["color"], alpha=0.2, linewidth=0)
    return line


def level_lines(ax: Axes, levels: Mapping[str, float], *, upright: bool = False) -> list[Line2D]:
    """Draw losses that need no training as grey lines across, the highest first.

    Args:
        ax: where.
        levels: {name: loss}, in the unit of the axis.
        upright: draw them from bottom to top, where the loss is on the horizontal axis.
    """
    draw = ax.axvline if upright else ax.axhline
    falling = sorted(levels.items(), key=lambda level: -level[1])
    return [
        draw(loss, color="0.4", lw=1.3, ls=LINES[(i + 1) % len(LINES)], label=f"{name}: {loss:.2f}")
        for i, (name, loss) in enumerate(falling)
    ]


def levels_in_words(levels: Mapping[str, float]) -> str:
    """Return the end of a picture's sentence that names the level lines; empty without any."""
    if not levels:
        return ""
    return f" Level lines: {', '.join(f'{name} {loss:.2f}' for name, loss in levels.items())}."


def finish(ax: Axes, lines: Sequence[Line2D], **settings: Any) -> None:
    """Set title and labels, draw the grid, and name every line in a legend."""
    ax.set(**settings)
    ax.grid(alpha=0.3)
    # Left to find the names itself, matplotlib leaves out those that begin with an underscore.
    names = [str(line.get_label()) for line in lines]
    if len(lines) > _NAMES_INSIDE:  # beside the picture: so many names would hide it
        ax.legend(lines, names, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        ax.legend(lines, names)


def name_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Mark these values on the horizontal axis and no others, as a logarithmic one does not."""
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.set_xticks([], minor=True)
