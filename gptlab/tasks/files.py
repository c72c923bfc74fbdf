"""A user's own questions and answers, from files of two columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from gptlab.prompting import Shot
from gptlab.tasks.application import Parts
from gptlab.text.columns import read_columns

#: Rows to learn from, below which a result would mean nothing.
_FEWEST = 10


class _Row(NamedTuple):
    pair: Shot
    line: int


def from_files(
    train: Path | str,
    test: Path | str | None = None,
    *,
    by_label: bool = False,
    columns: Sequence[str] = (),
) -> Parts:
    """Read questions and answers; see `gptlab.read_columns` for the files.

    Rows that would spoil the measurement are left out and counted: those with an empty cell, those
    that come twice, and those to learn from that are also tested. A tenth of the rows to learn from
    is kept for validation, and another tenth for the test where no file is given for it.

    Args:
        train: what is learned from.
        test: what is measured on.
        by_label: whether the answers are labels.
        columns: the names of question and answer, in both files.

    Raises:
        OSError, ValueError: from reading; or if there are too few rows, one text has two answers,
            there is only one label, or a label stands in the test alone.
    """
    own, left_out = _rows(train, columns)
    tested: list[_Row] = []
    if test is not None:
        tested, more = _rows(test, columns)
        asked = {row.pair[0] for row in tested}
        apart = [row for row in own if row.pair[0] not in asked]
        left_out += more
        if seen := len(own) - len(apart):
            left_out.append(f"{seen} rows of {train} whose text is tested in {test}")
        own = apart
    if len(own) < _FEWEST:
        raise ValueError(f"{train} has {len(own)} rows to learn from; give at least {_FEWEST}.")
    order = torch.randperm(len(own), generator=torch.Generator().manual_seed(0)).tolist()
    shuffled = [own[place] for place in order]
    tenth = max(1, len(own) // 10)
    validation, shuffled = _part(shuffled, tenth, by_label)
    if test is None:
        tested, shuffled = _part(shuffled, tenth, by_label)
    if by_label:
        _check_labels(shuffled, tested, str(test))
    train_pairs, looked_at, tested_on = (
        tuple(row.pair for row in part) for part in (shuffled, validation, tested)
    )
    return Parts(train_pairs, looked_at, tested_on, tuple(left_out))


def _rows(path: Path | str, columns: Sequence[str]) -> tuple[list[_Row], list[str]]:
    """Return each row once, and in words what was left out."""
    found = read_columns(path, columns)
    first: dict[str, _Row] = {}
    for (question, answer), line in zip(found.rows, found.lines, strict=True):
        before = first.setdefault(question, _Row((question, answer), line))
        if before.pair[1] != answer:
            raise ValueError(
                f"{path}, line {line}: the text is that of line {before.line}, where it goes with "
                f"{before.pair[1]!r} and not with {answer!r}; keep one of the two."
            )
    left_out = []
    if empty := found.left_out:
        lines = ", ".join(map(str, empty[:5])) + (", …" if len(empty) > 5 else "")
        left_out.append(f"{len(empty)} rows of {path} with an empty cell, in lines {lines}")
    if again := len(found.rows) - len(first):
        left_out.append(f"{again} rows of {path} that come a second time")
    return list(first.values()), left_out


def _part(rows: list[_Row], count: int, by_label: bool) -> tuple[list[_Row], list[_Row]]:
    """Return so many rows, and the others; the last row of a label stays among the others."""
    if not by_label:
        return rows[:count], rows[count:]
    taken: list[_Row] = []
    others: list[_Row] = []
    left = Counter(row.pair[1] for row in rows)
    for row in rows:
        if len(taken) < count and left[row.pair[1]] > 1:
            left[row.pair[1]] -= 1
            taken.append(row)
        else:
            others.append(row)
    return taken, others


def _check_labels(train: Sequence[_Row], test: Sequence[_Row], name: str) -> None:
    known = {row.pair[1] for row in train}
    if len(known) < 2:
        raise ValueError(f"there is one label only, {min(known)!r}; a choice needs two or more.")
    for row in test:
        if row.pair[1] not in known:
            raise ValueError(
                f"{name}, line {row.line}: the label {row.pair[1]!r} is not among those to learn "
                f"from: {', '.join(sorted(known)[:10])}."
            )
