"""Pictures of chapter 3.1: attention step by step, why it is scaled, what a missing mask does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from gptlab.show.picture import COLOURS, LINES, MARKERS, Picture, new_figure
from gptlab.training import History


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
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor="0.93", hatch="///"))
            ax.text(j, i, "−∞", ha="center", va="center", fontsize=8, color="0.35")
            continue
        light = (value - low) / max(high - low, 1e-9) > 0.5
        text = f"{value:.2f}".replace("-", "−")
        ink = "black" if light else "white"
        ax.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)


def score_variance(widths: Sequence[int], samples: int = 4000) -> Picture:
    """Draw the measured variance of q·k against the width, with and without the factor 1/√d.

    Queries and keys are drawn with unit variance, as in Vaswani et al. 2017, footnote 4.
    """
    dice = torch.Generator().manual_seed(0)
    plain = []
    for width in widths:
        q, k = (torch.randn(samples, width, generator=dice) for _ in range(2))
        plain.append(float((q * k).sum(-1).var()))
    scaled = [variance / width for variance, width in zip(plain, widths, strict=True)]
    figure, axes = new_figure(6.5, 3.8)
    ax = axes[0, 0]
    for i, (values, label) in enumerate(((plain, "q·k"), (scaled, "q·k / √d"))):
        ax.plot(
            widths, values, color=COLOURS[i], linestyle=LINES[i], marker=MARKERS[i], label=label
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="width d of queries and keys",
        ylabel="variance of the score",
        title="The variance grows with the width; the factor 1/√d brings it back to 1",
    )
    ax.legend()
    ax.grid(alpha=0.3)
    listed = ", ".join(f"{w}: {v:.1f}" for w, v in zip(widths, plain, strict=True))
    return Picture(figure, f"Variance of q·k by width ({listed}); divided by √d it stays near 1.")


def softmax_sharpness(width: int, n_key: int = 8) -> Picture:
    """Draw one query's weights over random keys, with and without the factor 1/√d."""
    dice = torch.Generator().manual_seed(3)
    q, k = torch.randn(width, generator=dice), torch.randn(n_key, width, generator=dice)
    scores = k @ q  # (n_key,)
    pair = {"scaled by 1/√d": (scores / width**0.5).softmax(0), "not scaled": scores.softmax(0)}
    figure, axes = new_figure(7.5, 2.8, 1, 2, sharey=True)
    for i, (ax, (name, weights)) in enumerate(zip(axes[0], pair.items(), strict=True)):
        ax.bar(range(n_key), weights.numpy(), color=COLOURS[i], hatch="//" if i else None)
        ax.set(title=f"{name}: largest weight {weights.max():.2f}", xlabel="key", ylim=(0, 1))
    axes[0, 0].set_ylabel("attention weight")
    largest = {name: float(weights.max()) for name, weights in pair.items()}
    said = ", ".join(f"{name} {value:.2f}" for name, value in largest.items())
    return Picture(figure, f"Width {width}, {n_key} random keys; largest weight {said}.")


def two_losses(runs: Mapping[str, Sequence[History]], title: str) -> Picture:
    """Draw validation losses of groups of runs over training: means, and bands over the seeds."""
    figure, axes = new_figure(7, 4)
    ax = axes[0, 0]
    said = []
    for i, (name, histories) in enumerate(runs.items()):
        steps_ = histories[0].column("step")
        curves = np.array([h.column("val_loss") for h in histories])  # (seed, look)
        ax.plot(
            steps_,
            curves.mean(0),
            color=COLOURS[i],
            linestyle=LINES[i],
            marker=MARKERS[i],
            label=name,
            markevery=3,
        )
        ax.fill_between(steps_, curves.min(0), curves.max(0), color=COLOURS[i], alpha=0.2)
        said.append(f"{name} ends at {curves[:, -1].mean():.2f}")
    ax.set(xlabel="updates", ylabel="validation loss (nats per token)", title=title, ylim=(0, None))
    ax.legend()
    ax.grid(alpha=0.3)
    return Picture(figure, f"Validation loss over training: {'; '.join(said)}.")
