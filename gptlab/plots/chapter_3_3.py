"""Picture of chapter 3.3: how the residual stream grows with depth in a fresh model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gptlab.show.picture import COLOURS, LINES, MARKERS, Picture, new_figure


def stream_growth(spreads: Mapping[str, Sequence[float]]) -> Picture:
    """Draw the standard deviation of the residual stream after each block, before any training.

    Args:
        spreads: {how the model was made: one value a block}, all equally long.
    """
    figure, axes = new_figure(7, 3.8)
    ax = axes[0, 0]
    growth = {}
    for i, (name, values) in enumerate(spreads.items()):
        growth[name] = values[-1] / values[0]
        style = {"color": COLOURS[i], "linestyle": LINES[i], "marker": MARKERS[i]}
        ax.plot(range(1, len(values) + 1), values, label=name, markersize=4, **style)
    said = "; ".join(f"{name} ×{factor:.1f}" for name, factor in growth.items())
    ax.set(
        xlabel="blocks passed",
        ylabel="standard deviation of the stream",
        title=f"From the first block to the last: {said}",
        ylim=(0, None),
    )
    ax.legend()
    ax.grid(alpha=0.3)
    blocks = len(next(iter(spreads.values())))
    return Picture(
        figure, f"Spread of the residual stream over {blocks} blocks of a fresh model: {said}."
    )
