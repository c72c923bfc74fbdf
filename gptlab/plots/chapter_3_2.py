"""Pictures of chapter 3.2: where GPT-1's parameters are, and a loss beside its baselines."""

from __future__ import annotations

from collections.abc import Mapping

from gptlab.config import GPTConfig
from gptlab.show.picture import COLOURS, LINES, Picture, new_figure
from gptlab.training import History


def parameter_bars(config: GPTConfig, name: str) -> Picture:
    """Draw how many parameters each part of a model with biases and a tied output layer has."""
    d, layers = config.n_embd, config.n_layer
    parts = {
        "token embedding": config.vocab_size * d,
        "position embedding": config.n_ctx * d,
        "attention": layers * (4 * d * d + 4 * d),
        "MLP": layers * (8 * d * d + 5 * d),
        "LayerNorms": (2 * layers + config.final_norm) * 2 * d,
    }
    figure, axes = new_figure(7.5, 2.8)
    ax = axes[0, 0]
    bars = ax.barh(list(parts), [count / 1e6 for count in parts.values()], color=COLOURS[0])
    ax.bar_label(bars, [f"{count:,}" for count in parts.values()], padding=3)
    ax.invert_yaxis()
    share = (config.vocab_size + config.n_ctx) * d / sum(parts.values())
    ax.set(
        title=f"{name}: {share:.0%} of the parameters are embeddings",
        xlabel="millions of parameters",
        xlim=(0, 1.3 * max(parts.values()) / 1e6),
    )
    said = ", ".join(f"{part} {count:,}" for part, count in parts.items())
    return Picture(figure, f"Parameters of {name}: {said}; {sum(parts.values()):,} in all.")


def loss_and_baselines(history: History, baselines: Mapping[str, float]) -> Picture:
    """Draw one run's losses, and as level lines what needs no model, in nats per token.

    Args:
        history: the run.
        baselines: {name: nats per token}; the title compares with the lowest.
    """
    figure, axes = new_figure(7.5, 4)
    ax = axes[0, 0]
    steps = history.column("step")
    for i, (column, label) in enumerate((("train_loss", "training"), ("val_loss", "validation"))):
        ax.plot(steps, history.column(column), color=COLOURS[i], linestyle=LINES[i], label=label)
    for i, (label, loss) in enumerate(baselines.items(), start=2):
        ax.axhline(loss, color=COLOURS[i], linestyle=LINES[i], label=label)
    best = min(baselines, key=lambda label: baselines[label])
    gap = baselines[best] - history.val_loss
    side = "below" if gap > 0 else "above"
    ax.set(
        title=f"At the end: {abs(gap):.2f} nats {side} the {best} baseline",
        xlabel="updates",
        ylabel="loss (nats per token)",
    )
    ax.legend()
    said = ", ".join(f"{label} {loss:.2f}" for label, loss in baselines.items())
    return Picture(
        figure,
        f"Loss over {steps[-1]:.0f} updates, at the end {history.val_loss:.2f} nats per token on "
        f"the validation text; baselines: {said}.",
    )
