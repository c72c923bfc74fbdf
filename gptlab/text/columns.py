"""Files of two columns, a text and what belongs to it: CSV, TSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from gptlab.text.files import read
from gptlab.text.utf8 import not_utf8, refuse_surrogates

_BY_ENDING = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
#: What columns are called. A first row of two such words names them, and is no example.
_FIRST = {"text", "sentence", "review", "comment", "question", "source", "input", "english", "en"}
_SECOND = {"label", "sentiment", "class", "category", "target", "answer", "output", "summary"}
_SECOND |= {"translation", "chinese", "zh", "score", "rating", "stars", "polarity"}


@dataclass(frozen=True)
class TwoColumns:
    """What a file holds.

    Attributes:
        rows: (first, second), both with something in them.
        lines: the line of the file in which each row begins, from 1.
        names: of the two columns; empty where the file has no head.
        left_out: lines of rows in which one of the two is empty.
    """

    rows: tuple[tuple[str, str], ...]
    lines: tuple[int, ...]
    names: tuple[str, ...]
    left_out: tuple[int, ...]


def read_columns(path: Path | str, columns: Sequence[str] = ()) -> TwoColumns:
    """Read two columns of a file in UTF-8.

    The kind of file is told by its ending (.csv, .tsv, .jsonl), else by its beginning.

    Args:
        path: the file, or a pipe.
        columns: the names of the two; else the first two of the file are taken, and a first row
            that reads like a head (text, label, …) is one.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError, PermissionError: if it cannot be read.
        ValueError: if it is not text in UTF-8, a column or a value is missing, a quote is never
            closed, or no row is left; the message says in which line.
    """
    if columns and (len(columns) != 2 or columns[0] == columns[1]):
        raise ValueError(f"columns is {tuple(columns)}; it must name two different columns.")
    data, name = read(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(data, error.start, error.reason, name) from None
    kind = _BY_ENDING.get(Path(name).suffix.lower()) or _kind(text)
    if kind == "json":
        names, found = _from_json(text, name, columns)
    else:
        names, found = _from_table(text, name, columns, "\t" if kind == "tsv" else ",")
    whole = [(line, a.strip(), b.strip()) for line, a, b in found]
    rows = [(line, a, b) for line, a, b in whole if a and b]
    if not rows:
        raise ValueError(f"{name} has no row in which both columns hold something.")
    return TwoColumns(
        tuple((a, b) for _, a, b in rows),
        tuple(line for line, _, _ in rows),
        names,
        tuple(line for line, a, b in whole if not (a and b)),
    )


def _kind(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    if first.startswith(("{", "[")):
        return "json"
    return "tsv" if "\t" in first else "csv"


def _from_table(
    text: str, name: str, columns: Sequence[str], delimiter: str
) -> tuple[tuple[str, ...], Iterator[tuple[int, str, str]]]:
    """Return the names of the two columns and their (line, first, second)."""
    quoted = delimiter == "," or _quotes_close(text, name, delimiter)
    rows = _table(text, name, delimiter, quoted)
    line, head = next(rows, (1, []))
    cleaned = [cell.strip() for cell in head]
    if columns:
        if missing := [column for column in columns if column not in cleaned]:
            raise ValueError(
                f"{name} has no column {missing[0]!r}; its first row names {', '.join(cleaned)}."
            )
        places = tuple(cleaned.index(column) for column in columns)
        return tuple(columns), _picked(rows, places, name)
    first_two = [cell.lower() for cell in cleaned[:2]]
    if len(first_two) == 2 and first_two[0] in _FIRST and first_two[1] in _SECOND:
        return tuple(cleaned[:2]), _picked(rows, (0, 1), name)
    return (), _picked(chain([(line, head)] if head else [], rows), (0, 1), name)


def _quotes_close(text: str, name: str, delimiter: str) -> bool:
    """Whether quotes stand around cells; in many tab-separated files they are characters."""
    try:
        for _ in _table(text, name, delimiter, quoted=True):
            pass
    except ValueError:
        return False
    return True


def _table(text: str, name: str, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the line in which each row begins, and its cells; empty lines are passed over."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{name}, line {line}: {error}; is a quote opened there and never closed? A quote "
            f'inside a quoted cell is written twice: "".'
        ) from None


def _picked(
    rows: Iterator[tuple[int, list[str]]], places: tuple[int, ...], name: str
) -> Iterator[tuple[int, str, str]]:
    needed = max(places) + 1
    for line, row in rows:
        if len(row) < needed:
            raise ValueError(
                f"{name}, line {line}: there are {len(row)} columns where {needed} are needed; a "
                f"text that holds the separator must stand in quotes."
            )
        yield line, row[places[0]], row[places[1]]


def _from_json(
    text: str, name: str, columns: Sequence[str]
) -> tuple[tuple[str, ...], Iterator[tuple[int, str, str]]]:
    """Return the names of the two columns and their (line, first, second)."""
    lines = [(i, line) for i, line in enumerate(text.split("\n"), start=1) if line.strip()]
    objects = [(i, _object(line, i, name)) for i, line in lines]
    names = tuple(columns) or tuple(objects[0][1])[:2] if objects else ()
    if objects and len(names) < 2:
        raise ValueError(f"{name}, line {objects[0][0]}: it has one value; two are needed.")

    def values() -> Iterator[tuple[int, str, str]]:
        for line, one in objects:
            if missing := [column for column in names if column not in one]:
                raise ValueError(
                    f"{name}, line {line}: there is no {missing[0]!r}; it has {', '.join(one)}."
                )
            first, second = (_as_text(one[column], column, line, name) for column in names)
            yield line, first, second

    return names, values()


def _object(line: str, number: int, name: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}, line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{name}, line {number} holds {type(value).__name__}; each line must be an object, "
            f'such as {{"text": "…", "label": "…"}}.'
        )
    return value


def _as_text(value: Any, column: str, line: int, name: str) -> str:
    """Return a cell as text: numbers and true or false as they are written, null as nothing."""
    if isinstance(value, dict | list):
        raise ValueError(
            f"{name}, line {line}: {column!r} holds a {type(value).__name__}; a text is needed."
        )
    if value is None:
        return ""
    if isinstance(value, str):
        try:
            return refuse_surrogates(value)
        except ValueError as error:
            raise ValueError(f"{name}, line {line}: {error}") from None
    return json.dumps(value)
