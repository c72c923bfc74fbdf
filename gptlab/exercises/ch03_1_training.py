"""The check of chapter 3.1's training step: it watches what a step does, and in which order."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.exercises.checks import Wrong, call, close, exercise, number, same
from gptlab.exercises.pieces import train_step as one_step
from gptlab.model import GPT


class _Sgd(torch.optim.SGD):
    """Plain gradient descent that notes what a training step does, in order.

    Its notes are "forward", "backward", "step", and "idle" for a step without gradients.
    """

    def __init__(self, model: GPT) -> None:
        super().__init__(model.parameters(), lr=0.3)
        self.notes: list[str] = []
        model.register_forward_hook(lambda *_: self.notes.append("forward"))
        model.wpe.weight.register_post_accumulate_grad_hook(lambda _: self.notes.append("backward"))
        self.register_step_pre_hook(lambda *_: self.notes.append(self._kind_of_step()))

    def _kind_of_step(self) -> str:
        weights = self.param_groups[0]["params"]
        moves = any(w.grad is not None and bool(w.grad.any()) for w in weights)
        return "step" if moves else "idle"


def _small_gpt() -> tuple[GPT, _Sgd]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(36)
        model = GPT(GPTConfig(vocab_size=11, n_ctx=6, n_layer=1, n_head=2, n_embd=8, init_std=0.3))
    return model, _Sgd(model)


def _weights(model: GPT) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


@exercise("Fill in train_step(model, x, y, optimizer) so that it returns the loss as a float.")
def train_step(answer: Any) -> str:
    """Check a function that makes one update of a GPT and returns its loss; two are made."""
    generator = torch.Generator().manual_seed(36)
    batches = torch.randint(11, (2, 4, 7), generator=generator)  # two of four sequences
    mine, right, heaped = _small_gpt(), _small_gpt(), _small_gpt()
    with torch.enable_grad():
        for batch in batches:
            x, y = batch[:, :-1].contiguous(), batch[:, 1:].contiguous()  # (4, 6) each
            mine[1].notes.clear()
            told = call(answer, mine[0], x, y, mine[1])
            before = one_step(right[0], x, y, right[1])
            heaped[0](x, y)[1].backward()
            heaped[1].step()  # what gradients that are never cleared lead to
            if not same(_weights(mine[0]), _weights(right[0])):
                as_heaped = same(_weights(mine[0]), _weights(heaped[0]))
                raise Wrong(_what_went_wrong(mine[1].notes, as_heaped))
            with torch.no_grad():
                after = right[0](x, y)[1].item()
            _judge_loss(told, before, after)
    return "Loss, gradients, update: all of pretraining is this step, again and again."


def _what_went_wrong(notes: list[str], heaped: bool) -> str:
    """Say what a step that left the weights in the wrong place did wrong, from what it did."""
    steps = [i for i, note in enumerate(notes) if note in ("step", "idle")]
    if "forward" not in notes:
        return (
            "The model was never called. Inside the function its name is model, and model(x, y) "
            "gives two things."
        )
    if "backward" not in notes and not steps:
        return "There is a loss, and no more: no gradients yet, and no update."
    if "backward" not in notes:
        return "The optimizer makes its step, but no gradients were computed: nothing moves."
    if not steps:
        return "The gradients are there, but the weights did not move: who makes the update?"
    if steps[0] < notes.index("backward"):
        return (
            "The update comes before the gradients: the optimizer moves the weights by what was "
            "there before this batch. What must be known before it can move?"
        )
    if notes[steps[0]] == "idle":
        return "The gradients are cleared before the optimizer has used them: nothing moves."
    if len(steps) > 1:
        return f"One call should make one update, and yours makes {len(steps)}."
    if heaped:
        return (
            "The first update is right, the second is not: it still holds the gradients of the "
            "first batch. backward() adds to what is there."
        )
    return (
        "There is one backward and one step, but the weights are not where this batch's gradients "
        "lead. Is it the loss itself, of all of x and y, that you call backward on?"
    )


def _judge_loss(told: Any, before: float, after: float) -> None:
    """Look at what the step returned, where the update itself was right."""
    if isinstance(told, tuple | list):
        raise Wrong(f"The update is right. Return the loss alone, not {len(told)} things.")
    if isinstance(told, Tensor) and told.requires_grad:
        raise Wrong(
            "The update is right, but the loss comes back as a tensor that holds the graph: "
            "whoever keeps it keeps the memory of the whole forward pass. Return a plain number."
        )
    if isinstance(told, Tensor):
        raise Wrong("The update is right, but the loss is a tensor. Return a plain number.")
    value = number(told)
    if close(value, before):
        return
    if close(value, after):
        raise Wrong(
            f"The update is right, but {value:.4f} is the loss after it, at the price of a second "
            f"forward pass. Return the one the gradients came from."
        )
    raise Wrong(
        f"The update is right, but you return {value:.4f}, and the loss was {before:.4f}: the mean "
        f"over all tokens, as the model gives it."
    )
