"""Picture of one moment of a training run: its place on the loss curve, its text, one head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from matplotlib.axes import Axes
from torch import Tensor

from gptlab.plots.attention import draw_map
from gptlab.plots.curves import LOSSES, finish, level_lines, levels_in_words
from gptlab.show.links import strongest_link
from gptlab.show.picture import COLOURS, Picture, new_figure, style
from gptlab.show.shown import one_line

_LINES = 8  # of text below the picture
_WIDE = 88  # letters in each
_SAID = 80  # letters of it in the sentence


def training_film(
    losses: Mapping[int, float],
    step: int,
    written: str,
    weights: Tensor,
    tokens: Sequence[str],
    levels: Mapping[str, float] | None = None,
    title: str = "",
) -> Picture:
    """Draw one frame of a training run's film: the loss so far and to come, a text, one head.

    Args:
        losses: {updates made: validation loss in nats per token} of all frames.
        step: which of them this is.
        written: what the model writes then.
        weights: one head's attention (T, T), rows sum to 1.
        tokens: the T printable tokens it looks at.
        levels: {name: loss} of what needs no training.
        title: the finding; by default updates made and loss.

    Raises:
        ValueError: if the step is no frame, or the weights do not fit the tokens.
    """
    if step not in losses:
        raise ValueError(f"step is {step}; there are frames of {', '.join(map(str, losses))}.")
    levels = levels or {}
    figure, axes = new_figure(11.5, 6.4, 2, 2, height_ratios=(3, 1))
    curve_ax, map_ax = axes[0]
    _curve(curve_ax, losses, step, levels)
    draw_map(map_ax, weights, tokens)
    link = strongest_link(weights, tokens)
    map_ax.set(title=f"One head: {link}", xlabel="key", ylabel="query")
    below = axes[1, 0].get_gridspec()[1, :]
    for ax in axes[1]:
        ax.remove()
    _text(figure.add_subplot(below), written)
    loss = f"{losses[step]:.2f} nats per token"
    figure.suptitle(title or f"After {_updates(step)}: {loss}")
    start = written[:_SAID] + ("…" if len(written) > _SAID else "")
    return Picture(
        figure,
        f"After {_updates(step)} of {max(losses):,}: validation loss {loss}. It writes: “{start}”. "
        f"One head's strongest link: {link}.{levels_in_words(levels)}",
    )


def _curve(ax: Axes, losses: Mapping[int, float], step: int, levels: Mapping[str, float]) -> None:
    looks = style(0) | {"marker": ".", "markersize": 5}
    (line,) = ax.plot(list(losses), list(losses.values()), label="all frames", **looks)
    (here,) = ax.plot(
        [step],
        [losses[step]],
        label=f"this one: {losses[step]:.2f}",
        color=COLOURS[1],
        marker="D",
        markersize=11,
        linestyle="none",
        zorder=4,
    )
    lines = [line, here, *level_lines(ax, levels)]
    finish(ax, lines, xlabel="updates", ylabel=LOSSES["val_loss"])
    # Beside the curve, where many names would go, stands the head.
    ax.legend(lines, [str(one.get_label()) for one in lines], loc="upper right", fontsize=8)


def _text(ax: Axes, written: str) -> None:
    """Write the model's text, line by line, into axes without a frame."""
    lines = [
        piece
        for line in written.split("\n")
        for piece in wrap(one_line(line), _WIDE, drop_whitespace=False) or [""]
    ]
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], "…"]
    ax.set_axis_off()
    ax.set_title("What it writes", fontsize=10, loc="left")
    ax.text(0, 1, "\n".join(lines), va="top", family="monospace", fontsize=9)


def _updates(number: int) -> str:
    return f"{number:,} update{'' if number == 1 else 's'}"
