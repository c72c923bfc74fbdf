"""Picture of a paper's scores beside the state of the art before it, a row for each measure."""

from __future__ import annotations

from collections.abc import Sequence

from gptlab.papers import PaperScore
from gptlab.plots.curves import name_ticks
from gptlab.show.picture import COLOURS, MARKERS, Picture, new_figure

_ROW = 0.5  # inches, for a name and its measure below it
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def zero_shot_ratios(scores: Sequence[PaperScore], who: str = "GPT-2", title: str = "") -> Picture:
    """Draw how many times as good as before the smallest and the largest model are, a row each.

    The ratio is that of the scores where higher is better, and its inverse where lower is: the
    right is better on every row. Scores themselves stand at the end of the row.

    Args:
        scores: the rows, from top to bottom; those of one data set follow each other.
        who: whose scores these are, for the title.
        title: the finding; by default on how many data sets the largest model is better than before
            on all that was measured.
    """
    smallest, *_, largest = scores[0].scores
    ratios = {model: [score.better_by(model) for score in scores] for model in (smallest, largest)}
    figure, axes = new_figure(9.5, 1.2 + _ROW * len(scores))
    ax = axes[0, 0]
    places = range(len(scores))
    for i, (model, of_model) in enumerate(ratios.items()):
        ax.scatter(
            of_model,
            places,
            s=70,
            color=COLOURS[i],
            edgecolors="white",
            marker=MARKERS[i],
            label=model,
            zorder=3,
        )
    ax.hlines(places, *ratios.values(), color="0.6", lw=1.5, zorder=2)
    ax.axvline(1, color="0.3", lw=1.5, ls="--", label="state of the art before", zorder=1)
    low, high = min(map(min, ratios.values())), max(map(max, ratios.values()))
    by_set: dict[str, list[bool]] = {}
    for score, ratio in zip(scores, ratios[largest], strict=True):
        by_set.setdefault(score.dataset, []).append(ratio > 1)
    won = sum(all(better) for better in by_set.values())
    found = f"{who} was better than the state of the art on {won} of {len(by_set)} data sets"
    ax.set(
        xscale="log",
        xlabel="times as good as the state of the art before (left of 1: worse)",
        title=title or found,
        xlim=(low / 1.2, high * 1.2),
        ylim=(len(scores) - 0.4, -0.6),
    )
    ax.set_yticks(places, [f"{score.dataset}\n{_measure(score)}" for score in scores])
    ends = ax.secondary_yaxis("right")
    ends.set_yticks(places, [_end(score, largest) for score in scores])
    ends.tick_params(length=0)
    name_ticks(ax, [tick for tick in _TICKS if low / 1.2 < tick < high * 1.2])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend(loc="best")
    said = "; ".join(
        f"{score.dataset}, {_measure(score)}: {smallest} {score.scores[smallest]:g}, {largest} "
        f"{score.scores[largest]:g}, before {score.before:g}"
        for score in scores
    )
    return Picture(figure, f"Scores beside the state of the art before. {found}. {said}.")


def _measure(score: PaperScore) -> str:
    better = "higher" if score.higher_is_better else "lower"
    return f"{score.measure}, {better} is better"


def _end(score: PaperScore, model: str) -> str:
    worse = ": worse" if score.better_by(model) < 1 else ""
    return f"{score.scores[model]:g} against {score.before:g}{worse}"
