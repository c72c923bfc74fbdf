"""Pictures of the residual stream by depth: what it would say, where it points, who wrote in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.show.picture import COLOURS, Picture, new_figure, style

# Longer tokens would run into the next cell.
_LETTERS = 10


def lens_grid(
    logits: Mapping[str, Tensor], tokens: Sequence[str], vocabulary: Sequence[str], title: str = ""
) -> Picture:
    """Write the likeliest next token into each cell: a row a point, a column a token that was read.

    The points go from bottom to top, as a sequence goes through the model.

    Args:
        logits: {point: (T, V)}, in the order of the way, as `gptlab.logit_lens` returns them.
        tokens: the T printable tokens that were read.
        vocabulary: the V printable tokens.
        title: the finding; by default from which point on the last prediction stands.
    """
    points = list(logits)
    chances = torch.stack([x.detach().cpu() for x in logits.values()]).softmax(-1)  # (P, T, V)
    best = chances.max(-1)  # (P, T)
    figure, axes = new_figure(2.2 + 1.05 * len(tokens), 1.6 + 0.34 * len(points))
    ax = axes[0, 0]
    image = ax.imshow(
        best.values.numpy(), cmap="cividis", vmin=0, vmax=1, origin="lower", aspect="auto"
    )
    for row, ids in enumerate(best.indices.tolist()):
        for column, token in enumerate(ids):
            ink = "black" if best.values[row, column] > 0.5 else "white"
            said = vocabulary[token]
            said = said if len(said) <= _LETTERS else said[: _LETTERS - 1] + "…"
            ax.text(column, row, said, ha="center", va="center", fontsize=8, color=ink)
    ax.set_xticks(range(len(tokens)), tokens, rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(points)), points)
    last = best.indices[:, -1].tolist()
    settled = max((i + 1 for i, token in enumerate(last) if token != last[-1]), default=0)
    said = f"“{vocabulary[last[-1]]}”"
    ax.set(
        title=title or f"After “{tokens[-1]}” comes {said}: so from {points[settled]} on",
        xlabel="token that was read",
        ylabel="point in the stream",
    )
    figure.colorbar(image, ax=ax, label="probability of the token in the cell", shrink=0.8)
    return Picture(
        figure,
        f"What would come next, read off at {len(points)} points over {len(tokens)} tokens. After "
        f"“{tokens[-1]}” it is {said} at the end, with {best.values[-1, -1]:.1%}, and that from "
        f"{points[settled]} on.",
    )


def stream_by_depth(vectors: Mapping[str, Tensor], title: str = "") -> Picture:
    """Draw how long one token's vector is at each point, and how far it points to where it ends.

    Args:
        vectors: {point: (C,)}, in the order of the way; at least two.
        title: the finding; by default how much the length grows.
    """
    points = list(vectors)
    stream = torch.stack([x.detach().float().cpu() for x in vectors.values()])  # (P, C)
    lengths = stream.norm(dim=-1).tolist()
    cosines = F.cosine_similarity(stream, stream[-1:], dim=-1).tolist()
    figure, axes = new_figure(9.5, 3.8, 1, 2)
    for ax, number, values, label in (
        (axes[0, 0], 0, lengths, "length of the vector"),
        (axes[0, 1], 1, cosines, "cosine with the last vector"),
    ):
        ax.plot(range(len(points)), values, **style(number))
        ax.set_xticks(range(len(points)), points, rotation=60, ha="right", rotation_mode="anchor")
        ax.set(xlabel="point in the stream", ylabel=label)
        ax.grid(alpha=0.3)
    axes[0, 0].set_ylim(0, None)
    grown = f"from {lengths[0]:.1f} to {lengths[-1]:.1f}"
    figure.suptitle(title or f"The vector's length goes {grown}, and it turns on the way")
    middle = len(points) // 2
    return Picture(
        figure,
        f"One vector at {len(points)} points: its length goes {grown}; its cosine with the last is "
        f"{cosines[0]:.2f} at {points[0]} and {cosines[middle]:.2f} at {points[middle]}.",
    )


def writer_bars(parts: Mapping[str, float], token: str, title: str = "") -> Picture:
    """Draw what each part that wrote into the stream adds to one token's logit.

    Args:
        parts: {who wrote: what it adds}, in the order of the way.
        token: whose logit it is.
        title: the finding; by default who adds most.
    """
    names, values = list(parts), list(parts.values())
    figure, axes = new_figure(7.5, 1 + 0.3 * len(names))
    ax = axes[0, 0]
    rows = range(len(names))  # not the names: two may be written alike
    colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in values]
    bars = ax.barh(rows, values, color=colours)
    ax.bar_label(bars, [f"{value:+.1f}" for value in values], padding=3, fontsize=9)
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.axvline(0, color="0.2", lw=1)
    ax.margins(x=0.15)
    most = max(rows, key=lambda row: values[row])
    ax.set(
        title=title or f"{names[most]} adds most to the logit of “{token}”",
        xlabel=f"added to the logit of “{token}”",
    )
    least = min(rows, key=lambda row: values[row])
    return Picture(
        figure,
        f"What {len(names)} parts add to the logit of “{token}”: most {names[most]}, "
        f"{values[most]:+.1f}; least {names[least]}, {values[least]:+.1f}; {sum(values):+.1f} "
        f"together.",
    )
