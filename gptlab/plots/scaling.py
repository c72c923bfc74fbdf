"""Picture of a scaling law: loss against size or data, with the power law fitted to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from gptlab.plots.curves import LOSSES, finish, level_lines, levels_in_words
from gptlab.results import Results
from gptlab.show.picture import COLOURS, LINES, Picture, new_figure

_AXES = {"body_parameters": "parameters without embeddings", "tokens": "training tokens"}


def scaling_law(
    results: Results,
    x: str = "body_parameters",
    published: float | None = None,
    title: str = "",
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """Draw the loss against size or data on logarithmic axes, with the fitted power law.

    Args:
        results: of `gptlab.experiments.sizes` or `amounts`.
        x: "body_parameters" (without embeddings) or "tokens".
        published: the literature's exponent, drawn as a second line through the middle point.
        title: the finding.
        levels: {name: loss} of what needs no training, in nats per token; by default the results'
            own baselines.
    """
    levels = results.levels() if levels is None else levels
    law = results.power_law(x)
    points = np.array([(getattr(run, x), run.val_loss) for run in results.runs], dtype=float)
    ends = np.geomspace(points[:, 0].min(), points[:, 0].max(), 50)
    figure, axes = new_figure(7, 4.4)
    ax = axes[0, 0]
    lines = ax.plot(*points.T, "o", color=COLOURS[0], label="one run", zorder=3)
    said = f"Fitted exponent {law.exponent:.3f} ± {law.error:.3f}"
    lines += ax.plot(
        ends,
        [law(v) for v in ends],
        color=COLOURS[1],
        label=f"fit: exponent {law.exponent:.3f} ± {law.error:.3f}",
    )
    if published is not None:
        middle = np.exp(np.log(points[:, 0]).mean())
        line = law(middle) * (middle / ends) ** published
        label = f"published exponent {published}"
        lines += ax.plot(ends, line, color=COLOURS[6], linestyle=LINES[1], label=label)
        said += f", published {published}"
    lines += level_lines(ax, levels)
    finish(
        ax,
        lines,
        xscale="log",
        yscale="log",
        xlabel=_AXES[x],
        ylabel=LOSSES["val_loss"],
        title=title or said,
    )
    ax.xaxis.set_minor_formatter(NullFormatter())  # their labels would overlap
    # Losses span less than a decade, where powers of ten would be one tick or none.
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")
    ax.grid(alpha=0.3, which="both")
    return Picture(
        figure,
        f"Loss against {_AXES[x]}, logarithmic. {said}.{levels_in_words(levels)}",
    )
