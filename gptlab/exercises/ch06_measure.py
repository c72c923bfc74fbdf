"""The checks of chapter 6 on measuring: self time in a profile, an evaluation repaired."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from gptlab.config import preset
from gptlab.exercises.checks import Wrong, call, exercise, name_mistake, number
from gptlab.model import GPT

#: An event of a profile: its name, when it began and when it ended.
Event = tuple[str, int, int]


@exercise("Fill in self_times(events) so that it returns a dict: name → time.")
def self_times(answer: Any) -> str:
    """Check a function [(name, start, end), …] → {name: time spent in it and in nothing inside}."""
    for case, events in _EVENTS.items():
        _judge_times(call(answer, list(events)), events, f"With {case}")
    _judge_times(call(answer, _many()), _many(), "With forty events, nested at random")
    return "Every moment belongs to the innermost event, and to no other."


#: What an event list has in it → such a list.
_EVENTS: dict[str, list[Event]] = {
    "one event": [("mm", 3, 10)],
    "two inside one": [("linear", 0, 100), ("t", 10, 30), ("mm", 40, 85)],
    "three levels": [("step", 0, 100), ("linear", 10, 90), ("mm", 20, 70)],
    "the same name twice": [("mm", 0, 10), ("add", 12, 15), ("mm", 20, 26)],
    "a name inside itself": [("sum", 0, 50), ("sum", 10, 40), ("copy", 15, 25)],
    "an event that is all filled": [("outer", 0, 20), ("inner", 0, 20)],
    "events in no order": [("mm", 20, 70), ("step", 0, 100), ("add", 110, 120), ("linear", 10, 90)],
}


def _many() -> list[Event]:
    """Return forty events, nested at random, always the same."""
    dice = random.Random(6)
    events: list[Event] = []

    def fill(start: int, end: int, depth: int) -> None:
        while end - start > 12 and len(events) < 40:
            first = start + dice.randint(1, 5)
            last = min(end - 1, first + dice.randint(5, 60 // (depth + 1)))
            if last <= first:
                return
            events.append((dice.choice("abcde"), first, last))
            if depth < 3:
                fill(first, last, depth + 1)
            start = last + 1

    fill(0, 2000, 0)
    return events


def _moments(events: list[Event]) -> dict[str, int]:
    """Give each unit of time to the innermost event that covers it."""
    # Of two that began together, the later of the shorter ones lies inside.
    order = sorted(range(len(events)), key=lambda i: (events[i][1], -events[i][2], i))
    found = Counter({name: 0 for name, _, _ in events})
    for moment in range(min(e[1] for e in events), max(e[2] for e in events)):
        inside = [i for i in order if events[i][1] <= moment < events[i][2]]
        if inside:
            found[events[inside[-1]][0]] += 1
    return dict(found)


def _judge_times(result: Any, events: list[Event], where: str) -> None:
    if not isinstance(result, dict):
        raise Wrong(f"Return a dict of name → time, not {type(result).__name__}.")
    right = _moments(events)
    if missing := sorted(set(right) - set(result)):
        raise Wrong(f"{where}, {', '.join(missing)} is missing from your dict.")
    if set(result) != set(right):
        raise Wrong(f"{where}, your dict has names that no event has.")
    told = {name: number(result[name]) for name in right}
    if all(math.isclose(told[name], right[name], abs_tol=1e-6) for name in right):
        return
    if sum(told.values()) == 0:
        raise Wrong(f"{where}, all your times are 0.")
    for wrong, message in _wrong_times(events):
        if all(math.isclose(told[name], wrong[name], abs_tol=1e-6) for name in right):
            raise Wrong(f"{where}: {message}")
    name = next(n for n in right if not math.isclose(told[n], right[n], abs_tol=1e-6))
    raise Wrong(
        f"{where}, {name} gets {told[name]:g}. The times of all names together should be "
        f"{sum(right.values())}, the time in which anything ran; yours are {sum(told.values()):g}."
    )


def _wrong_times(events: list[Event]) -> list[tuple[dict[str, float], str]]:
    """Return what the common mistakes give, each with its message."""
    total: Counter[str] = Counter()
    all_inside: Counter[str] = Counter()
    last: dict[str, float] = {}
    for i, (name, start, end) in enumerate(events):
        inner = [
            e
            for j, e in enumerate(events)
            if start <= e[1] and e[2] <= end and (e[1:] != (start, end) or j > i) and j != i
        ]
        children = [e for e in inner if not any(_within(e, other) for other in inner)]
        total[name] += end - start
        all_inside[name] += end - start - sum(e[2] - e[1] for e in inner)
        last[name] = end - start - sum(e[2] - e[1] for e in children)
    return [
        (dict(total), "those are total times; what ran inside is still in them."),
        (
            dict(all_inside),
            "what lies two levels deep is taken off twice: once from its parent, once from its "
            "grandparent. Whose is it?",
        ),
        (last, "a name that comes twice keeps its last time only."),
    ]


def _within(event: Event, other: Event) -> bool:
    return other != event and other[1] <= event[1] and event[2] <= other[2]


@exercise("Fill in evaluate(model, batches) so that it returns the mean loss, as a number.")
def evaluate(answer: Any) -> str:
    """Check a function (model, [(x, y), …]) → mean loss per target, that disturbs nothing."""
    with torch.random.fork_rng(devices=[]):  # dropout left on would draw
        for training in (True, False):
            _judge_evaluation(answer, training)
    return "The same number twice, no graph kept, and training goes on as it was."


def _judge_evaluation(answer: Any, training: bool) -> None:
    shape = {"vocab_size": 11, "n_ctx": 6, "n_layer": 2, "n_head": 2, "n_embd": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        model = GPT(preset("gpt2-tiny", dropout=0.3, init_std=0.5, **shape)).train(training)
    batches = _batches()
    modes: list[tuple[bool, bool]] = []
    model.register_forward_pre_hook(
        lambda module, _: modes.append((_any_training(module), torch.is_grad_enabled()))
    )
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    value = number(call(answer, model, [(x.clone(), y.clone()) for x, y in batches]))
    if not modes:
        raise Wrong("The model is never called: model(x, y) returns logits and loss.")
    if any(mode for mode, _ in modes):
        raise Wrong("Dropout is on while you measure: the model is still in training mode.")
    if any(grad for _, grad in modes):
        raise Wrong("The number may be right, but each pass keeps what a backward pass would need.")
    if _any_training(model) != training:
        raise Wrong(
            "The model was being trained, and you leave it in evaluation mode: the rest of the "
            "training would run without dropout."
            if training
            else "The model came in evaluation mode, and you leave it in training mode."
        )
    if any(not torch.equal(before[name], w) for name, w in model.named_parameters()):
        raise Wrong("Measuring changed the weights.")
    with torch.no_grad():
        model.eval()
        losses = [model(x, y)[1].item() for x, y in batches]
    sizes = [y.numel() for _, y in batches]
    together = sum(loss * n for loss, n in zip(losses, sizes, strict=True))
    right = together / sum(sizes)
    mistakes = {
        sum(losses) / len(losses): "That is a mean of means: the last batch has fewer rows, and "
        "counts as much as the others.",
        sum(losses): "That is the sum of the batches' means.",
        together: "That is the sum over all targets; the mean is asked for.",
        losses[-1]: "That is the last batch alone.",
        losses[0]: "That is the first batch alone.",
        math.exp(right): "That is the perplexity; the loss is its logarithm.",
    }
    name_mistake(value, mistakes)
    if not math.isclose(value, right, rel_tol=1e-5):
        raise Wrong(
            f"You return {value:.4f} for batches of {', '.join(map(str, sizes))} targets. Each "
            f"target weighs the same: how many stand behind each batch's mean?"
        )


def _any_training(model: nn.Module) -> bool:
    return any(module.training for module in model.modules())


def _batches() -> list[tuple[Tensor, Tensor]]:
    """Return batches of different sizes, (B, T) twice each."""
    generator = torch.Generator().manual_seed(6)
    rows = [torch.randint(11, (n, 7), generator=generator) for n in (4, 4, 1)]
    return [(row[:, :-1], row[:, 1:]) for row in rows]
