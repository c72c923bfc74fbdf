"""Picture of the data's way through a GPT: from ids to a loss, with the shapes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from gptlab.config import GPTConfig
from gptlab.show.picture import COLOURS, Picture, new_figure

_WIDTH, _HEIGHT = 4.6, 0.56
_ARROW = {"arrowstyle": "-|>", "color": "0.2", "lw": 1.2}


def gpt_diagram(config: GPTConfig, title: str = "") -> Picture:
    """Draw the way of a sequence of T tokens through the model, from bottom to top.

    Args:
        config: of the model; its sizes stand in the shapes.
        title: by default what the stream is.
    """
    C, V = config.n_embd, config.vocab_size
    stream = f"(T, {C})"
    heads = f"{config.n_head} heads of {config.head_dim}"
    parts = [
        ("token ids", "(T,)", 6),
        ("token embedding + position embedding", stream, 0),
    ]
    inner = [
        ("LayerNorm", stream, 2),
        (f"causal attention, {heads}", stream, 1),
        ("LayerNorm", stream, 2),
        (f"MLP: {C} → {4 * C}, GELU, → {C}", stream, 4),
    ]
    if config.norm == "post":
        inner = [inner[1], inner[0], inner[3], inner[2]]
    after = [("unembedding", f"(T, {V})", 0), ("logits → softmax → cross-entropy", "one loss", 6)]
    if config.final_norm:
        after.insert(0, ("LayerNorm", stream, 2))
    rows = [*parts, *inner, *after]
    figure, axes = new_figure(7.5, 0.62 * len(rows) + 1.2)
    ax = axes[0, 0]
    for i, (name, shape, colour) in enumerate(rows):
        _box(ax, i, name, shape, colour)
    for i in range(len(rows) - 1):
        ax.annotate("", (0, i + 1 - _HEIGHT / 2), (0, i + _HEIGHT / 2), arrowprops=_ARROW)
    _block(ax, len(parts), config)
    ax.set(
        xlim=(-_WIDTH / 2 - 0.3, _WIDTH / 2 + 2.6),
        ylim=(-0.6, len(rows) - 0.4),
        title=title or "Each block reads the stream and adds to it",
    )
    ax.axis("off")
    way = ", ".join(f"{name} {shape}" for name, shape, _ in rows)
    return Picture(
        figure,
        f"The way of T tokens, from bottom to top: {way}. The block in the middle stands "
        f"{config.n_layer} times; what attention and MLP give is added to what they were given.",
    )


def _box(ax: Axes, row: int, name: str, shape: str, colour: int) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (-_WIDTH / 2, row - _HEIGHT / 2),
            _WIDTH,
            _HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.1",
            facecolor=COLOURS[colour] if colour < 6 else "0.85",
            alpha=0.35 if colour < 6 else 1.0,
            edgecolor="0.2",
        )
    )
    ax.text(0, row, name, ha="center", va="center", fontsize=10)
    ax.text(_WIDTH / 2 + 0.65, row, shape, ha="left", va="center", family="monospace", fontsize=9)


def _block(ax: Axes, first: int, config: GPTConfig) -> None:
    """Frame the block's four rows, and draw the stream that passes attention and MLP by."""
    left, low = -_WIDTH / 2 - 0.15, first - 0.5
    ax.add_patch(
        FancyBboxPatch(
            (left, low), _WIDTH + 0.75, 4.0, boxstyle="round,pad=0,rounding_size=0.1",
            facecolor="none", edgecolor="0.2", linestyle="--",
        )
    )  # fmt: skip
    ax.text(_WIDTH / 2 + 2.0, first + 1.5, f"block\n× {config.n_layer}", ha="center", va="center")
    # Pre-norm takes the stream before the norm; post-norm adds first and then normalises.
    pairs = ((0, 1), (2, 3)) if config.norm == "pre" else ((0, 0), (2, 2))
    side = _WIDTH / 2 + 0.35
    for start, end in pairs:
        below, above = first + start - 0.4, first + end + 0.42
        ax.plot([0.0, side, side], [below, below, above], color="0.2", lw=1.2)
        ax.annotate("", (0.05, above), (side, above), arrowprops=_ARROW)
        ax.text(-0.08, above, "+", ha="right", va="center", fontsize=13, weight="bold")
