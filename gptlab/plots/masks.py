"""Pictures of what attention may look at: masks, and how far a stack of layers reaches."""

from __future__ import annotations

from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.show.picture import COLOURS, Picture, new_figure

# At most so many cells carry their sign: more would be unreadable.
_SIGNED = 2 * 12 * 12


def mask_map(mask: Tensor, title: str = "") -> Picture:
    """Draw a boolean mask: light where a query may look.

    Args:
        mask: (n_query, n_key).
        title: the finding; by default the share of pairs that may look.
    """
    mask = mask.detach().cpu()
    n_query, n_key = mask.shape
    figure, axes = new_figure(1.2 + 0.3 * n_key, 1.0 + 0.3 * n_query)
    ax = axes[0, 0]
    ax.imshow(mask.numpy(), cmap="cividis", vmin=0, vmax=1)
    if mask.numel() <= _SIGNED:
        for i in range(n_query):
            for j in range(n_key):
                text = "✓" if mask[i, j] else "·"
                ax.text(
                    j, i, text, ha="center", va="center", color="black" if mask[i, j] else "white"
                )
    share = mask.float().mean().item()
    ax.set(
        title=title or f"{share:.0%} of all pairs may look",
        xlabel="key position",
        ylabel="query position",
    )
    return Picture(
        figure,
        f"Mask of {n_query} queries by {n_key} keys: {int(mask.sum())} of {mask.numel()} pairs "
        f"may look ({share:.0%}).",
    )


def reach_map(config: GPTConfig, n_tokens: int | None = None, title: str = "") -> Picture:
    """Draw how far back the last token can reach, layer by layer.

    A layer's reach is how many tokens can have flowed into the last one after that layer: a dense
    layer reaches all, a banded one adds band - 1 to what was reached before.

    Args:
        config: the model's shape.
        n_tokens: length of the text, by default the longest the model reads.
        title: the finding; by default the reach of the whole stack.
    """
    n_tokens = n_tokens or config.n_ctx
    reached, reaches = 1, []
    for layer in range(config.n_layer):
        band = config.layer_band(layer)
        reached = n_tokens if band is None else min(n_tokens, reached + band - 1)
        reaches.append(reached)
    figure, axes = new_figure(7, 1.2 + 0.4 * config.n_layer)
    ax = axes[0, 0]
    for layer, reach in enumerate(reaches):
        banded = config.layer_band(layer) is not None
        bar = ax.barh(
            layer,
            reach,
            color=COLOURS[1 if banded else 0],
            hatch="//" if banded else None,
            edgecolor="white",
        )
        ax.bar_label(bar, [f"{'banded' if banded else 'dense'}: {reach}"], padding=4, fontsize=9)
    ax.set(
        title=title or f"After {config.n_layer} layers the last token reaches {reaches[-1]} tokens",
        xlabel="tokens that can have flowed into the last one",
        ylabel="layer",
        yticks=range(config.n_layer),
        xlim=(0, n_tokens * 1.25),
    )
    steps = ", ".join(f"layer {i}: {r}" for i, r in enumerate(reaches))
    return Picture(figure, f"Reach of the last of {n_tokens} tokens by layer: {steps}.")
