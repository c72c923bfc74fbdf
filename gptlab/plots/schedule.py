"""Picture of a schedule: the learning rate that each update gets."""

from __future__ import annotations

from gptlab.settings import TrainSettings, learning_rate_at
from gptlab.show.picture import COLOURS, Picture, new_figure


def learning_rates(settings: TrainSettings, title: str = "") -> Picture:
    """Draw the learning rate of every update: warm-up, then the cosine.

    Args:
        settings: with a learning rate (see `TrainSettings.for_model`).
        title: the finding; by default where the peak lies.

    Raises:
        ValueError: if the settings have no learning rate.
    """
    rates = [learning_rate_at(step, settings) for step in range(settings.steps)]
    peak = max(rates)
    at = rates.index(peak)
    figure, axes = new_figure(7.5, 3.4)
    ax = axes[0, 0]
    ax.plot(range(settings.steps), rates, color=COLOURS[0], lw=2)
    ax.plot([at], [peak], color=COLOURS[1], marker="D", markersize=7, linestyle="none")
    ax.set(
        xlabel="update, counted from 0",
        ylabel="learning rate",
        ylim=(0, 1.1 * peak),
        title=title or f"The largest rate, {peak:g}, comes at update {at:,}",
    )
    ax.grid(alpha=0.3)
    return Picture(
        figure,
        f"Learning rate of {settings.steps:,} updates: {rates[0]:.2g} at the first, {peak:.2g} at "
        f"update {at:,}, {rates[-1]:.2g} at the last.",
    )
