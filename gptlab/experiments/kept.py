"""Measurements as a file: what the experiments with results of their own have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import as_file
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from gptlab.data import DATA
from gptlab.runtime.atomic import write_whole

T = TypeVar("T")


class Kept:
    """For a dataclass with a list ``measured``: written as JSON, and read again.

    Attributes:
        kind: the dataclass of one measurement.
    """

    kind: ClassVar[type]

    def save(self, path: Path) -> None:
        """Write everything, whole or not at all."""
        said: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        write_whole(path, json.dumps(said, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**raw, "measured": [cls.kind(**one) for one in raw["measured"]]})


def come_along(name: str, load: Callable[[Path], T]) -> T:
    """Return what ``load`` makes of the recorded results that come with the package."""
    with as_file(DATA / "results" / f"{name}.json") as path:
        return load(path)
