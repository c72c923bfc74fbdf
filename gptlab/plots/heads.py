"""Pictures of all heads of a model: what they look at against what they do; a number for each."""

from __future__ import annotations

from torch import Tensor

from gptlab.plots.curves import finish
from gptlab.show.picture import Picture, new_figure, style


def weight_and_effect(
    weights: Tensor, effects: Tensor, correlation: float, interval: tuple[float, float]
) -> Picture:
    """Draw how hard each head looks against what the loss loses without it.

    Args:
        weights: mean of the largest attention weight (layer, head), from 0 to 1.
        effects: how much the loss rises without the head (layer, head), in nats per token.
        correlation: of the ranks, from -1 to 1.
        interval: where it lies with 95 %.
    """
    figure, axes = new_figure(7, 4.6)
    ax = axes[0, 0]
    lines = []
    for layer, (x, y) in enumerate(zip(weights.tolist(), effects.tolist(), strict=True)):
        lines += ax.plot(x, y, **(style(layer) | {"linestyle": "none"}), label=f"layer {layer}")
    ax.axhline(0, color="0.5", lw=0.8)
    low, high = interval
    said = f"rank correlation {correlation:.2f} ({low:.2f} to {high:.2f})"
    finish(
        ax,
        lines,
        xlabel="mean largest attention weight of a head",
        ylabel="loss without the head, less the whole's (nats)",
        title=f"How hard a head looks, and what the loss loses without it:\n{said}",
    )
    layer, head = divmod(int(effects.argmax()), effects.size(1))
    return Picture(
        figure,
        f"{effects.numel()} heads, {said}. Most is lost without head ({layer}, {head}): "
        f"{effects.max():.3f} nats, with a mean largest weight of {weights[layer, head]:.2f}.",
    )


def head_map(values: Tensor, what: str, title: str = "") -> Picture:
    """Draw a number for each head, layers from top to bottom, each number written in its cell.

    Args:
        values: (layer, head).
        what: what the number is, for the bar of colours.
        title: by default the head with the largest number.
    """
    n_layer, n_head = values.shape
    figure, axes = new_figure(1.6 + 0.75 * n_head, 1.2 + 0.5 * n_layer)
    ax = axes[0, 0]
    most = max(1e-9, float(values.abs().max()))
    drawn = ax.imshow(values.numpy(), cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
    for layer in range(n_layer):
        for head in range(n_head):
            value = float(values[layer, head])
            dark = abs(value) > 0.6 * most
            ax.text(
                head,
                layer,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    figure.colorbar(drawn, ax=ax, label=what)
    layer, head = divmod(int(values.argmax()), n_head)
    told = f"{what}: most at head ({layer}, {head}), {values.max():.2f}"
    ax.set(xlabel="head", ylabel="layer", title=title or told)
    ax.set_xticks(range(n_head))
    ax.set_yticks(range(n_layer))
    return Picture(figure, f"{told}; least {values.min():.2f}, over {n_layer} × {n_head} heads.")
