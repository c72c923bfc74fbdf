"""Pictures of translation: one answer under several measures, and links between two sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.patches import Rectangle
from torch import Tensor

from gptlab.show.picture import COLOURS, Picture, new_figure


def measure_bars(scores: Mapping[str, float], title: str = "", what: str = "") -> Picture:
    """Draw what several measures say of the same answer, or one measure of several.

    Args:
        scores: {measure, or answer: score}, from 0 to 1.
        title: the finding; by default how far apart the measures are.
        what: of what the scores are, where it is not one answer under several measures.
    """
    rows = range(len(scores))  # not the names: two may be written alike
    values = list(scores.values())
    figure, axes = new_figure(6.5, 1.0 + 0.4 * len(scores))
    ax = axes[0, 0]
    bars = ax.barh(rows, values, color=COLOURS[0], height=0.6)
    ax.bar_label(bars, [f"{value:.2f}" for value in values], padding=3)
    ax.set_yticks(rows, list(scores))
    ax.invert_yaxis()
    ax.set(
        title=title or f"From {min(values):.2f} to {max(values):.2f}, by the measure",
        xlabel="score (0 to 1)",
        xlim=(0, 1.12),
    )
    told = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
    return Picture(figure, f"{what or f'One answer under {len(scores)} measures'}: {told}.")


def link_map(
    weights: Tensor,
    answer: Sequence[str],
    asked: Sequence[str],
    right: Tensor | None = None,
    title: str = "",
) -> Picture:
    """Draw how much each token of an answer looks at each token of what was asked.

    Args:
        weights: (n, m), a row a token of the answer.
        answer: its n printable tokens.
        asked: the m printable tokens of what was asked.
        right: (n, m), True where a link would be right; drawn as frames. Rows without any True have
            nothing to look for.
        title: the finding; by default how many of the strongest links are right.

    Raises:
        ValueError: if the weights do not fit the tokens.
    """
    if tuple(weights.shape) != (len(answer), len(asked)):
        raise ValueError(
            f"the weights have shape {tuple(weights.shape)}, but there are {len(answer)} tokens of "
            f"the answer and {len(asked)} of what was asked."
        )
    weights = weights.detach().cpu()
    strongest = weights.argmax(-1).tolist()
    figure, axes = new_figure(max(4.5, 2.0 + 0.29 * len(asked)), max(2.6, 1.4 + 0.29 * len(answer)))
    ax = axes[0, 0]
    image = ax.imshow(weights.numpy(), cmap="cividis", vmin=0, vmax=1)
    ax.plot(strongest, range(len(answer)), "o", color=COLOURS[1], mec="black", ms=5, ls="")
    said = f"{len(answer)} tokens of the answer look at {len(asked)} of what was asked"
    found, framed = f"The strongest weight is {weights.max():.2f}", ""
    if right is not None:
        for row, column in right.nonzero().tolist():
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec="white", lw=1.6))
        looked_for = right.any(1).nonzero()[:, 0].tolist()
        hits = sum(bool(right[row, strongest[row]]) for row in looked_for)
        found = f"The strongest link is right for {hits} of {len(looked_for)}"
        framed = "; frames: right ones"
    ax.set_xticks(range(len(asked)), asked)
    ax.set_yticks(range(len(answer)), answer)
    ax.set(
        title=title or found,
        xlabel=f"what was asked (dot: the strongest link{framed})",
        ylabel="the answer, when decided",
    )
    figure.colorbar(image, ax=ax, label="attention weight", shrink=0.8)
    return Picture(figure, f"{said}. {found}.")
