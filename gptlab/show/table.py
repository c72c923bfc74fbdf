"""A small table: plain text in a terminal, HTML in a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Headers and rows of text; the first column is the name of the row."""

    headers: list[str]
    rows: list[list[str]]

    def __str__(self) -> str:
        """Return columns padded to one width, names to the left, values to the right."""
        lines = [self.headers, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.headers))]
        rule = ["-" * width for width in widths]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in (self.headers, rule, *self.rows)
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def cells(tag: str, line: list[str]) -> str:
            first = f'<th scope="row" style="text-align:left">{html.escape(line[0])}</th>'
            if tag == "th":
                first = f'<th scope="col" style="text-align:left">{html.escape(line[0])}</th>'
            rest = (f"<{tag}>{html.escape(cell)}</{tag}>" for cell in line[1:])
            return f"<tr>{first}{''.join(rest)}</tr>"

        body = "".join(cells("td", row) for row in self.rows)
        return f"<table><thead>{cells('th', self.headers)}</thead><tbody>{body}</tbody></table>"
