"""A picture that says what it shows: a figure, its alternative text, one way to display both."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

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


class Picture:
    """A finished figure with its alternative text.

    A notebook shows it once, as a PNG whose text form is the description; screen readers, nbconvert
    and a plain terminal get the description.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        """Take a figure over; ``alt`` says in a sentence or two what can be seen."""
        self.figure = figure
        self.alt = alt
        # Or pyplot shows it a second time at the end of the cell.
        plt.close(figure)

    def png(self, dpi: int = 110) -> bytes:
        """Return the picture as PNG bytes."""
        buffer = io.BytesIO()
        self._write(buffer, "png", {"Description": self.alt}, dpi)
        return buffer.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the picture as PNG, SVG or PDF, by the path's ending."""
        path = Path(path)
        if path.suffix == ".png":
            path.write_bytes(self.png(dpi=160))
            return
        key = {".svg": "Description", ".pdf": "Subject"}.get(path.suffix)
        if key is None:
            raise ValueError(f"cannot write {path}; use an ending of .png, .svg or .pdf.")
        self._write(path, path.suffix[1:], {key: self.alt})

    def _write(
        self, to: Path | io.BytesIO, kind: str, metadata: dict[str, str], dpi: int = 110
    ) -> None:
        with warnings.catch_warnings():
            # A sign the font lacks is drawn as a box; the description still has it.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.figure.savefig(
                to, format=kind, dpi=dpi, bbox_inches="tight", facecolor="white", metadata=metadata
            )

    def __repr__(self) -> str:
        """Return the description."""
        return self.alt

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {
            "image/png": base64.b64encode(self.png()).decode("ascii"),
            "text/plain": self.alt,
        }
        return data, {"image/png": {"alt": self.alt}}


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure and its axes (an array, always two-dimensional), with room for the labels."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options
    )
    return figure, axes
