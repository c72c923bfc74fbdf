"""Pictures of what was planted in a text and is found in a model: secrets, a bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gptlab.plots.curves import finish
from gptlab.show.picture import COLOURS, Picture, new_figure, style


def exposure_by_count(
    by_way: Mapping[str, Mapping[int, Sequence[float]]], most: float, unread: float, title: str = ""
) -> Picture:
    """Draw the exposure of secrets against how often they stood in the text.

    Args:
        by_way: {how the text was treated: {how often: exposures in bits, one a secret}}.
        most: exposure of what the model likes best.
        unread: expected exposure of what was never read.
        title: the finding.
    """
    counts = sorted({count for found in by_way.values() for count in found})
    place = {count: i for i, count in enumerate(counts)}
    figure, axes = new_figure(7.5, 4.4)
    ax = axes[0, 0]
    lines, said = [], []
    for i, (way, found) in enumerate(by_way.items()):
        looks = style(i)
        shift = 0.12 * (i - (len(by_way) - 1) / 2)
        known = [count for count in counts if count in found]
        for count in known:
            x = np.full(len(found[count]), place[count] + shift)
            ax.plot(x, found[count], ".", color=looks["color"], alpha=0.35)
        middles = [float(np.median(found[count])) for count in known]
        lines += ax.plot([place[count] + shift for count in known], middles, label=way, **looks)
        said.append(
            f"{way}: "
            + ", ".join(f"{n} times {m:.1f}" for n, m in zip(known, middles, strict=True))
        )
    lines.append(
        ax.axhline(most, color="0.3", ls="--", label=f"the model's first choice, {most:.1f}")
    )
    lines.append(ax.axhline(unread, color="0.3", ls=":", label=f"never read, {unread:.1f}"))
    finish(
        ax,
        lines,
        xlabel="how often the secret stood in the text",
        ylabel="exposure (bits)",
        title=title or "A secret seen often enough is given away",
    )
    ax.set_xticks(range(len(counts)), [str(count) for count in counts])
    return Picture(figure, f"Median exposure in bits. {'; '.join(said)}. At most {most:.1f}.")


def bias_by_way(values: Mapping[str, Sequence[float]], told: float, title: str = "") -> Picture:
    """Draw the bias of a model, a dot a pair, with mean and spread, for each way to train it.

    Args:
        values: {way: bias of each pair, in nats}.
        told: what the text itself has.
        title: the finding.
    """
    figure, axes = new_figure(7.5, 1.6 + 0.7 * len(values))
    ax = axes[0, 0]
    said = []
    for row, (way, found) in enumerate(values.items()):
        spread = np.linspace(-0.18, 0.18, len(found)) if len(found) > 1 else np.zeros(1)
        ax.plot(found, row + spread, "o", color=COLOURS[0], alpha=0.45, markersize=4)
        mean = float(np.mean(found))
        ax.plot([mean], [row], "D", color=COLOURS[1], markersize=8)
        said.append(f"{way} {mean:.2f} ({min(found):.2f} to {max(found):.2f})")
    ax.axvline(0, color="0.5", lw=0.8)
    ax.axvline(told, color="0.2", ls="--", label=f"the text as it is, {told:.2f}")
    ax.set_yticks(range(len(values)), list(values))
    ax.invert_yaxis()
    ax.set(
        xlabel="bias (nats): 0 where both groups are told alike",
        title=title or "The bias of the text is the bias of the model",
    )
    ax.legend(loc="best", fontsize=9)
    ax.grid(alpha=0.3, axis="x")
    return Picture(
        figure, f"Bias in nats, mean over pairs: {'; '.join(said)}. The text: {told:.2f}."
    )
