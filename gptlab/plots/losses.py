"""Pictures of losses: over training, by rung of the ladder, by depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from gptlab.plots.curves import LOSSES, curve, finish, level_lines, levels_in_words, name_ticks
from gptlab.results import History, Results
from gptlab.show.picture import COLOURS, Picture, new_figure, style

#: Nats per token from the unigram line within which a run counts as stuck there.
_STUCK_WITHIN = 0.05


def loss_curves(
    runs: Results | History | Mapping[str, Sequence[History]],
    what: str = "val_loss",
    title: str = "",
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """Draw losses over training: a line for the mean of a variant's seeds, a band for their spread.

    Args:
        runs: an experiment's results, or histories by name, or one history, whose training loss is
            drawn too.
        what: "val_loss" or "val_bits_per_byte" (use the latter across tokenizers).
        title: the finding; by default which variant ends lowest, or how far a single one ends below
            the lowest level.
        levels: {name: loss} of what needs no training, drawn as level lines, in the unit of
            ``what``; by default the results' own baselines.
    """
    if levels is None:
        levels = runs.levels(what) if isinstance(runs, Results) else {}
    groups = _groups(runs, what)
    figure, axes = new_figure(7.5, 4.4)
    ax = axes[0, 0]
    lines = [curve(ax, i, g.tokens, g.losses, g.name) for i, g in enumerate(groups)]
    said = [f"{g.name} {_plus_minus(g.ends)}" for g in groups]
    if isinstance(runs, History) and what == "val_loss":
        training = np.array([runs.column("train_loss")])
        lines.append(curve(ax, len(lines), groups[0].tokens, training, "training"))
    finish(
        ax,
        [*lines, *level_lines(ax, levels)],
        xlabel="tokens read in training",
        ylabel=LOSSES[what].removeprefix("" if len(lines) == len(groups) else "validation "),
        title=title or _finding(runs, groups, what, levels),
    )
    ax.xaxis.set_major_locator(MaxNLocator(5))  # millions are wide
    ax.xaxis.set_major_formatter("{x:,.0f}")
    unit = _unit(what)
    return Picture(
        figure,
        f"Loss over training. At the end, in {unit}: {'; '.join(said)}.{levels_in_words(levels)}",
    )


@dataclass(frozen=True)
class _Group:
    """The runs behind one curve: losses on the way (run, evaluation), where each ends (run,)."""

    name: str
    tokens: list[float]
    losses: np.ndarray
    ends: np.ndarray


def _groups(runs: Results | History | Mapping[str, Sequence[History]], what: str) -> list[_Group]:
    if isinstance(runs, Results):
        names = runs.with_runs()
        records = {name: [run.curve for run in runs.of(name)] for name in names}
        ends = {name: runs.values(name, what) for name in names}
    else:
        kept = {"validation": [runs]} if isinstance(runs, History) else runs
        records = {name: [history.records for history in group] for name, group in kept.items()}
        ends = {name: np.array([getattr(h, what) for h in group]) for name, group in kept.items()}
    return [
        _Group(
            name,
            [record["tokens"] for record in of_runs[0][:shared]],
            np.array([[record[what] for record in run[:shared]] for run in of_runs]),
            ends[name],
        )
        for name, of_runs in records.items()
        for shared in [min(map(len, of_runs))]  # one of them may have been stopped
    ]


def _finding(
    runs: Results | History | Mapping[str, Sequence[History]],
    groups: Sequence[_Group],
    what: str,
    levels: Mapping[str, float],
) -> str:
    if len(groups) == 1 and levels:
        lowest = min(levels, key=lambda name: levels[name])
        gap = levels[lowest] - groups[0].ends.mean()
        side = "below" if gap > 0 else "above"
        return f"At the end: {abs(gap):.2f} {_unit(what)} {side} the {lowest} baseline"
    if not isinstance(runs, Results):
        return "Validation loss over training"
    names = [group.name for group in groups]
    if len(names) < 2:
        return runs.title or names[0]
    first, second = sorted(names, key=lambda name: runs.mean_sd(name, what)[0])[:2]
    gap, half = runs.difference(first, second, what)
    if gap > half:
        return f"Lowest at the end: {first}"
    return f"{first} and {second} end within their spread"


def losses_by_place(
    losses: Mapping[str, Tensor], title: str = "", levels: Mapping[str, float] | None = None
) -> Picture:
    """Draw the loss by place in the context: what each further token to read from is worth.

    Places are taken together in groups that double: the 1st, the 2nd, 3 to 4, 5 to 8, …

    Args:
        losses: {name: nats per token (n_ctx,)}, see `gptlab.position_losses`.
        title: the finding; by default what the first model's later places gain over its first.
        levels: {name: loss} of what needs no training.
    """
    figure, axes = new_figure(7, 4.2)
    ax = axes[0, 0]
    lines, said = [], []
    for i, (name, by_place) in enumerate(losses.items()):
        ends = [0, *(2**k for k in range(len(by_place).bit_length()) if 2**k < len(by_place))]
        ends.append(len(by_place))
        groups = list(pairwise(ends))
        means = [float(by_place[a:b].mean()) for a, b in groups]
        middle = [((a + 1) * b) ** 0.5 for a, b in groups]
        lines.append(curve(ax, i, middle, np.array([means]), name))
        at = {
            f"{a + 1} to {b}" if b > a + 1 else f"{b}": m
            for (a, b), m in zip(groups, means, strict=True)
        }
        said.append(f"{name}: " + ", ".join(f"place {k} {m:.2f}" for k, m in at.items()))
    first = next(iter(losses.values()))
    gain = float(first[0] - first[len(first) // 2 :].mean())
    levels = levels or {}
    finish(
        ax,
        [*lines, *level_lines(ax, levels)],
        xscale="log",
        xlabel="place in the context (tokens to read from)",
        ylabel=LOSSES["val_loss"],
        title=title or f"The second half of the context gains {gain:.2f} nats over the first place",
    )
    name_ticks(ax, [2**k for k in range(0, len(first).bit_length(), 2)])
    return Picture(
        figure, f"Loss by place in the context. {'. '.join(said)}.{levels_in_words(levels)}"
    )


def ladder_steps(
    results: Results,
    what: str = "val_bits_per_byte",
    title: str = "",
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """Draw the ladder: one row a rung, a dot a seed, a bar for the mean, and the step's verdict.

    Args:
        results: of `gptlab.experiments.ladder`.
        what: "val_loss" or "val_bits_per_byte".
        title: the finding; by default the steps beyond the spread.
        levels: as for `loss_curves`.
    """
    levels = results.levels(what) if levels is None else levels
    names = results.with_runs()
    figure, axes = new_figure(8.5, 1.2 + 0.55 * len(names))
    ax = axes[0, 0]
    clear_steps = []
    for row, name in enumerate(names):
        values = results.values(name, what)
        ax.scatter(values, [row] * len(values), color=COLOURS[0], s=28, zorder=3)
        ax.scatter([values.mean()], [row], marker="|", s=420, color=COLOURS[1], linewidths=2.5)
        if row == 0:
            continue
        gap, half = results.difference(names[row - 1], name, what)
        clear = abs(gap) > half
        if clear:
            clear_steps.append(f"{name.removeprefix('+ ')} ({gap:+.2f})")
        ax.annotate(
            f"{gap:+.3f}" + ("" if clear else " (within the spread)"),
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            weight="bold" if clear else "normal",
        )
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    found = "Steps beyond the spread: " + ", ".join(clear_steps)
    if not clear_steps:
        found = "No single step exceeds the spread"
    ax.grid(axis="x", alpha=0.3)
    # A level far off would leave the rungs no room in which to differ.
    low, high = ax.get_xlim()
    near = {name: loss for name, loss in levels.items() if 2 * low - high < loss < 2 * high - low}
    far = ", ".join(f"{name} {loss:.2f}" for name, loss in levels.items() if name not in near)
    xlabel = LOSSES[what] + (f"; further off: {far}" if far else "")
    ax.set(xlabel=xlabel, title=fill(title or found, 75))
    if lines := level_lines(ax, near, upright=True):
        # Below, as the notes stand beside the rungs.
        labels = [str(line.get_label()) for line in lines]
        figure.legend(lines, labels, loc="outside lower center", ncols=4)
    ends = "; ".join(f"{name} {_plus_minus(results.values(name, what))}" for name in names)
    return Picture(
        figure,
        f"One change at a time: dots are seeds, bars means. At the end, in {_unit(what)}: {ends}."
        f"{levels_in_words(levels)}",
    )


def depth_curves(
    results: Results, title: str = "", levels: Mapping[str, float] | None = None
) -> Picture:
    """Draw the final loss against depth for post-norm and pre-norm, with and without warm-up.

    A run that ends where counting single letters does has learned nothing from its context: it is
    stuck. Those are counted, and lines are means of the others: a mean of both would be no run's.

    Args:
        results: of `gptlab.experiments.depth`.
        title: the finding; by default how many runs are stuck.
        levels: as for `loss_curves`; "unigram" is what a stuck run ends at.
    """
    levels = results.levels() if levels is None else levels
    groups: dict[tuple[str, bool], dict[int, np.ndarray]] = {}
    for name in results.with_runs():
        about = results.variants[name]
        key = (about["config"]["norm"], about["settings"]["warmup"] > 0)
        groups.setdefault(key, {})[about["config"]["n_layer"]] = results.values(name)
    border = levels.get("unigram", np.inf) - _STUCK_WITHIN
    figure, axes = new_figure(7.5, 4.4)
    ax = axes[0, 0]
    lines, said, all_stuck = [], [], 0
    for i, ((norm, warm), by_depth) in enumerate(sorted(groups.items())):
        label = f"{norm}-norm, {'warm-up' if warm else 'no warm-up'}"
        looks = style(i)
        marker = looks.pop("marker")
        lines.append(Line2D([], [], marker=marker, label=label, **looks))
        means, found = {}, []
        for depth, losses in sorted(by_depth.items()):
            stuck = losses > border
            all_stuck += int(stuck.sum())
            # Side by side, or a mark hides another.
            at = depth * 1.07 ** (i - 1.5) * 1.018 ** np.arange(len(losses))
            edge = looks["color"]
            faces = ["none" if is_stuck else edge for is_stuck in stuck]
            ax.scatter(at, losses, s=26, marker=marker, facecolors=faces, edgecolors=edge)
            if not stuck.all():
                means[depth] = losses[~stuck].mean()
            mean = f"{means[depth]:.2f}" if depth in means else "none learned"
            stuck_note = f", {stuck.sum()} of {len(stuck)} stuck" if stuck.any() else ""
            found.append(f"{depth} layers {mean}{stuck_note}")
        ax.plot(list(means), list(means.values()), **looks)
        said.append(f"{label}: {'; '.join(found)}")
    runs = len(results.runs)
    found_stuck = f"{all_stuck} of {runs} runs are stuck (hollow); lines are means of the others"
    finish(
        ax,
        [*lines, *level_lines(ax, levels)],
        xscale="log",
        xlabel="layers",
        ylabel=LOSSES["val_loss"],
        title=title or found_stuck,
    )
    name_ticks(ax, sorted({depth for by_depth in groups.values() for depth in by_depth}))
    return Picture(figure, f"Final loss by depth. {'. '.join(said)}.{levels_in_words(levels)}")


def _unit(what: str) -> str:
    return LOSSES[what].partition("(")[2].rstrip(")")


def _plus_minus(ends: np.ndarray) -> str:
    spread = f" ± {ends.std(ddof=1):.3f}" if len(ends) > 1 else ""
    return f"{ends.mean():.3f}{spread}"
