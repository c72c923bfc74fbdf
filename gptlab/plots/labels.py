"""Pictures of a choice: between labels, learned or made word by word, and between two ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import fill

from torch import Tensor

from gptlab.plots.curves import finish
from gptlab.show.picture import COLOURS, Picture, new_figure, style


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


def label_learning(
    records: Sequence[Mapping[str, float]], n_labels: int, title: str = ""
) -> Picture:
    """Draw the loss of the label over training, and below it the accuracy, beside guessing.

    Args:
        records: evaluations in their order, each with step, val_loss (nats) and val_accuracy (0 to
            1), as `gptlab.History` keeps them.
        n_labels: how many labels there are to guess among, all equally common.
        title: the finding; by default where the accuracy passes half of the way from guessing to 1.
    """
    steps = [record["step"] for record in records]
    losses, shares = ([r[name] for r in records] for name in ("val_loss", "val_accuracy"))
    guessed = math.log(n_labels), 1 / n_labels
    half = (1 + guessed[1]) / 2
    above = next((i for i, share in enumerate(shares) if share >= half), None)
    if above is None:
        default = f"The accuracy never reaches {half:.2f}"
    elif above == 0:
        default = f"The accuracy is {shares[0]:.2f} from the first evaluation on"
    else:
        default = (
            f"Accuracy from {shares[above - 1]:.2f} to {shares[above]:.2f} between updates "
            f"{steps[above - 1]:,.0f} and {steps[above]:,.0f}"
        )
    figure, axes = new_figure(7.5, 5.4, 2, 1, sharex=True)
    for i, (values, level, name) in enumerate(
        zip(
            (losses, shares),
            guessed,
            ("loss of the label (nats)", "accuracy (0 to 1)"),
            strict=True,
        )
    ):
        ax = axes[i, 0]
        lines = ax.plot(steps, values, label="on validation", **style(i))
        lines.append(
            ax.axhline(level, color="0.4", lw=1.3, ls="--", label=f"guessing: {level:.2f}")
        )
        finish(ax, lines, ylabel=name, title=(title or default) if i == 0 else "")
    axes[0, 0].set_ylim(bottom=0)
    axes[1, 0].set(ylim=(0, 1.05), xlabel="updates")
    return Picture(
        figure,
        f"Over training, the loss of the label goes from {losses[0]:.2f} to {losses[-1]:.2f} nats "
        f"(guessing: {guessed[0]:.2f}) and the accuracy from {shares[0]:.2f} to {shares[-1]:.2f} "
        f"(guessing: {guessed[1]:.2f}). {default}.",
    )


def choice_bars(
    choices: Mapping[tuple[str, str], float], ends: tuple[str, str], title: str = ""
) -> Picture:
    """Draw how who was asked shares out between two ends of a text, a bar a text.

    Args:
        choices: {(who, text): probability of the first end, where it is this one or the other}.
        ends: the two.
        title: the finding; by default how many of the answers are the first end.
    """
    rows = range(len(choices))
    firsts = list(choices.values())
    figure, axes = new_figure(8.5, 1.4 + 0.62 * len(choices))
    ax = axes[0, 0]
    for widths, starts, looks in (
        (firsts, [0.0] * len(firsts), {"color": COLOURS[0]}),
        ([1 - p for p in firsts], firsts, {"color": COLOURS[4], "hatch": "//"}),
    ):
        ax.barh(rows, widths, left=starts, height=0.55, edgecolor="white", **looks)
    ax.axvline(0.5, color="0.2", lw=1.3, ls="--")
    ax.set_yticks(rows, [f"{who}\n{fill(f'{text} …', 48)}" for who, text in choices])
    ax.tick_params(axis="y", labelsize=8)
    ax.invert_yaxis()
    for row, share in zip(rows, firsts, strict=True):
        ax.annotate(f"{share:.0%}", (1.01, row), va="center", fontsize=9, annotation_clip=False)
    above = sum(share > 0.5 for share in firsts)
    ax.set(
        title=title or f"{above} of {len(firsts)} answers are “{ends[0]}”",
        xlabel=f"share of “{ends[0]}” (left) and “{ends[1]}” (right, hatched); dashed: one half",
        xlim=(0, 1),
    )
    told = "; ".join(f"{who}, “{text}”: {p:.1%}" for (who, text), p in choices.items())
    return Picture(figure, f"Share of “{ends[0]}” against “{ends[1]}”. {told}.")
