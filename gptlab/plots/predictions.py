"""Picture of a prediction: the likeliest next tokens."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gptlab.show.picture import COLOURS, Picture, new_figure


def next_token_bars(
    probabilities: Tensor,
    tokens: Sequence[str],
    top: int = 10,
    title: str = "",
    what: str = "next tokens",
) -> Picture:
    """Draw the likeliest next tokens, or other choices.

    Args:
        probabilities: (V,), sums to 1.
        tokens: the V printable tokens.
        top: how many bars.
        title: the finding; by default the likeliest token.
        what: the choices, in a word or two.
    """
    best = probabilities.detach().cpu().topk(min(top, len(probabilities)))
    names = [f"“{tokens[i]}”" for i in best.indices.tolist()]
    rows = range(len(names))  # not the names: two tokens may be written alike
    figure, axes = new_figure(6, 0.8 + 0.32 * len(names))
    ax = axes[0, 0]
    bars = ax.barh(rows, best.values.numpy(), color=COLOURS[0])
    ax.bar_label(bars, [f"{p:.1%}" for p in best.values.tolist()], padding=3, fontsize=9)
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set(
        title=title or f"Likeliest next token: {names[0]}",
        xlabel="probability",
        xlim=(0, min(1.0, 1.2 * best.values[0].item() + 0.02)),
    )
    listed = ", ".join(
        f"{n} {p:.1%}" for n, p in zip(names[:3], best.values.tolist()[:3], strict=True)
    )
    return Picture(figure, f"The {len(names)} likeliest {what}, led by {listed}.")
