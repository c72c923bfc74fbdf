"""A picture that says what it shows: a figure, the sentence beside it, one way to display both."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter

from gptlab.show.shown import Shown, one_line

#: Okabe & Ito's palette: eight colours told apart with every common colour blindness.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#F0E442",
)
#: Beside each colour, so that colour never stands alone.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))


class Picture(Shown):
    """A finished figure with the sentence that says what it shows.

    A notebook shows it once, as a PNG whose alternative text is the sentence; screen readers,
    nbconvert and a plain terminal get the sentence. Titles, labels, ticks and legends are drawn
    letter by letter, whatever they hold: ``$`` is a dollar sign.

    Attributes:
        figure: what is drawn.
        sentence: what can be seen, in a sentence or two of plain text.
    """

    def __init__(self, figure: Figure, sentence: str) -> None:
        """Take a figure over; ``sentence`` says what can be seen."""
        self.figure = figure
        self.sentence = one_line(sentence)
        # Or pyplot, where it drew the figure, shows it a second time at the end of the cell.
        plt.close(figure)

    def png(self, dpi: int = 110) -> bytes:
        """Return the picture as PNG bytes."""
        buffer = io.BytesIO()
        self._write(buffer, "png", {"Description": self.sentence}, dpi)
        return buffer.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the picture as PNG, SVG or PDF, by the path's ending.

        Raises:
            ValueError: for any other ending.
        """
        path = Path(path)
        if path.suffix == ".png":
            path.write_bytes(self.png(dpi=160))
            return
        key = {".svg": "Description", ".pdf": "Subject"}.get(path.suffix)
        if key is None:
            raise ValueError(f"cannot write {path}; use an ending of .png, .svg or .pdf.")
        self._write(path, path.suffix[1:], {key: self.sentence})

    def _write(
        self, to: Path | io.BytesIO, kind: str, metadata: dict[str, str], dpi: int = 110
    ) -> None:
        # The settings hold for ticks, which matplotlib makes while it draws.
        plain = mpl.rc_context({"text.parse_math": False, "text.usetex": False})
        with warnings.catch_warnings(), plain:
            # A sign the font lacks is drawn as a box; the sentence still has it.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            _without_markup(self.figure)
            self.figure.savefig(
                to, format=kind, dpi=dpi, bbox_inches="tight", facecolor="white", metadata=metadata
            )

    def __repr__(self) -> str:
        """Return the sentence."""
        return self.sentence

    def _forms(self) -> dict[str, Any]:
        return {"image/png": self.png()}


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure and its axes (an array, always two-dimensional), with room for the labels."""
    # Not pyplot's: that would keep the figure of a function that goes on to raise, and show it.
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def style(number: int) -> dict[str, Any]:
    """Return colour, line and marker of one of many curves, counted from 0, as arguments to plot.

    After eight they begin again.
    """
    i = number % len(COLOURS)
    return {"color": COLOURS[i], "linestyle": LINES[i], "marker": MARKERS[i]}


def _without_markup(figure: Figure) -> None:
    """Make every text of a figure plain, those its axes will still write among them."""
    for ax in figure.findobj(Axes):
        assert isinstance(ax, Axes)
        for axis in (ax.xaxis, ax.yaxis):
            _plain_ticks(axis)
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_text(_drawable(text.get_text()))


def _plain_ticks(axis: Axis) -> None:
    base = getattr(axis.get_transform(), "base", 10.0)
    major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
    for formatter in (major, minor):
        if isinstance(formatter, ScalarFormatter):
            formatter.set_useMathText(False)
    if isinstance(major, LogFormatter):
        axis.set_major_formatter(_PlainLog(base, major.labelOnlyBase))
    if isinstance(minor, LogFormatter):
        axis.set_minor_formatter(_PlainLog(base, minor.labelOnlyBase))
    # Names given to ticks are written while drawing, so they are made plain where they are kept.
    names = [label.get_text() for label in axis.get_ticklabels()]
    drawable = [_drawable(name) for name in names]
    if drawable != names:
        axis.set_ticks(axis.get_ticklocs(), drawable)


def _drawable(text: str) -> str:
    """Write half a surrogate pair, which no font can draw, as its escape."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


class _PlainLog(LogFormatter):
    """Labels those ticks of a logarithmic axis that matplotlib would: 0.01 or, far out, 10⁻⁸."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        if self.axis is None or not super().__call__(x, pos):
            return ""
        low, high = sorted(self.axis.get_view_interval())
        if x == 0 or (low >= 1e-4 and high < 1e7):
            return f"{x:,.7g}"
        number, _, exponent = f"{x:e}".partition("e")
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        times = float(number)
        return f"10{raised}" if times == 1 else f"{times:g}·10{raised}"
