"""Pictures of learning in the context: accuracy by examples, the sudden fall, a paper's scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gptlab.plots.curves import finish, level_lines, levels_in_words
from gptlab.show.picture import COLOURS, Picture, new_figure, style

_HATCHES = ("", "//", "xx", "..")


def examples_curve(
    accuracies: Mapping[str, Sequence[float]], chance: float, title: str = ""
) -> Picture:
    """Draw accuracy against the number of earlier examples, a line for each model.

    Args:
        accuracies: {which model: accuracy after 0, 1, 2 … examples}, from 0 to 1.
        chance: what guessing achieves, drawn as a level line.
        title: the finding; by default what the first example does to the first model.
    """
    figure, axes = new_figure(8, 4.2)
    ax = axes[0, 0]
    lines = [
        ax.plot(range(len(values)), 100 * np.array(values), label=name, **style(i))[0]
        for i, (name, values) in enumerate(accuracies.items())
    ]
    (first, *_), most = accuracies.values(), max(map(len, accuracies.values()))
    default = f"One example takes the accuracy from {first[0]:.0%} to {first[1]:.0%}"
    level = ax.axhline(100 * chance, color="0.4", lw=1.3, ls="--", label=f"guessing: {chance:.1%}")
    finish(
        ax,
        [*lines, level],
        xlabel="earlier examples of the same question in the context",
        ylabel="right answers (%)",
        title=title or default,
        xticks=range(most),
        ylim=(0, 105),
    )
    said = "; ".join(
        f"{name}: {', '.join(f'{v:.1%}' for v in values)}" for name, values in accuracies.items()
    )
    return Picture(
        figure, f"Accuracy after 0, 1, 2 … earlier examples. {said}. Guessing: {chance:.1%}."
    )


def sudden_fall(
    runs: Mapping[str, Sequence[Mapping[str, float]]],
    levels: Mapping[str, float] | None = None,
    title: str = "",
) -> Picture:
    """Draw the loss over training, and below it the accuracy after one example, a line a run.

    Args:
        runs: {run: its records} with step, val_loss and accuracy_1, as
            `gptlab.experiments.in_context.Pairs` measures.
        levels: {name: loss} of what needs no training, in nats per answer.
        title: the finding; by default between which updates the accuracy passes one half.
    """
    levels = levels or {}
    figure, axes = new_figure(7.5, 6, 2, 1, sharex=True)
    top, bottom = axes[:, 0]
    losses, halves = [], []
    for i, (name, records) in enumerate(runs.items()):
        steps = [record["step"] for record in records]
        looks = style(i) | {"markersize": 4, "markevery": max(1, len(steps) // 10)}
        losses += top.plot(steps, [r["val_loss"] for r in records], label=name, **looks)
        share = [r["accuracy_1"] for r in records]
        bottom.plot(steps, [100 * a for a in share], label=name, **looks)
        halves.append(next((s for s, a in zip(steps, share, strict=True) if a >= 0.5), None))
    found = [step for step in halves if step is not None]
    default = "No run answers half after one example"
    if found:
        when = f"at update {found[0]:,.0f}"
        if len(found) > 1:
            when = f"between updates {min(found):,.0f} and {max(found):,.0f}"
        default = f"After a plateau it comes suddenly: half are right {when}"
    finish(
        top,
        [*losses, *level_lines(top, levels)],
        ylabel="loss (nats per answer)",
        title=title or default,
    )
    bottom.set(xlabel="updates", ylabel="right after one example (%)", ylim=(0, 105))
    bottom.grid(alpha=0.3)  # the lines are those named above
    said = "; ".join(
        f"{name} passes one half at update {half:,.0f}"
        if half is not None
        else f"{name} never does"
        for name, half in zip(runs, halves, strict=True)
    )
    return Picture(
        figure,
        f"Loss and accuracy after one example over training: {said}.{levels_in_words(levels)}",
    )


def shots_bars(
    scores: Mapping[str, Mapping[str, float]],
    others: Mapping[str, float] | None = None,
    title: str = "",
) -> Picture:
    """Draw scores by the number of examples in the context, a group of bars for each task.

    Args:
        scores: {task: {"zero-shot": score, "one-shot": …}}; a task may lack some.
        others: {task: the best score of other models}, drawn as a grey mark over the group.
        title: the finding; by default how many tasks gain from more examples.
    """
    others = others or {}
    kinds = list(dict.fromkeys(kind for by_kind in scores.values() for kind in by_kind))
    figure, axes = new_figure(7.5, 4.4)
    ax = axes[0, 0]
    width = 0.8 / len(kinds)
    drawn = []
    for i, kind in enumerate(kinds):
        has = [(n, by_kind[kind]) for n, by_kind in enumerate(scores.values()) if kind in by_kind]
        bars = ax.bar(
            [n + (i + 0.5) * width - 0.4 for n, _ in has],
            [score for _, score in has],
            width,
            color=COLOURS[i % len(COLOURS)],
            hatch=_HATCHES[i % len(_HATCHES)],
            edgecolor="white",
            label=kind,
        )
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        numbers = [f"{score:.1f}" for _, score in has]
        ax.bar_label(bars, numbers, padding=3, fontsize=9, bbox=behind, zorder=5)
        drawn.append(bars)
    for n, task in enumerate(scores):
        if task in others:
            mark = ax.hlines(others[task], n - 0.44, n + 0.44, color="0.3", lw=2, ls="--")
    names = kinds
    if others:
        drawn, names = [*drawn, mark], [*kinds, "best before it"]
    first, last = kinds[0], kinds[-1]
    both = [by_kind for by_kind in scores.values() if {first, last} <= set(by_kind)]
    gain = sum(by_kind[last] > by_kind[first] for by_kind in both)
    ax.set(
        title=title or f"{last} beats {first} on {gain} of {len(both)} tasks",
        ylabel="score (%)",
        ylim=(0, 105),
        xlim=(-0.6, len(scores) - 0.2),
    )
    labels = [f"{t}\nbest before it: {others[t]:.1f}" if t in others else t for t in scores]
    ax.set_xticks(range(len(scores)), labels)
    ax.grid(alpha=0.3, axis="y")
    ax.legend(drawn, names, loc="center left", bbox_to_anchor=(1.0, 0.5))
    said = "; ".join(
        f"{task}: {', '.join(f'{kind} {score:.1f}' for kind, score in by_kind.items())}"
        + (f", best before it {others[task]:.1f}" if task in others else "")
        for task, by_kind in scores.items()
    )
    return Picture(figure, f"Scores by examples in the context, in percent. {said}.")
