"""Pictures of fine-tuning: accuracies with their seeds, as bars and against what was varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gptlab.plots.curves import curve, finish, level_lines, levels_in_words, name_ticks
from gptlab.show.picture import COLOURS, Picture, new_figure


def accuracy_bars(
    accuracies: Mapping[str, Sequence[float]], chance: float, title: str = ""
) -> Picture:
    """Draw one bar a way to learn, its length the mean over seeds, each seed a dot.

    Args:
        accuracies: {way: one a seed}, from 0 to 1.
        chance: what guessing achieves, drawn as a level line.
        title: the finding; by default which way has the highest mean.
    """
    names = list(accuracies)
    means = [float(np.mean(accuracies[name])) for name in names]
    rows = range(len(names))  # not the names: two may be written alike
    figure, axes = new_figure(7, 1.3 + 0.4 * len(names))
    ax = axes[0, 0]
    ax.barh(rows, [100 * mean for mean in means], color=COLOURS[5], height=0.6)
    dots = [(100 * a, row) for row, name in enumerate(names) for a in accuracies[name]]
    (seeds,) = ax.plot(*zip(*dots, strict=True), "o", color=COLOURS[6], ms=4, label="one seed")
    level = ax.axvline(100 * chance, color="0.4", lw=1.3, ls="--", label=f"guessing: {chance:.0%}")
    ax.set_yticks(rows, [f"{name}: {mean:.0%}" for name, mean in zip(names, means, strict=True)])
    ax.invert_yaxis()
    best = int(np.argmax(means))
    ax.set(
        title=title or f"Highest on average: {names[best]}, {means[best]:.0%}",
        xlabel="right answers (%)",
        xlim=(0, 105),
    )
    ax.grid(alpha=0.3, axis="x")
    ax.legend(handles=[seeds, level], loc="center left", bbox_to_anchor=(1.0, 0.5))
    said = "; ".join(
        f"{name} {mean:.0%}, its seeds {min(accuracies[name]):.0%} to {max(accuracies[name]):.0%}"
        for name, mean in zip(names, means, strict=True)
    )
    return Picture(figure, f"Right answers, mean over seeds: {said}. Guessing: {chance:.0%}.")


def accuracy_curves(
    accuracies: Mapping[str, Mapping[float, Sequence[float]]],
    varied: str,
    levels: Mapping[str, float] | None = None,
    title: str = "",
    measure: str = "accuracy",
) -> Picture:
    """Draw accuracy against what was varied, a line a way, with a band from worst to best seed.

    Args:
        accuracies: {way: {value of what was varied: one accuracy a seed}}, from 0 to 1; a way has
            equally many seeds everywhere.
        varied: what the values are; the horizontal axis's label. It is logarithmic where the
            largest value is more than ten times the smallest.
        levels: {name: accuracy} for level lines.
        title: the finding; by default where the first way begins and ends.
        measure: what is drawn, if it is another share from 0 to 1.
    """
    levels = levels or {}
    figure, axes = new_figure(7.5, 4.2)
    ax = axes[0, 0]
    lines = []
    for i, (name, by_value) in enumerate(accuracies.items()):
        runs = np.array([by_value[value] for value in sorted(by_value)]).T  # (seed, value)
        lines.append(curve(ax, i, sorted(by_value), runs, name))
    values = sorted({value for by_value in accuracies.values() for value in by_value})
    if values[0] > 0 and values[-1] > 10 * values[0]:
        ax.set_xscale("log")
    name_ticks(ax, values)
    first, by_first = next(iter(accuracies.items()))
    ends = [float(np.mean(by_first[end(by_first)])) for end in (min, max)]
    finish(
        ax,
        [*lines, *level_lines(ax, levels)],
        xlabel=varied,
        ylabel=f"{measure} (0 to 1)",
        ylim=(0, 1.02),
        title=title or f"{first}: from {ends[0]:.2f} to {ends[1]:.2f}",
    )
    said = "; ".join(
        f"{name} {', '.join(f'{np.mean(by[value]):.2f} at {value:g}' for value in sorted(by))}"
        for name, by in accuracies.items()
    )
    return Picture(
        figure, f"Mean {measure} over seeds by {varied}: {said}.{levels_in_words(levels)}"
    )
