"""Picture of what attention costs as the text grows longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gptlab.plots.curves import curve, finish
from gptlab.show.picture import Picture, new_figure


def cost_by_length(lengths: Sequence[int], seconds: Mapping[str, np.ndarray]) -> Picture:
    """Draw measured times against length on logarithmic axes: medians, and bands over the repeats.

    The bands run from the 10th to the 90th percentile: a slow repeat is the machine's, not the
    method's.

    Args:
        lengths: numbers of tokens, growing.
        seconds: {what was timed: (length, repeat)}; the title compares the first two.
    """
    figure, axes = new_figure(7, 4.2)
    ax = axes[0, 0]
    medians, lines = {}, []
    for i, (name, times) in enumerate(seconds.items()):
        ms = 1e3 * times.T  # (repeat, length)
        medians[name] = np.median(ms, axis=0)
        lines.append(curve(ax, i, lengths, ms, name, middle=np.median, between=(10, 90)))
    first, second = list(medians)[:2]
    ratio = medians[first][-1] / medians[second][-1]
    finish(
        ax,
        lines,
        xscale="log",
        yscale="log",
        xlabel="tokens",
        ylabel="time (ms)",
        title=f"At {lengths[-1]:,} tokens {first} takes {ratio:.1f} times as long as {second}",
    )
    ax.set_xticks(lengths, [f"{length:,}" for length in lengths])
    ax.minorticks_off()
    low, high = ax.get_ylim()
    steps = [n * 10.0**k for k in range(-4, 7) for n in (1, 2, 5)]
    if len([tick for tick in steps[::3] if low <= tick <= high]) < 2:  # powers of ten are too few
        ticks = [tick for tick in steps if low <= tick <= high]
        ax.set_yticks(ticks, [f"{tick:,g}" for tick in ticks])
    said = "; ".join(
        f"{name} {values[0]:.2f} ms at {lengths[0]:,} and {values[-1]:.2f} ms at {lengths[-1]:,}"
        for name, values in medians.items()
    )
    return Picture(figure, f"Time by length: {said}.")
