"""Pictures of a model's weights: where they are, how far they moved; gradients by depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from gptlab.config import GPTConfig
from gptlab.model import GPT
from gptlab.plots.curves import curve, finish
from gptlab.results import Results
from gptlab.show.picture import COLOURS, Picture, new_figure

#: The parts of a model, by what the names of their parameters hold.
_PARTS = {
    "wte.": "token embedding",
    "wpe.": "position embedding",
    ".attn.": "attention",
    ".mlp.": "MLP",
    "ln_": "LayerNorms",
    "lm_head.": "output layer",
}
#: Beside each colour of bars that stand side by side.
_HATCHES = ("", "//", "xx", "..")


def parameter_bars(config: GPTConfig, name: str) -> Picture:
    """Draw how many parameters each part of a model has; a tied output layer counts once.

    Args:
        config: the model's shape.
        name: what the model is called in the title.
    """
    with torch.device("meta"):
        model = GPT(config)
    counts: dict[str, int] = {}
    for parameter, weight in model.named_parameters():
        part = next(part for sign, part in _PARTS.items() if sign in parameter)
        counts[part] = counts.get(part, 0) + weight.numel()
    parts = {part: counts[part] for part in _PARTS.values() if part in counts}
    figure, axes = new_figure(7.5, 1 + 0.36 * len(parts))
    ax = axes[0, 0]
    bars = ax.barh(list(parts), [count / 1e6 for count in parts.values()], color=COLOURS[0])
    ax.bar_label(bars, [f"{count:,}" for count in parts.values()], padding=3)
    ax.invert_yaxis()
    total = sum(parts.values())
    share = (parts["token embedding"] + parts["position embedding"]) / total
    ax.set(
        title=f"{name}: {share:.0%} of the parameters are embeddings",
        xlabel="millions of parameters",
        xlim=(0, 1.3 * max(parts.values()) / 1e6),
    )
    said = ", ".join(f"{part} {count:,}" for part, count in parts.items())
    return Picture(figure, f"Parameters of {name}: {said}; {total:,} in all.")


def stream_growth(spreads: Mapping[str, Sequence[float]]) -> Picture:
    """Draw the standard deviation of the residual stream after each block, before any training.

    Args:
        spreads: {how the model was made: one value a block}, all equally long.
    """
    figure, axes = new_figure(7, 3.8)
    ax = axes[0, 0]
    lines = [
        curve(ax, i, range(1, len(values) + 1), np.array([values]), name)
        for i, (name, values) in enumerate(spreads.items())
    ]
    blocks = len(next(iter(spreads.values())))
    said = "; ".join(f"{name} {values[-1]:.2f}" for name, values in spreads.items())
    finish(
        ax,
        lines,
        xlabel="blocks passed",
        ylabel="standard deviation of the stream",
        title=f"After {blocks} blocks: {said}",
        ylim=(0, None),
    )
    ax.xaxis.get_major_locator().set_params(integer=True)
    return Picture(figure, f"Spread of a fresh model's stream after {blocks} blocks: {said}.")


def gradient_norms(
    results: Results, step: int = 0, names: Sequence[str] | None = None, title: str = ""
) -> Picture:
    """Draw each block's gradient norm at one step, from the first block to the last.

    Args:
        results: whose runs were watched with `gptlab.experiments.watch_gradients`.
        step: the number of updates before it.
        names: the variants to draw, by default all.
        title: the finding.

    Raises:
        ValueError: if a variant kept no gradient norms at that step.
    """
    figure, axes = new_figure(7.5, 4.2)
    ax = axes[0, 0]
    lines, said = [], []
    for i, name in enumerate(names or results.variants):
        kept = [run.extra.get("grad_norms", {}) for run in results.of(name)]
        norms = np.array([of_run[str(step)] for of_run in kept if str(step) in of_run])
        if not len(norms):  # (seed, block)
            there = ", ".join(sorted({at for of_run in kept for at in of_run}, key=int)) or "none"
            raise ValueError(
                f"the runs of {name} kept no gradient norms at step {step}; kept are: {there}."
            )
        lines.append(curve(ax, i, range(norms.shape[1]), norms, name))
        first, last = norms.mean(0)[[0, -1]]
        said.append(f"{name}: {first:.3g} in the first block, {last:.3g} in the last")
    finish(
        ax,
        lines,
        xlabel="block, from input to output",
        ylabel="gradient norm",
        yscale="log",
        title=title or f"Gradient norm of each block at step {step}",
    )
    return Picture(figure, f"Gradient norm by block at step {step}. {'; '.join(said)}.")


def weights_moved(shares: Mapping[str, Mapping[str, float]], title: str = "") -> Picture:
    """Draw how far the weights of each part moved, as a share of how large they were.

    The axis is logarithmic; a part that did not move has no bar and is marked with a 0.

    Args:
        shares: {what was done: {part of the model: length of the change over length before}}; a
            model without a part leaves it out.
        title: the finding.
    """
    # In the order of whichever model has most parts: the others' fit between.
    by_size = sorted(shares.values(), key=len, reverse=True)
    parts = list(dict.fromkeys(part for of_way in by_size for part in of_way))
    moved = [share for of_way in shares.values() for share in of_way.values() if share > 0]
    low = min(moved, default=1.0) / 4
    figure, axes = new_figure(2.5 + 1.1 * len(parts), 4.2)
    ax = axes[0, 0]
    width = 0.8 / len(shares)
    bars, said = [], []
    for i, (way, of_way) in enumerate(shares.items()):
        places = [parts.index(part) + (i - (len(shares) - 1) / 2) * width for part in of_way]
        heights = [max(share, low) for share in of_way.values()]
        hatch = _HATCHES[i % len(_HATCHES)]
        drawn = ax.bar(places, heights, width, color=COLOURS[i % 8], hatch=hatch, edgecolor="white")
        labels = [_percent(share) for share in of_way.values()]
        ax.bar_label(drawn, labels, padding=2, fontsize=8)
        bars.append(drawn)
        listed = ", ".join(f"{part} {label}" for part, label in zip(of_way, labels, strict=True))
        said.append(f"{way}: {listed}")
    ax.set_xticks(range(len(parts)), parts)
    ax.set(
        yscale="log",
        ylim=(low, 4 * max(moved, default=1.0)),
        ylabel="length of the change / length before",
        title=title or "How far the weights of each part moved",
    )
    ax.legend(bars, list(shares))
    return Picture(figure, f"Share by which weights moved. {'; '.join(said)}.")


def _percent(share: float) -> str:
    if share == 0:
        return "0"
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
