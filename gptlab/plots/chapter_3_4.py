"""Picture of chapter 3.4: what dense and banded attention cost as the text grows longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter

from gptlab.show.picture import COLOURS, LINES, MARKERS, Picture, new_figure


def cost_by_length(lengths: Sequence[int], seconds: Mapping[str, np.ndarray]) -> Picture:
    """Draw measured times against length on logarithmic axes: medians, and bands over the repeats.

    Args:
        lengths: numbers of tokens, growing.
        seconds: {what was timed: (length, repeat)}; the title compares the first two.
    """
    figure, axes = new_figure(7, 4.2)
    ax = axes[0, 0]
    medians = {name: np.median(times, axis=1) * 1e3 for name, times in seconds.items()}
    for i, (name, times) in enumerate(seconds.items()):
        style = {"color": COLOURS[i], "linestyle": LINES[i], "marker": MARKERS[i]}
        ax.plot(lengths, medians[name], label=name, **style)
        low, high = (np.percentile(times, q, axis=1) * 1e3 for q in (10, 90))
        ax.fill_between(lengths, low, high, color=COLOURS[i], alpha=0.2)
    first, second = list(medians)[:2]
    ratio = medians[first][-1] / medians[second][-1]
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="tokens",
        ylabel="time (ms)",
        title=f"At {lengths[-1]:,} tokens {first} takes {ratio:.1f} times as long as {second}",
    )
    ax.set_xticks(lengths, [f"{length:,}" for length in lengths], minor=False)
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.legend()
    ax.grid(alpha=0.3)
    said = "; ".join(
        f"{name} {values[0]:.2f} ms at {lengths[0]:,} and {values[-1]:.2f} ms at {lengths[-1]:,}"
        for name, values in medians.items()
    )
    return Picture(figure, f"Time by length: {said}.")
