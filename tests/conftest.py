"""What all tests share: the small scale, no deadlines, what is skipped, what is run twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby

import pytest
from hypothesis import settings

os.environ.setdefault("GPTLAB_SCALE", "smoke")
# Beside a process that keeps one of two cores busy, a chapter took three times as long without it;
# why: tools/jupyter/jupyter_lab_config.py.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# A busy machine must not turn a test red. CI draws the same examples each time.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none; run each chapter forward, then backwards."""
    _skip_without_gpu(items)
    items[:] = _and_backwards(items)


def _skip_without_gpu(items: list[pytest.Item]) -> None:
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU found"))


def _and_backwards(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Add to nbval's cells of a chapter the same cells from last to first, in the same kernel.

    A reader goes back and runs cells again, in any order. Each must still run, and those whose
    output nbval compares must still say what is committed.
    """
    for _, group in groupby(items, key=lambda item: item.parent):
        siblings = list(group)
        yield from siblings
        for one in reversed(siblings):
            if type(one).__name__ == "IPyNbCell":  # there is none without --nbval
                what = {"cell_num": one.cell_num, "cell": one.cell, "options": one.options}
                name = f"{one.name}, run again from the end"
                yield type(one).from_parent(one.parent, name=name, **what)
