"""Picture of the memory that a model takes, beside what processors have."""

from __future__ import annotations

from collections.abc import Mapping

from gptlab.show.picture import COLOURS, LINES, Picture, new_figure

_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def memory_bars(
    parts: Mapping[str, float], limits: Mapping[str, float], name: str, title: str = ""
) -> Picture:
    """Draw what each part takes, and their sum, against what there is; logarithmic.

    Args:
        parts: {what it is for: bytes}, each above 0.
        limits: {what has so much: bytes}, drawn as lines.
        name: what the model is called.
        title: by default whether the sum is below each limit.
    """
    total = sum(parts.values())
    bars = {**parts, "all of it": total}
    figure, axes = new_figure(7.5, 1.5 + 0.4 * len(bars))
    ax = axes[0, 0]
    rows = range(len(bars))
    colours = [COLOURS[0]] * len(parts) + [COLOURS[1]]
    drawn = ax.barh(rows, list(bars.values()), color=colours)
    for text in ax.bar_label(drawn, [_size(value) for value in bars.values()], padding=4):
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})  # above the lines
    ax.set_yticks(rows, list(bars))
    ax.invert_yaxis()
    for i, (who, limit) in enumerate(limits.items()):
        line = LINES[1 + i % (len(LINES) - 1)]
        ax.axvline(limit, color="0.2", linestyle=line, label=f"{who}, {_size(limit)}")
    fits = [who for who, limit in limits.items() if total <= limit]
    told = f"{name} takes {_size(total)}; it fits {', '.join(fits) if fits else 'none of them'}"
    most = max(total, *limits.values())
    ax.set(
        xscale="log",
        xlim=(min(parts.values()) / 3, 8 * most),
        xlabel="memory (bytes)",
        title=title or told,
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=len(limits), fontsize=9)
    listed = ", ".join(f"{part} {_size(value)}" for part, value in bars.items())
    has = ", ".join(f"{who} {_size(limit)}" for who, limit in limits.items())
    return Picture(figure, f"{told}. Memory: {listed}. There is: {has}.")


def _size(value: float) -> str:
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value:.0f} B"
