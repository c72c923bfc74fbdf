"""Picture of what grew over the years, a panel for each quantity."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gptlab.show.picture import COLOURS, MARKERS, Picture, new_figure


def timeline(
    years: Mapping[str, float],
    panels: Mapping[str, Mapping[str, float]],
    estimated: Collection[str] = (),
    title: str = "",
) -> Picture:
    """Draw values of named models over the years, on logarithmic axes.

    Args:
        years: {model: when it was published}.
        panels: {label of a vertical axis: {model: its value}}; a panel may lack some models, and
            the first one has at least two.
        estimated: models whose value in the last panel is no printed one; drawn hollow.
        title: the finding; by default how much the first panel's quantity grew.
    """
    figure, axes = new_figure(5.2 * len(panels), 4.2, 1, len(panels))
    said = []
    for i, (label, values) in enumerate(panels.items()):
        ax, told = axes[0, i], []
        for name, value in values.items():
            hollow = i == len(panels) - 1 and name in estimated
            ax.plot(
                [years[name]],
                [value],
                MARKERS[list(years).index(name) % len(MARKERS)],
                ms=9,
                color=COLOURS[0],
                mfc="white" if hollow else COLOURS[0],
            )
            number = _short(value) + (", estimated" if hollow else "")
            told.append(f"{name} {number}")
            at = {"xytext": (9, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
            ax.annotate(f"{name}\n{number}", (years[name], value), **at)
        ax.set(yscale="log", xlabel="year of publication", ylabel=label)
        low, high = min(values.values()), max(values.values())
        ax.set_ylim(low / 4, high * 4)
        ax.set_xlim(min(years.values()) - 0.5, max(years.values()) + 1.1)  # room for the last name
        whole = range(int(min(years.values())), int(max(years.values())) + 2)
        ax.set_xticks(whole, map(str, whole))
        ax.grid(alpha=0.3)
        said.append(f"{label}: {', '.join(told)}")
    quantity, first_values = next(iter(panels.items()))
    first, *_, last = first_values
    ratio = first_values[last] / first_values[first]
    figure.suptitle(title or f"{last} has {ratio:,.0f} times as many {quantity} as {first}")
    return Picture(figure, f"What grew over the years. {'; '.join(said)}.")


def _short(value: float) -> str:
    """Write a number in three digits: 117M, 1.56B, 3.14e+23."""
    for least, unit in ((1e9, "B"), (1e6, "M")):
        if least <= value < 1e15:
            return f"{value / least:.3g}{unit}"
    return f"{value:.3g}"
