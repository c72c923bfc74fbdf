"""Pictures of the inside: masks, attention weights, the next token's probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.show.picture import COLOURS, Picture, new_figure

# At most so many cells carry their number: more would be unreadable.
_NUMBERED = 12 * 12


def attention_map(weights: Tensor, tokens: Sequence[str], title: str = "") -> Picture:
    """Draw one head's weights: a row a query, a column a key.

    Args:
        weights: (T, T), rows sum to 1.
        tokens: the T printable tokens.
        title: what the picture shows; by default where the strongest link lies.
    """
    _check(weights, tokens, 2)
    figure, axes = new_figure(1.6 + 0.42 * len(tokens), 1.4 + 0.4 * len(tokens))
    image = _draw(axes[0, 0], weights, tokens)
    link = _strongest(weights, tokens)
    axes[0, 0].set(title=_plain(title or f"Strongest link: {link}"), xlabel="key", ylabel="query")
    figure.colorbar(image, ax=axes[0, 0], label="attention weight", shrink=0.8)
    return Picture(figure, f"Attention of {len(tokens)} tokens to each other. Strongest: {link}.")


def attention_grid(
    attention: Tensor,
    tokens: Sequence[str],
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    title: str = "",
) -> Picture:
    """Draw many heads at a glance: a row a layer, a column a head.

    Args:
        attention: (layer, head, query, key), as in a trace.
        tokens: the T printable tokens.
        layers: which layers, by default all.
        heads: which heads, by default all.
        title: what the picture shows.
    """
    _check(attention, tokens, 4)
    layers = range(attention.size(0)) if layers is None else layers
    heads = range(attention.size(1)) if heads is None else heads
    figure, axes = new_figure(
        1.0 + 1.9 * len(heads), 0.6 + 1.9 * len(layers), len(layers), len(heads)
    )
    for row, layer in enumerate(layers):
        for column, head in enumerate(heads):
            ax = axes[row, column]
            ax.imshow(attention[layer, head].numpy(), cmap="cividis", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.set_title(f"layer {layer} head {head}", fontsize=9)
    figure.supxlabel(f"key: {_span(tokens)}", fontsize=9)
    figure.supylabel("query", fontsize=9)
    figure.suptitle(_plain(title or "Every head looks its own way"))
    previous = _previous_token_head(attention)
    return Picture(
        figure,
        f"{len(layers)} layers × {len(heads)} heads over {len(tokens)} tokens. {previous}",
    )


def mask_map(mask: Tensor, title: str = "") -> Picture:
    """Draw a boolean mask (n_query, n_key): light where a query may look."""
    n_query, n_key = mask.shape
    figure, axes = new_figure(1.2 + 0.3 * n_key, 1.0 + 0.3 * n_query)
    ax = axes[0, 0]
    ax.imshow(mask.numpy(), cmap="cividis", vmin=0, vmax=1)
    if mask.numel() <= _NUMBERED * 2:
        for i in range(n_query):
            for j in range(n_key):
                text = "✓" if mask[i, j] else "·"
                ax.text(j, i, text, ha="center", va="center", color=_ink(float(mask[i, j])))
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


def next_token_bars(
    probabilities: Tensor, tokens: Sequence[str], top: int = 10, title: str = ""
) -> Picture:
    """Draw the likeliest next tokens.

    Args:
        probabilities: (V,), sums to 1.
        tokens: the V printable tokens, or a function's list of them.
        top: how many bars.
        title: what the picture shows.
    """
    best = probabilities.topk(min(top, len(probabilities)))
    names = [_plain(f"“{tokens[i]}”") for i in best.indices.tolist()]
    figure, axes = new_figure(6, 0.8 + 0.32 * len(names))
    ax = axes[0, 0]
    bars = ax.barh(names, best.values.numpy(), color=COLOURS[0])
    ax.bar_label(bars, [f"{p:.1%}" for p in best.values.tolist()], padding=3, fontsize=9)
    ax.invert_yaxis()
    ax.set(
        title=title or f"Likeliest next token: {names[0]}",
        xlabel="probability",
        xlim=(0, min(1.0, 1.2 * best.values[0].item() + 0.02)),
    )
    listed = ", ".join(
        f"{n} {p:.1%}" for n, p in zip(names[:3], best.values.tolist()[:3], strict=True)
    )
    return Picture(figure, f"The {len(names)} likeliest next tokens, led by {listed}.")


def _draw(ax: Axes, weights: Tensor, tokens: Sequence[str]) -> Any:
    image = ax.imshow(weights.numpy(), cmap="cividis", vmin=0, vmax=1)
    names = [_plain(token) for token in tokens]
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    if weights.numel() <= _NUMBERED:
        for (i, j), weight in np.ndenumerate(weights.numpy()):
            if weight >= 0.005:
                ink = _ink(weight)
                ax.text(j, i, f"{weight:.2f}", ha="center", va="center", color=ink, fontsize=8)
    return image


def _ink(value: float) -> str:
    return "black" if value > 0.5 else "white"


def _plain(text: str) -> str:
    """Keep matplotlib from reading a token's dollar signs as mathematics."""
    return text.replace("$", r"\$")


def _span(tokens: Sequence[str]) -> str:
    text = " ".join(tokens)
    return _plain(text if len(text) < 70 else text[:67] + "…")


def _strongest(weights: Tensor, tokens: Sequence[str]) -> str:
    """Name the strongest link between two different tokens."""
    others = weights.clone().fill_diagonal_(0)
    query, key = divmod(int(others.argmax()), len(tokens))
    return f"“{tokens[query]}” looks at “{tokens[key]}” ({others.max():.2f})"


def _previous_token_head(attention: Tensor) -> str:
    """Name the head that looks most at the token just before."""
    before = attention.diagonal(offset=-1, dim1=-2, dim2=-1).mean(-1)  # (layer, head)
    if before.numel() == 0 or attention.size(-1) < 2:
        return "One token, so nothing to look back at."
    layer, head = divmod(int(before.argmax()), attention.size(1))
    return (
        f"Layer {layer} head {head} looks most at the token just before, with {before.max():.2f} "
        f"on average."
    )


def _check(weights: Tensor, tokens: Sequence[str], dimensions: int) -> None:
    if weights.dim() != dimensions or weights.size(-1) != len(tokens):
        raise ValueError(
            f"the weights have shape {tuple(weights.shape)}, but there are {len(tokens)} tokens; "
            f"expected {dimensions} dimensions, the last two of {len(tokens)}."
        )
