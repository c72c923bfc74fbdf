"""Reading a model that is being trained, without leaving it changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold the model in evaluation mode (no dropout), and put it back as it was."""
    was_training = model.training
    if was_training:  # setting the mode of every module takes as long as a small layer
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()
