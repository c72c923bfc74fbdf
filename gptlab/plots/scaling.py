"""Picture of what scale does: loss against compute, a line a size, and the frontier of them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from gptlab.experiments.scaling import Point, frontier
from gptlab.plots.curves import LOSSES, curve, finish, level_lines, levels_in_words
from gptlab.show.picture import Picture, new_figure

_STAR = {"marker": "*", "markersize": 15, "linestyle": "none", "color": "0.1", "zorder": 4}


def loss_by_compute(
    points: Sequence[Point],
    levels: Mapping[str, float] | None = None,
    added: Sequence[Point] = (),
    title: str = "",
) -> Picture:
    """Draw the loss against the operations of training on logarithmic axes.

    Args:
        points: of `gptlab.experiments.scaling.points`; those of one shape make a line.
        levels: {name: loss} of what needs no training, in nats per token.
        added: points of the reader's own, drawn as stars; the frontier is that of ``points``.
        title: by default which sizes are on the frontier at its two ends.
    """
    levels = levels or {}
    best = frontier(points)
    figure, axes = new_figure(7.5, 4.8)
    ax = axes[0, 0]
    (way,) = ax.plot(
        [point.operations for point in best],
        [point.loss for point in best],
        color="0.75",
        linewidth=7,
        solid_capstyle="round",
        label="the frontier",
        zorder=0,
    )
    lines = [way]
    for i, shape in enumerate(dict.fromkeys(point.shape for point in points)):
        of_shape = [point for point in points if point.shape == shape]
        losses = np.array([[point.loss for point in of_shape]])
        lines.append(curve(ax, i, [point.operations for point in of_shape], losses, shape))
    if added:
        lines += ax.plot(
            [point.operations for point in added],
            [point.loss for point in added],
            label="yours",
            **_STAR,
        )
    lines += level_lines(ax, levels)
    ends = f"from {best[0].shape} to {best[-1].shape}"
    told = f"The more compute, the larger the size that pays: {ends}"
    if best[0].shape == best[-1].shape:
        told = f"{best[0].shape} is the size that pays at every amount of compute here"
    finish(
        ax,
        lines,
        xscale="log",
        yscale="log",
        xlabel="operations in training",
        ylabel=LOSSES["val_loss"],
        title=title or told,
    )
    # Losses span less than a decade, where powers of ten would be one tick or none.
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")
    along = "; ".join(f"{p.shape} with {p.tokens:,} tokens {p.loss:.2f}" for p in best)
    yours = "".join(f" Yours: {p.shape} with {p.tokens:,} tokens {p.loss:.2f}." for p in added)
    return Picture(
        figure,
        f"Loss against the operations of training, logarithmic. The frontier: {along}.{yours}"
        f"{levels_in_words(levels)}",
    )
