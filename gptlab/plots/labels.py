"""Pictures of a choice between labels: their probabilities, and one of them word by word."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gptlab.show.picture import COLOURS, Picture, new_figure


def label_bars(probabilities: Tensor, labels: Sequence[str], title: str = "") -> Picture:
    """Draw the probability of each label, in the order given.

    Args:
        probabilities: (n,), sums to 1.
        labels: their names.
        title: the finding; by default the likeliest label.
    """
    chances = probabilities.detach().cpu().tolist()
    rows = range(len(labels))  # not the names: two may be written alike
    figure, axes = new_figure(6, 0.9 + 0.4 * len(labels))
    ax = axes[0, 0]
    bars = ax.barh(rows, chances, color=COLOURS[0], height=0.6)
    ax.bar_label(bars, [f"{p:.0%}" for p in chances], padding=3)
    ax.set_yticks(rows, labels)
    ax.invert_yaxis()
    best = labels[chances.index(max(chances))]
    ax.set(title=title or f"Likeliest: {best}", xlabel="probability", xlim=(0, 1.12))
    told = ", ".join(f"{name} {p:.0%}" for name, p in zip(labels, chances, strict=True))
    return Picture(figure, f"Probability of each label: {told}.")


def label_by_word(
    chances: Sequence[float], words: Sequence[str], label: str, title: str = ""
) -> Picture:
    """Draw the probability of a label after each word of a text.

    Args:
        chances: one for each word, from 0 to 1: what is said when the text ends there.
        words: of the text, in their order.
        label: whose probability it is.
        title: the finding; by default where it ends.
    """
    rows = range(len(words))
    figure, axes = new_figure(6.5, 1.2 + 0.3 * len(words))
    ax = axes[0, 0]
    bars = ax.barh(rows, list(chances), color=COLOURS[5], height=0.6)
    ax.bar_label(bars, [f"{p:.0%}" for p in chances], padding=3, fontsize=9)
    ax.axvline(0.5, color="0.4", lw=1.3, ls="--")
    ax.set_yticks(rows, [f"… {word}" for word in words])
    ax.invert_yaxis()
    ax.set(
        title=title or f"{label}: {chances[-1]:.0%} after {len(words)} words",
        xlabel=f"probability of {label} if the text ended here; dashed: one half",
        xlim=(0, 1.12),
    )
    told = ", ".join(f"“{word}” {p:.0%}" for word, p in zip(words, chances, strict=True))
    return Picture(figure, f"Probability of {label} after each word: {told}.")
