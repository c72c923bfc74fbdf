"""Pictures of scores: dot products, how they grow with the width, what a softmax makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch

from gptlab.plots.curves import curve, finish
from gptlab.show.picture import COLOURS, Picture, new_figure


def arrows(vectors: Mapping[str, Sequence[float]], title: str = "") -> Picture:
    """Draw named vectors in the plane and say which two have the largest dot product.

    Args:
        vectors: {name: (x, y)}, at least two.
        title: the finding; by default the most similar pair.

    Raises:
        ValueError: for fewer than two vectors.
    """
    if len(vectors) < 2:
        raise ValueError(f"there are {len(vectors)} vectors to compare; give at least 2.")
    points = {name: np.array(vector, dtype=float) for name, vector in vectors.items()}
    dots = {pair: float(points[pair[0]] @ points[pair[1]]) for pair in combinations(points, 2)}
    largest = max(dots, key=lambda pair: dots[pair])
    best = " and ".join(largest)
    figure, axes = new_figure(4.2, 4.2)
    ax = axes[0, 0]
    for i, (name, point) in enumerate(points.items()):
        looks = {"arrowstyle": "-|>", "color": COLOURS[i % 7], "lw": 2.5, "shrinkA": 0}
        ax.annotate("", point, (0, 0), arrowprops=looks)
        x, y = point + 0.25 * point / max(float(np.linalg.norm(point)), 1e-9)
        ax.text(x, y, name, ha="center", va="center")
    reach = 1.25 * max(float(np.abs(point).max()) for point in points.values()) + 0.3
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
        figure,
        f"{len(points)} arrows from the origin. Largest dot product: {best}, {dots[largest]:g}.",
    )


def score_variance(widths: Sequence[int], samples: int = 4000) -> Picture:
    """Draw the measured variance of q·k against the width, with and without the factor 1/√d.

    Queries and keys are drawn with unit variance, as in Vaswani et al. 2017, footnote 4.

    Args:
        widths: of queries and keys, d.
        samples: pairs drawn at each width.
    """
    generator = torch.Generator().manual_seed(0)
    variances = []
    for width in widths:
        q, k = (torch.randn(samples, width, generator=generator) for _ in range(2))
        variances.append(float((q * k).sum(-1).var()))
    scaled = np.array(variances) / np.array(widths)
    figure, axes = new_figure(6.5, 3.8)
    ax = axes[0, 0]
    lines = [
        curve(ax, 0, widths, np.array([variances]), "q·k"),
        curve(ax, 1, widths, scaled[None], "q·k / √d"),
    ]
    finish(
        ax,
        lines,
        xscale="log",
        yscale="log",
        xlabel="width d of queries and keys",
        ylabel="variance of the score",
        title="The variance grows with the width; the factor 1/√d brings it back to 1",
    )
    listed = ", ".join(f"{w}: {v:.1f}" for w, v in zip(widths, variances, strict=True))
    return Picture(figure, f"Variance of q·k by width ({listed}); divided by √d it stays near 1.")


def softmax_sharpness(width: int, n_key: int = 8) -> Picture:
    """Draw one query's weights over random keys, with and without the factor 1/√d.

    Args:
        width: of the query and the keys, d.
        n_key: how many keys.
    """
    generator = torch.Generator().manual_seed(3)
    q = torch.randn(width, generator=generator)
    k = torch.randn(n_key, width, generator=generator)
    scores = k @ q  # (n_key,)
    pair = {"scaled by 1/√d": (scores / width**0.5).softmax(0), "not scaled": scores.softmax(0)}
    figure, axes = new_figure(7.5, 2.8, 1, 2, sharey=True)
    said = []
    for i, (ax, (name, weights)) in enumerate(zip(axes[0], pair.items(), strict=True)):
        ax.bar(range(n_key), weights.numpy(), color=COLOURS[i], hatch="//" if i else None)
        ax.set(title=f"{name}: largest weight {weights.max():.2f}", xlabel="key", ylim=(0, 1))
        said.append(f"{name} {weights.max():.2f}")
    axes[0, 0].set_ylabel("attention weight")
    return Picture(figure, f"Width {width}, {n_key} random keys; largest weight {', '.join(said)}.")
