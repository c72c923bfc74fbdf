"""Timing side by side: what all benchmarks share."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: the task.
        ours: gptlab's figure, with its unit.
        peer: the other's figure, and who it is.
        ratio: how many times better ours is; above 1 is better.
        target: what was aimed for, as a ratio.
    """

    what: str
    ours: str
    peer: str
    ratio: float
    target: float

    def line(self) -> str:
        """Return the row of a Markdown table."""
        verdict = "met" if self.ratio >= self.target else "missed"
        cells = (self.what, self.ours, self.peer, f"{self.ratio:.2f} ×", f"{self.target:.3g} ×")
        return "| " + " | ".join((*cells, verdict)) + " |"


def seconds(job: Callable[[], Any]) -> float:
    """Time one call."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def interleaved(*jobs: Callable[[], Any], repeats: int) -> list[float]:
    """Return each job's median time: all take turns, so that what disturbs one disturbs all."""
    for job in jobs:
        job()  # the first call warms up
    times = [[seconds(job) for job in jobs] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*times, strict=True)]
