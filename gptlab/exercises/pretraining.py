"""Pretraining put together from functions: a reader's own where they are right, else the package's.

`Steps` are the three functions that chapter 4.1 asks for, and `train` makes a run of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gptlab.model import GPT
from gptlab.runtime.progress import bar, stop_request
from gptlab.settings import TrainSettings, learning_rate_at, make_optimizers

Step = Callable[..., Any]


def windows(documents: Sequence[Sequence[int]], end: int, n_ctx: int) -> tuple[Tensor, Tensor]:
    """Cut documents into consecutive windows: ids and targets, (N, n_ctx) each, of int64.

    In front of each document stands the id ``end``. What is too little for a window is left out.
    """
    stream = torch.tensor([token for document in documents for token in (end, *document)])
    n_window = (len(stream) - 1) // n_ctx
    used = n_window * n_ctx
    return stream[:used].view(-1, n_ctx), stream[1 : used + 1].view(-1, n_ctx)


def clip(gradients: Sequence[Tensor], limit: float) -> list[Tensor]:
    """Return the gradients, scaled down together where their common norm is above the limit."""
    norm = math.sqrt(sum(gradient.square().sum().item() for gradient in gradients))
    return [gradient * min(1.0, limit / max(norm, 1e-12)) for gradient in gradients]


def accumulate(model: GPT, pieces: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Leave the gradients of all pieces as one batch would; return its mean loss in nats.

    Args:
        model: whose gradients are cleared and filled.
        pieces: ids and targets, (B, T) each, of one batch; targets of -100 do not count.
    """
    model.zero_grad()
    count = sum(int((y != -100).sum()) for _, y in pieces)
    total = 0.0
    for x, y in pieces:
        weight = int((y != -100).sum()) / max(1, count)
        loss = model(x, y)[1] * weight
        loss.backward()
        total += loss.item()
    return total


@dataclass(frozen=True)
class Steps:
    """What a pretraining run is made of; the package's own, unless others are given.

    Attributes:
        windows: documents, the id between them, n_ctx → ids and targets, (N, n_ctx) each.
        clip: gradients, limit → gradients.
        accumulate: model, pieces → the loss as a float, the gradients beside the weights.
    """

    windows: Step = windows
    clip: Step = clip
    accumulate: Step = accumulate


def train(
    model: GPT,
    steps: Steps,
    documents: Sequence[Sequence[int]],
    end: int,
    settings: TrainSettings,
    *,
    label: str = "",
    progress: bool = True,
) -> list[float]:
    """Train the model in place, on the CPU, and return the loss that each update started from.

    Windows are drawn by the settings' seed. Ctrl-C (or the notebook's stop button) ends it after
    the current update.

    Args:
        model: trained in place, left in evaluation mode.
        steps: what the run is made of.
        documents: ids of each.
        end: the id in front of each.
        settings: of these, steps, batch_size, accumulate, clip, seed, and what the optimizer and
            its schedule need.
        label: what the progress bar says.
        progress: show it.

    Raises:
        ValueError: if there are fewer windows than a batch takes.
    """
    settings = settings.for_model(model.config)
    x, y = steps.windows(documents, end, model.config.n_ctx)  # (N, n_ctx) each
    if len(x) < settings.batch_size:
        raise ValueError(f"{len(x)} windows are too few for a batch of {settings.batch_size}.")
    weights = list(model.parameters())
    optimizers = make_optimizers(model, settings)
    draw = torch.Generator().manual_seed(settings.seed)
    losses: list[float] = []
    model.train()
    with stop_request() as stopping, bar(settings.steps, 0, progress, label) as shown:
        while len(losses) < settings.steps and not stopping():
            rows = torch.randperm(len(x), generator=draw)[: settings.batch_size]
            pieces = rows.chunk(settings.accumulate)
            losses.append(steps.accumulate(model, [(x[piece], y[piece]) for piece in pieces]))
            clipped = steps.clip([weight.grad for weight in weights], settings.clip)
            for weight, gradient in zip(weights, clipped, strict=True):
                weight.grad = gradient
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate_at(len(losses) - 1, settings)
                optimizer.step()
            shown.update(1)
            shown.set_postfix_str(f"loss {losses[-1]:.3f}", refresh=False)
    model.eval()
    return losses
