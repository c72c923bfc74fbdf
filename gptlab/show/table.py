"""A small table: plain text in a terminal, HTML in a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from gptlab.show.shown import Shown, one_line


@dataclass(frozen=True, repr=False)
class Table(Shown):
    """Headers and rows of text; the first column is the name of the row.

    Raises:
        ValueError: if a row has more or fewer cells than there are headers.
    """

    headers: list[str]
    rows: list[list[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.headers):
                raise ValueError(
                    f"the row {row} has {len(row)} cells; give one for each of the "
                    f"{len(self.headers)} headers {self.headers}."
                )

    def __repr__(self) -> str:
        """Return columns padded to one width, names to the left, values to the right."""
        lines = [[one_line(cell) for cell in line] for line in (self.headers, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, ["-" * width for width in widths])
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def _forms(self) -> dict[str, Any]:
        def cells(tag: str, line: list[str]) -> str:
            first = f'<th scope="row" style="text-align:left">{html.escape(line[0])}</th>'
            if tag == "th":
                first = f'<th scope="col" style="text-align:left">{html.escape(line[0])}</th>'
            rest = (f"<{tag}>{html.escape(cell)}</{tag}>" for cell in line[1:])
            return f"<tr>{first}{''.join(rest)}</tr>"

        body = "".join(cells("td", row) for row in self.rows)
        head = cells("th", self.headers)
        return {"text/html": f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"}
