"""Measurements as a file: what the experiments with results of their own have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.resources import as_file
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from gptlab.data import DATA
from gptlab.runtime.atomic import write_whole

A = TypeVar("A")
T = TypeVar("T")
K = TypeVar("K", bound="Kept")


class Kept:
    """For a dataclass with a list ``measured``: written as JSON, and read again.

    Attributes:
        kind: the dataclass of one measurement.
    """

    kind: ClassVar[type]
    measured: list[Any]

    def save(self, path: Path) -> None:
        """Write everything, whole or not at all."""
        said: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        write_whole(path, json.dumps(said, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**raw, "measured": [cls.kind(**one) for one in raw["measured"]]})


def measure_ways(
    results: K,
    path: Path,
    ways: Sequence[str],
    seeds: Sequence[int],
    measure: Callable[[str, int], Iterable[Any] | None],
    *,
    resume: bool = False,
) -> K:
    """Measure every way with every seed, one round of all a seed, and save after each.

    Args:
        results: what to begin with where the file is not gone on with.
        path: the file.
        ways: what measurements have as their ``way``.
        seeds: and as their ``seed``.
        measure: returns the measurements of one way and seed; None where it was interrupted, which
            ends it all.
        resume: keep what the file holds, and measure only what is missing.
    """
    if resume and path.exists():
        results = type(results).load(path)
    return measure_missing(
        results,
        path,
        [(way, seed) for seed in seeds for way in ways],
        lambda found: (found.way, found.seed),
        lambda asked: measure(*asked),
    )


def measure_missing(
    results: K,
    path: Path,
    asked: Iterable[A],
    answers: Callable[[Any], A],
    measure: Callable[[A], Iterable[Any] | None],
) -> K:
    """Measure what is asked and not among the results yet, and save after each.

    Args:
        results: measurements so far, added to in place.
        path: the file.
        asked: what is to be measured, in this order.
        answers: what a measurement was asked for.
        measure: returns the measurements of one; None where it was interrupted, which ends it all.
    """
    known = {answers(one) for one in results.measured}
    for one in asked:
        if one in known:
            continue
        found = measure(one)
        if found is None:
            return results
        results.measured += found
        results.save(path)
    return results


def come_along(name: str, load: Callable[[Path], T]) -> T:
    """Return what ``load`` makes of the recorded results that come with the package."""
    with as_file(DATA / "results" / f"{name}.json") as path:
        return load(path)
