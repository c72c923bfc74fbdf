"""Picture of several configs side by side, with what changes from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from matplotlib.patches import Rectangle

from gptlab.config import GPTConfig
from gptlab.show.picture import COLOURS, Picture, new_figure


def config_changes(configs: Mapping[str, GPTConfig], title: str = "") -> Picture:
    """Draw configs as columns; a value that differs from its left neighbour is marked.

    Args:
        configs: {what to call it: a config}, from left to right; at least one.
        title: the finding; by default how many fields change at each step.
    """
    names = list(configs)
    values = {name: config.to_dict() for name, config in configs.items()}
    fields = list(values[names[0]])
    changed = {
        right: configs[left].diff(configs[right]) for left, right in pairwise(names)
    }  # {name: what differs from its left neighbour}
    figure, axes = new_figure(3.0 + 2.3 * len(names), 1.2 + 0.3 * len(fields))
    ax = axes[0, 0]
    for column, name in enumerate(names, start=1):
        ax.text(column, -1, name, ha="center", va="center", weight="bold")
        for row, field in enumerate(fields):
            new = field in changed.get(name, {})
            if new:
                corner = (column - 0.47, row - 0.45)
                ax.add_patch(Rectangle(corner, 0.94, 0.9, color=COLOURS[5], alpha=0.35, lw=0))
            text = ("→ " if new else "") + _written(values[name][field])
            weight = "bold" if new else "normal"
            ax.text(column, row, text, ha="center", va="center", fontsize=9, weight=weight)
    for row, field in enumerate(fields):
        ax.text(-0.2, row, field, ha="left", va="center", family="monospace", fontsize=9)
    ax.set(xlim=(-0.25, len(names) + 0.5), ylim=(len(fields) - 0.5, -1.6))
    ax.axis("off")
    steps = [
        f"{left} to {right}: {len(changed[right])} of {len(fields)}"
        for left, right in pairwise(names)
    ]
    ax.set_title(title or f"Fields that change, {'; '.join(steps)}" if steps else names[0])
    said = [
        f"{step} ({', '.join(changed[right]) or 'none'})"
        for step, right in zip(steps, names[1:], strict=True)
    ]
    return Picture(
        figure,
        f"The {len(fields)} fields of {', '.join(names)}. Changes: {'; '.join(said) or 'none'}.",
    )


def _written(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else f"{value}"
