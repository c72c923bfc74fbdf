"""Picture of the book: its chapters, what each builds on, and a route through them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from gptlab.show.picture import COLOURS, Picture, new_figure

_WIDTH, _HEIGHT = 0.86, 0.62


@dataclass(frozen=True)
class Chapter:
    """One chapter of the book.

    Attributes:
        number: as it is called, such as "3.1".
        title: its name.
        minutes: to read it.
        needs: the numbers of the chapters it builds on.
    """

    number: str
    title: str
    minutes: int
    needs: tuple[str, ...] = ()


def chapter_map(
    chapters: Sequence[Chapter], route: Collection[str] | None = None, title: str = ""
) -> Picture:
    """Draw every chapter to the right of those it builds on.

    Args:
        chapters: in the order of the book.
        route: numbers of the chapters to read, drawn filled, with a thick edge; by default all.
        title: by default how many chapters and minutes the route has.

    Raises:
        ValueError: if a chapter builds on one that does not stand before it, or the route has a
            chapter that is not there.
    """
    if not chapters:
        raise ValueError("there are no chapters to draw; give some.")
    known = {one.number: one for one in chapters}
    route = set(known if route is None else route)
    if strange := route - set(known):
        raise ValueError(f"there is no chapter {min(strange)}; there is {', '.join(known)}.")
    places = _places(chapters)
    columns = 1 + max(x for x, _ in places.values())
    rows = 1 + max(y for _, y in places.values())
    figure, axes = new_figure(1.75 * columns, 0.95 * rows + 0.6)
    ax = axes[0, 0]
    for one in chapters:
        for other in one.needs:
            _arrow(ax, places[other], places[one.number], {one.number, other} <= route)
    for one in chapters:
        _box(ax, places[one.number], one, one.number in route)
    minutes = sum(known[number].minutes for number in route)
    told = f"{len(route)} of {len(chapters)} chapters, {minutes // 60} h {minutes % 60:02} min"
    ax.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.5, -0.6), title=title or told)
    ax.axis("off")
    listed = "; ".join(
        f"{one.number} {one.title}, {one.minutes} min"
        + (f", builds on {', '.join(one.needs)}" if one.needs else "")
        for one in chapters
        if one.number in route
    )
    return Picture(figure, f"{told} to read: {listed}.")


def _places(chapters: Sequence[Chapter]) -> Mapping[str, tuple[int, int]]:
    """Return column and row of each: one column further than all it builds on."""
    columns: dict[str, int] = {}
    places, filled = {}, dict.fromkeys(range(len(chapters)), 0)
    for one in chapters:
        if early := [number for number in one.needs if number not in columns]:
            raise ValueError(
                f"chapter {one.number} builds on {early[0]}, which does not stand before it."
            )
        column = 1 + max((columns[number] for number in one.needs), default=-1)
        columns[one.number] = column
        places[one.number] = (column, filled[column])
        filled[column] += 1
    return places


def _box(ax: Axes, place: tuple[int, int], chapter: Chapter, on_route: bool) -> None:
    x, y = place
    ax.add_patch(
        FancyBboxPatch(
            (x - _WIDTH / 2, y - _HEIGHT / 2),
            _WIDTH,
            _HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=COLOURS[5] if on_route else "1",
            edgecolor="0.1" if on_route else "0.6",
            linewidth=2.0 if on_route else 0.8,
            alpha=0.45 if on_route else 1.0,
        )
    )
    grey = "0" if on_route else "0.45"
    ax.text(x, y - 0.13, f"{chapter.number} {chapter.title}", ha="center", fontsize=8, color=grey)
    ax.text(x, y + 0.18, f"{chapter.minutes} min", ha="center", fontsize=8, color=grey)


def _arrow(ax: Axes, start: tuple[int, int], end: tuple[int, int], on_route: bool) -> None:
    ax.annotate(
        "",
        (end[0] - _WIDTH / 2, end[1]),
        (start[0] + _WIDTH / 2, start[1]),
        arrowprops={
            "arrowstyle": "-|>",
            "color": "0.1" if on_route else "0.75",
            "linewidth": 1.4 if on_route else 0.8,
        },
        zorder=0,
    )
