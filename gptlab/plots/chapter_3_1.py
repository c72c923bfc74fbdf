"""Pictures of chapter 3.1: attention step by step, why it is scaled, what a missing mask does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from gptlab.plots.picture import COLOURS, Picture, new_figure

_HATCHES = ("", "//", "..", "xx")


def arrows(vectors: Mapping[str, Sequence[float]], title: str = "") -> Picture:
    """Draw named vectors in the plane and say which two have the largest dot product.

    Args:
        vectors: {name: (x, y)}, at least two.
        title: the finding; by default the most similar pair.
    """
    names = list(vectors)
    points = np.array([vectors[name] for name in names], dtype=float)
    dots = points @ points.T
    i, j = max(((i, j) for i in range(len(names)) for j in range(i)), key=lambda pair: dots[pair])
    best = f"{names[j]} and {names[i]}"
    figure, axes = new_figure(4.2, 4.2)
    ax = axes[0, 0]
    for n, (name, (x, y)) in enumerate(zip(names, points, strict=True)):
        ax.annotate(
            "", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": COLOURS[n % 7], "lw": 2.5}
        )
        away = points[n] / max(float(np.linalg.norm(points[n])), 1e-9)
        ax.text(x + 0.25 * away[0], y + 0.25 * away[1], name, ha="center", va="center")
    reach = 1.25 * float(np.abs(points).max()) + 0.3
    ax.axhline(0, color="0.8", lw=1, zorder=0)
    ax.axvline(0, color="0.8", lw=1, zorder=0)
    ax.set(
        title=title or f"Most alike: {best}",
        xlabel="first dimension",
        ylabel="second dimension",
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
    )
    return Picture(
        figure, f"{len(names)} arrows from the origin. Largest dot product: {best}, {dots[i, j]:g}."
    )


def steps(
    matrices: Mapping[str, Tensor],
    tokens: Sequence[str],
    title: str,
    columns: Sequence[str] | None = None,
) -> Picture:
    """Draw small matrices side by side, each with its numbers; −∞ is hatched.

    Args:
        matrices: {what it is: (T, T)}, in the order in which they are computed.
        tokens: names of the rows.
        title: the finding.
        columns: names of the columns, by default the tokens.
    """
    columns = tokens if columns is None else columns
    figure, axes = new_figure(
        0.9 + len(matrices) * (0.9 + 0.56 * len(columns)), 1.5 + 0.5 * len(tokens), 1, len(matrices)
    )
    for ax, (name, matrix) in zip(axes[0], matrices.items(), strict=True):
        _numbers(ax, matrix.detach())
        ax.set_title(name, fontsize=10)
        ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(tokens)), tokens if ax is axes[0, 0] else [])
        ax.set_xlabel("key")
    axes[0, 0].set_ylabel("query")
    figure.suptitle(title)
    listed = ", then ".join(matrices)
    return Picture(figure, f"{title}. Matrices of {len(tokens)} queries side by side: {listed}.")


def _numbers(ax: Axes, matrix: Tensor) -> None:
    finite = matrix[matrix.isfinite()]
    low, high = float(finite.min()), float(finite.max())
    # Weights always run from 0 to 1, so that two pictures of weights compare.
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    ax.imshow(matrix.clamp(low, high).numpy(), cmap="cividis", vmin=low, vmax=high)
    for (i, j), value in np.ndenumerate(matrix.numpy()):
        if math.isinf(value):
            ax.add_patch(_square(i, j))
            ax.text(j, i, "−∞", ha="center", va="center", fontsize=8, color="0.35")
            continue
        light = (value - low) / max(high - low, 1e-9) > 0.5
        text = f"{value:.2f}".replace("-", "−")
        ink = "black" if light else "white"
        ax.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
