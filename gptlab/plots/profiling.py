"""Picture of a profile: which operations take the time."""

from __future__ import annotations

from collections.abc import Mapping

from gptlab.show.picture import COLOURS, Picture, new_figure


def operation_shares(seconds: Mapping[str, float], top: int = 6, title: str = "") -> Picture:
    """Draw the share of the time that each operation took, the largest first, the rest as one bar.

    Args:
        seconds: {operation: time spent in it and in nothing that it called}, any unit of time.
        top: how many operations get a bar of their own.
        title: the finding; by default the largest share.

    Raises:
        ValueError: if no time was spent at all, or a time is negative.
    """
    total = sum(seconds.values())
    if total <= 0 or min(seconds.values()) < 0:
        raise ValueError(f"the times sum to {total}; give times above 0, and none below.")
    largest = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))[:top]
    shares = [(name, time / total) for name, time in largest]
    others = len(seconds) - len(shares)
    if others:
        rest = max(0.0, 1 - sum(share for _, share in shares))
        shares.append((f"{others} others", rest))
    figure, axes = new_figure(6.5, 0.9 + 0.34 * len(shares))
    ax = axes[0, 0]
    rows = range(len(shares))
    bars = ax.barh(rows, [100 * share for _, share in shares], color=COLOURS[0])
    if others:  # not an operation
        bars.patches[-1].set(facecolor="0.75", hatch="//")
    ax.bar_label(bars, [f"{share:.0%}" for _, share in shares], padding=3, fontsize=9)
    ax.set_yticks(rows, [name for name, _ in shares])
    ax.invert_yaxis()
    name, share = shares[0]
    ax.set(
        title=title or f"{name} takes {share:.0%} of the time",
        xlabel="share of the time (%)",
        xlim=(0, 115 * max(share for _, share in shares)),
    )
    listed = ", ".join(f"{name} {share:.0%}" for name, share in shares)
    return Picture(figure, f"Shares of the time by operation: {listed}.")
