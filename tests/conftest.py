"""What all tests share: the small scale, no deadlines, and tests that this machine cannot run."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

os.environ.setdefault("GPTLAB_SCALE", "smoke")

# A busy machine must not turn a test red. CI draws the same examples each time.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what needs a GPU on a machine without one."""
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU found"))
