"""Pictures of what was measured: every one is drawn from `gptlab.compare.Results`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from gptlab.compare import Results
from gptlab.show.picture import COLOURS, LINES, MARKERS, Picture, new_figure

#: What can be drawn on the vertical axis, with its label.
_LABELS = {
    "val_loss": "validation loss (nats per token)",
    "val_bits_per_byte": "validation loss (bits per byte)",
}


def loss_curves(results: Results, what: str = "val_loss", title: str = "") -> Picture:
    """Draw each variant's loss over training: the mean of its seeds, the band from least to most.

    Args:
        results: what was measured.
        what: "val_loss" or "val_bits_per_byte" (use the latter across tokenizers).
        title: the finding; by default which variant ends lowest.
    """
    figure, axes = new_figure(7.5, 4.4)
    ax = axes[0, 0]
    for i, name in enumerate(results.variants):
        runs = results.of(name)
        if not runs:
            continue
        tokens = [look["tokens"] for look in runs[0].curve]
        curves = np.array([[look[what] for look in run.curve] for run in runs])  # (seed, look)
        style = {"color": COLOURS[i % 8], "linestyle": LINES[i % 8]}
        ax.plot(tokens, curves.mean(0), marker=MARKERS[i % 8], markevery=4, label=name, **style)
        ax.fill_between(tokens, curves.min(0), curves.max(0), color=style["color"], alpha=0.2)
    ax.set(
        xlabel="tokens read in training", ylabel=_LABELS[what], title=title or _best(results, what)
    )
    _thousands(ax)
    ax.legend()
    ax.grid(alpha=0.3)
    return Picture(figure, f"Loss over training. {_listed(results, what)}")


def ladder_steps(results: Results, what: str = "val_bits_per_byte", title: str = "") -> Picture:
    """Draw the ladder: one row a rung, a dot a seed, a bar for the mean, and the step's verdict."""
    names = [name for name in results.variants if results.of(name)]
    figure, axes = new_figure(8.5, 1.2 + 0.55 * len(names))
    ax = axes[0, 0]
    for row, name in enumerate(names):
        values = results.values(name, what)
        ax.scatter(values, [row] * len(values), color=COLOURS[0], s=28, zorder=3)
        ax.scatter([values.mean()], [row], marker="|", s=420, color=COLOURS[1], linewidths=2.5)
        if row:
            gap, half = results.difference(names[row - 1], name, what)
            clear = abs(gap) > half
            note = f"{gap:+.3f}" + ("" if clear else " (within the spread)")
            ax.annotate(
                note,
                (1.01, row),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=9,
                weight="bold" if clear else "normal",
            )
    ax.set_yticks(range(len(names)), [name.replace("$", r"\$") for name in names])
    ax.invert_yaxis()
    ax.set(xlabel=_LABELS[what], title=title or _clear_steps(results, names, what))
    ax.grid(axis="x", alpha=0.3)
    return Picture(
        figure, f"One change at a time: dots are seeds, bars means. {_listed(results, what)}"
    )


def depth_curves(results: Results, title: str = "") -> Picture:
    """Draw the final loss against depth for post-norm and pre-norm, with and without warm-up."""
    groups: dict[tuple[str, bool], dict[int, np.ndarray]] = {}
    for name, about in results.variants.items():
        values = results.values(name)
        if len(values):
            key = (about["config"]["norm"], about["settings"]["warmup"] > 0)
            groups.setdefault(key, {})[about["config"]["n_layer"]] = values
    figure, axes = new_figure(7.5, 4.4)
    ax = axes[0, 0]
    said = []
    for i, ((norm, warm), by_depth) in enumerate(sorted(groups.items())):
        label = f"{norm}-norm, {'warm-up' if warm else 'no warm-up'}"
        depths = sorted(by_depth)
        means = [by_depth[d].mean() for d in depths]
        style = {"color": COLOURS[i], "linestyle": LINES[i]}
        ax.plot(depths, means, **style)
        ax.plot([], [], marker=MARKERS[i], label=label, **style)  # for the legend
        for d in depths:
            # Side by side, or the dots of one kind hide those of another.
            at = [d + 0.25 * (i - 1.5)] * len(by_depth[d])
            ax.scatter(at, by_depth[d], color=COLOURS[i], marker=MARKERS[i], s=22, zorder=3)
        said.append(f"{label}: {means[0]:.2f} at {depths[0]} layers, {means[-1]:.2f} at")
        said[-1] += f" {depths[-1]}"
    ax.set(
        xlabel="layers",
        ylabel=_LABELS["val_loss"],
        title=title or "Final loss by depth: lines are means, marks are seeds",
        xticks=sorted({d for by_depth in groups.values() for d in by_depth}),
    )
    ax.legend()
    ax.grid(alpha=0.3)
    return Picture(figure, f"Final loss by depth. {'; '.join(said)}.")


def gradient_norms(
    results: Results, step: int = 0, names: Sequence[str] | None = None, title: str = ""
) -> Picture:
    """Draw each block's gradient norm at one step, from the first block to the last.

    Needs runs watched with `gptlab.experiments.watch_gradients`.
    """
    figure, axes = new_figure(7.5, 4.2)
    ax = axes[0, 0]
    said = []
    for i, name in enumerate(names or results.variants):
        kept = [run.extra.get("grad_norms", {}).get(str(step)) for run in results.of(name)]
        norms = np.array([k for k in kept if k is not None])  # (seed, block)
        if not len(norms):
            raise ValueError(f"the runs of {name} kept no gradient norms at step {step}.")
        blocks = range(norms.shape[1])
        mean = norms.mean(0)
        style = {"color": COLOURS[i % 8], "linestyle": LINES[i % 8], "marker": MARKERS[i % 8]}
        ax.plot(blocks, mean, label=name, markersize=4, **style)
        ax.fill_between(blocks, norms.min(0), norms.max(0), color=COLOURS[i % 8], alpha=0.2)
        said.append(f"{name}: {mean[0]:.3g} in the first block, {mean[-1]:.3g} in the last")
    ax.set(
        xlabel="block, from input to output",
        ylabel="gradient norm",
        yscale="log",
        title=title or f"Gradient norm of each block at step {step}",
    )
    ax.legend()
    ax.grid(alpha=0.3)
    return Picture(figure, f"Gradient norm by block at step {step}. {'; '.join(said)}.")


def scaling_law(
    results: Results, x: str = "body_parameters", published: float | None = None, title: str = ""
) -> Picture:
    """Draw the loss against size or data on logarithmic axes, with the fitted power law.

    Args:
        results: of `gptlab.experiments.sizes` or `amounts`.
        x: "body_parameters" (without embeddings) or "tokens".
        published: the literature's exponent, drawn as a second line through the middle point.
        title: the finding.
    """
    law = results.power_law(x)
    points = np.array([(getattr(run, x), run.val_loss) for run in results.runs], dtype=float)
    ends = np.geomspace(points[:, 0].min(), points[:, 0].max(), 50)
    figure, axes = new_figure(7, 4.4)
    ax = axes[0, 0]
    ax.scatter(points[:, 0], points[:, 1], color=COLOURS[0], label="one run", zorder=3)
    label = f"fit: exponent {law.exponent:.3f} ± {law.error:.3f}"
    ax.plot(ends, [law(v) for v in ends], color=COLOURS[1], label=label)
    said = f"Fitted exponent {law.exponent:.3f} ± {law.error:.3f}"
    if published is not None:
        middle = np.exp(np.log(points[:, 0]).mean())
        line = law(middle) * (middle / ends) ** published
        ax.plot(ends, line, "--", color=COLOURS[6], label=f"published exponent {published}")
        said += f", published {published}"
    names = {"body_parameters": "parameters without embeddings", "tokens": "training tokens"}
    ax.set(xscale="log", yscale="log", xlabel=names[x], ylabel=_LABELS["val_loss"])
    ax.set_title(title or said)
    ax.xaxis.set_minor_formatter(NullFormatter())  # their labels would overlap
    ax.yaxis.set_minor_formatter(FuncFormatter(lambda v, _: f"{v:.1f}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.1f}"))
    ax.legend()
    ax.grid(alpha=0.3, which="both")
    return Picture(figure, f"Loss against {names[x]}, logarithmic. {said}.")


def _thousands(ax: Axes) -> None:
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))


def _clear_steps(results: Results, names: Sequence[str], what: str) -> str:
    """Name the rungs whose change exceeds the spread."""
    clear = []
    for before, name in pairwise(names):
        gap, half = results.difference(before, name, what)
        if abs(gap) > half:
            clear.append(f"{name.removeprefix('+ ')} ({gap:+.2f})")
    if not clear:
        return "No single step exceeds the spread"
    return "Steps beyond the spread: " + ", ".join(clear)


def _best(results: Results, what: str) -> str:
    """Say which variant ends lowest, or that the spread does not tell."""
    names = [name for name in results.variants if results.of(name)]
    if len(names) < 2:
        return results.title or names[0]
    first, second = sorted(names, key=lambda name: results.mean_sd(name, what)[0])[:2]
    gap, half = results.difference(first, second, what)
    if gap > half:
        return f"Lowest at the end: {first}"
    return f"{first} and {second} end within their spread"


def _listed(results: Results, what: str) -> str:
    unit = _LABELS[what].partition("(")[2].rstrip(")")
    ends = ", ".join(
        f"{name} {mean:.3f} ± {sd:.3f}"
        for name in results.variants
        if results.of(name)
        for mean, sd in [results.mean_sd(name, what)]
    )
    return f"At the end, in {unit}: {ends}."
