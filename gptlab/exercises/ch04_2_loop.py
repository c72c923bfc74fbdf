"""The check of chapter 4.2's loop: several epochs, and after each what is held out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.exercises.checks import Wrong, call, close, exercise, same
from gptlab.model import GPT
from gptlab.runtime.modes import evaluating

Batch = tuple[Tensor, Tensor]
#: model, batch → the mean loss, a tensor to call backward on.
LossOf = Callable[[GPT, Batch], Tensor]


def _loss_of(model: GPT, batch: Batch) -> Tensor:
    return model(*batch)[1]


def _made() -> tuple[GPT, torch.optim.Optimizer, list[Batch], list[Batch]]:
    """Return a model with dropout, its optimizer, batches to learn from, and others held out."""
    torch.manual_seed(42)
    config = GPTConfig(
        vocab_size=11, n_ctx=6, n_layer=1, n_head=2, n_embd=8, init_std=0.3, dropout=0.4
    )
    model = GPT(config)
    draw = torch.Generator().manual_seed(42)
    rows = torch.randint(11, (4, 3, 7), generator=draw)  # four batches of three sequences
    batches = [(row[:, :-1].contiguous(), row[:, 1:].contiguous()) for row in rows]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.5)
    return model, optimizer, batches[:2], batches[2:]


def _fine_tune(
    model: GPT,
    seen: list[Batch],
    held_out: list[Batch],
    optimizer: torch.optim.Optimizer,
    loss_of: LossOf,
    epochs: int,
    *,
    trains: bool = True,
    clears: bool = True,
) -> list[float]:
    """Return the mean loss of what is held out after each epoch, as the loop should.

    Args:
        model: trained in place.
        seen: batches to learn from, each read once an epoch.
        held_out: batches to measure on.
        optimizer: over the model's weights.
        loss_of: a model and a batch to the mean loss.
        epochs: how often all is read.
        trains: False for the fault that the model never goes back to training mode.
        clears: False for the fault that gradients are never cleared.
    """
    told = []
    model.train()
    for _ in range(epochs):
        if trains:
            model.train()
        for batch in seen:
            if clears:
                optimizer.zero_grad()
            loss_of(model, batch).backward()
            optimizer.step()
        model.eval()
        told.append(_mean_loss(model, held_out, loss_of))
    return told


@torch.no_grad()
def _mean_loss(model: GPT, batches: list[Batch], loss_of: LossOf) -> float:
    with evaluating(model):
        return sum(loss_of(model, batch).item() for batch in batches) / len(batches)


@exercise(
    "Fill in fine_tune(model, seen, held_out, optimizer, loss_of, epochs) so that it returns a "
    "list of losses."
)
def loop(answer: Any) -> str:
    """Check a function that trains for some epochs and measures after each; see `_fine_tune`."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for epochs in (1, 3):
            model, optimizer, seen, held_out = _made()
            before = _of(model)
            modes: list[bool] = []
            noisy: list[bool] = []  # whether what is held out was asked for in training mode
            noted = partial(_noting, seen=seen, modes=modes, noisy=noisy)
            torch.manual_seed(7)  # dropout
            told = call(answer, model, list(seen), list(held_out), optimizer, noted, epochs)
            if not isinstance(told, list | tuple) or len(told) != epochs:
                raise Wrong(
                    f"After {epochs} epoch{'s' if epochs > 1 else ''} there should be a list of "
                    f"{epochs}: one loss after each. You return "
                    + (f"{len(told)}." if isinstance(told, list) else f"{type(told).__name__}.")
                )
            values = [_plain(value) for value in told]
            _judge_weights(_of(model), before, modes, epochs)
            _judge_losses(values, any(noisy), epochs)
    return "Learn with dropout, measure without it, on what was not learned from, and go back."


def _noting(
    model: GPT, batch: Batch, *, seen: list[Batch], modes: list[bool], noisy: list[bool]
) -> Tensor:
    """Return the loss, and note in which mode it was asked for."""
    notes = modes if any(batch is one for one in seen) else noisy
    notes.append(model.training)
    return _loss_of(model, batch)


def _of(model: GPT) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def _after(epochs: int, **faults: bool) -> tuple[GPT, list[float]]:
    """Return the model and the losses of the loop, right or with a fault, from the same seeds."""
    model, optimizer, seen, held_out = _made()
    torch.manual_seed(7)
    return model, _fine_tune(model, seen, held_out, optimizer, _loss_of, epochs, **faults)


def _plain(value: Any) -> float:
    if isinstance(value, Tensor):
        raise Wrong(
            "The losses are tensors"
            + (
                ", each with the graph it came from: all that memory stays."
                if value.requires_grad
                else "."
            )
            + " Return plain numbers."
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"The list should hold numbers, not {type(value).__name__}.")
    return float(value)


def _judge_weights(after: Tensor, before: Tensor, modes: list[bool], epochs: int) -> None:
    if torch.equal(after, before):
        raise Wrong("No weight has moved. Who computes the gradients, and who makes the update?")
    if same(after, _of(_after(epochs)[0])):
        return
    if same(after, _of(_after(epochs, clears=False)[0])):
        raise Wrong("Each update still holds the gradients of those before it.")
    if modes and not modes[0]:
        raise Wrong("The model learns in evaluation mode, without its dropout.")
    if modes and not all(modes):
        raise Wrong(
            "The first epoch is right. After it the model learns without dropout: it was set to "
            "evaluation mode to be measured, and nobody set it back."
        )
    if len(modes) < 2 * epochs:
        raise Wrong(
            f"With 2 batches and {epochs} epoch{'s' if epochs > 1 else ''} the loss of what is "
            f"learned from was asked for {len(modes)} times. Each batch makes one update an epoch."
        )
    raise Wrong(
        "The weights are not where these batches lead. Does measuring change them, or use up "
        "random numbers, as dropout does? Is each batch one update, in the order given?"
    )


def _judge_losses(values: list[float], noisy: bool, epochs: int) -> None:
    model, right = _after(epochs)
    if all(close(a, b) for a, b in zip(values, right, strict=True)):
        return
    if noisy:
        raise Wrong(
            "The updates are right. What is held out is measured in training mode, with dropout: "
            "the loss of a model that has lost a part of its numbers at random."
        )
    _, _, seen, held_out = _made()
    last = values[-1]
    with torch.no_grad():
        singles = {
            "Measured on a batch that was learned from, which says nothing about the rest.": (
                [_mean_loss(model, [batch], _loss_of) for batch in seen]
                + [_mean_loss(model, seen, _loss_of)]
            ),
            "Only one of the batches that are held out is measured. Take the mean of all.": [
                _mean_loss(model, [batch], _loss_of) for batch in held_out
            ],
            "That is the sum over the batches that are held out. Return their mean.": [
                len(held_out) * _mean_loss(model, held_out, _loss_of)
            ],
        }
    for message, wrong in singles.items():
        if any(close(last, value) for value in wrong):
            raise Wrong(f"The updates are right. {message}")
    raise Wrong(
        f"The updates are right, but after the last epoch you return {last:.4f}. Is it measured "
        f"after the epoch, on what is held out?"
    )
