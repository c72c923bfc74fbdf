"""Picture of a sweep over learning rates: where each variant's best rate lies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gptlab.plots.curves import LOSSES, finish, level_lines, levels_in_words, name_ticks
from gptlab.results import Results
from gptlab.show.picture import Picture, new_figure, style


def rate_sweep(
    results: Results,
    what: str = "val_bits_per_byte",
    title: str = "",
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """Draw the final loss against the learning rate, a line a variant, its best rate marked.

    Args:
        results: whose variants are named "what, rate", as in `generation-rates`.
        what: "val_loss" or "val_bits_per_byte".
        title: the finding; by default how far apart the best rates lie.
        levels: {name: loss} of what needs no training; by default the results' own baselines.
    """
    levels = results.levels(what) if levels is None else levels
    by_name: dict[str, dict[float, float]] = {}
    for variant in results.with_runs():
        name, _, rate = variant.rpartition(", ")
        by_name.setdefault(name, {})[float(rate)] = results.mean_sd(variant, what)[0]
    figure, axes = new_figure(7.5, 4.4)
    ax = axes[0, 0]
    lines, best = [], {}
    for i, (name, losses) in enumerate(by_name.items()):
        rates = sorted(losses)
        best[name] = min(losses, key=lambda rate: losses[rate])
        lines += ax.plot(rates, [losses[rate] for rate in rates], label=name, **style(i))
        ax.scatter([best[name]], [losses[best[name]]], s=130, facecolors="none", edgecolors="black")
    low, high = min(best.values()), max(best.values())
    found = f"The best rates lie between {low:g} and {high:g}"
    if low == high:
        found = f"All do best at {low:g}"
    ticks = sorted({rate for losses in by_name.values() for rate in losses})
    finish(
        ax,
        [*lines, *level_lines(ax, levels)],
        xscale="log",
        xlabel="peak learning rate",
        ylabel=LOSSES[what],
        title=title or found,
    )
    name_ticks(ax, ticks)
    said = "; ".join(
        f"{name} {rate:g} ({np.round(by_name[name][rate], 3):g})" for name, rate in best.items()
    )
    return Picture(
        figure,
        f"Final loss by learning rate, the best one circled: {said}.{levels_in_words(levels)}",
    )
