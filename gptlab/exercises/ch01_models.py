"""The checks of chapter 1 on models: one step of an LSTM, and a split whose windows do not leak."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.checks import Wrong, call, exercise, same, tensor


@exercise("Fill in lstm_step(x, h, c, w_x, w_h, bias) so that it returns the pair (h, c).")
def lstm_step(answer: Any) -> str:
    """Check a function x (B, E), h, c (B, H), w_x (4H, E), w_h (4H, H), bias (4H,) → (h, c)."""
    generator = torch.Generator().manual_seed(1997)
    for batch, width, state in ((2, 3, 5), (1, 4, 2)):
        shapes = (batch, width), *[(batch, state)] * 2, (4 * state, width), (4 * state, state)
        given = [torch.randn(*shape, generator=generator) for shape in (*shapes, (4 * state,))]
        result = call(answer, *given)
        if not isinstance(result, list | tuple) or len(result) != 2:
            raise Wrong(f"Return the pair (h, c), not {type(result).__name__}.")
        found = tuple(
            tensor(part, (batch, state), name)
            for part, name in zip(result, ("h", "c"), strict=True)
        )
        right = _step(*given)
        if all(map(same, found, right)):
            continue
        if same(found[0], right[1]) and same(found[1], right[0]):
            raise Wrong("h and c have changed places.")
        for wrong, message in _step_mistakes(given):
            if all(map(same, found, wrong)):
                raise Wrong(message)
        if same(found[1], right[1]):
            raise Wrong("c is right, and h is not: it is made of the new c and the output gate.")
        raise Wrong(
            "Neither h nor c is right. Look at the four parts one by one: which of them goes "
            "through a sigmoid, which through tanh, and what each is multiplied by."
        )
    return "What to forget, what to write, what to show: one state, carried from token to token."


Squash = Callable[[Tensor], Tensor]


def _step(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    w_x: Tensor,
    w_h: Tensor,
    bias: Tensor,
    *,
    order: tuple[int, ...] = (0, 1, 2, 3),
    use: tuple[bool, bool, bool] = (True, True, True),
    candidate: Squash = torch.tanh,
    shown: Squash = torch.tanh,
    old: bool = False,
    gates_squashed: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return the next h and c, (B, H) each, or what comes of a mistake.

    Args:
        x, h, c, w_x, w_h, bias: as the exercise gives them.
        order: where input gate, forget gate, candidate and output gate stand.
        use: whether token, state and bias count.
        candidate: what the candidate goes through.
        shown: what the cell goes through before it is shown.
        old: show the cell as it was before.
        gates_squashed: whether the gates go through a sigmoid.
    """
    parts = x @ w_x.T * use[0] + h @ w_h.T * use[1] + bias * use[2]  # (B, 4H)
    chunks = parts.chunk(4, dim=-1)
    i, f, g, o = (chunks[place] for place in order)  # (B, H) each
    if gates_squashed:
        i, f, o = i.sigmoid(), f.sigmoid(), o.sigmoid()
    new = f * c + i * candidate(g)
    return o * shown(c if old else new), new


def _step_mistakes(given: list[Tensor]) -> list[tuple[tuple[Tensor, Tensor], str]]:
    def changed(**faults: Any) -> tuple[Tensor, Tensor]:
        return _step(*given, **faults)

    return [
        (changed(candidate=torch.sigmoid), "The candidate goes through a sigmoid; it is tanh."),
        (changed(candidate=lambda g: g), "The candidate goes through nothing; it is tanh."),
        (changed(shown=lambda c: c), "The new cell is shown as it is; it goes through tanh first."),
        (changed(shown=torch.sigmoid), "The new cell is shown through a sigmoid; it is tanh."),
        (changed(old=True), "You show the cell as it was before this token, not the new one."),
        (changed(gates_squashed=False), "The gates are no shares: they go through a sigmoid."),
        (changed(use=(True, False, True)), "The state h is not read."),
        (changed(use=(False, True, True)), "The token x is not read."),
        (changed(use=(True, True, False)), "The bias is missing."),
        *(
            (changed(order=order), "The four parts stand in another order: input, forget, g, out.")
            for order in permutations(range(4))
            if order != (0, 1, 2, 3)
        ),
    ]


#: Ids in the text, in a window, and the share for validation.
_TEXTS = ((400, 16, 0.25), (330, 10, 0.1))


@exercise("Fill in split(ids, n_ctx, share) so that it returns the pair (train, val).")
def split(answer: Any) -> str:
    """Check a function ids (N,), n_ctx, share → windows to train and to validate on."""
    for size, n_ctx, share in _TEXTS:
        # Each id says where it stands. Beside it a text in which ids come again and again.
        places = torch.arange(size)
        train, val = _judge_split(call(answer, places, n_ctx, share), places, n_ctx, share)
        ids = places * 7 % 13
        for part, windows in zip(_pair(call(answer, ids, n_ctx, share)), (train, val), strict=True):
            if sorted(part.tolist()) != sorted(ids[windows].tolist()):
                raise Wrong(
                    "Where ids come more than once in the text, you return other windows: it is "
                    "places that must not be shared, not ids."
                )
    return "Cut first, then windows: no token is learned from and tested on."


def _pair(result: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(result, list | tuple) or len(result) != 2:
        raise Wrong(f"Return the pair (train, val), not {type(result).__name__}.")
    for name, part in zip(("train", "val"), result, strict=True):
        if not isinstance(part, Tensor) or part.dim() != 2:
            has = f" of shape {tuple(part.shape)}" if isinstance(part, Tensor) else ""
            raise Wrong(
                f"{name} should be a tensor (windows, n_ctx), not {type(part).__name__}{has}."
            )
    return result[0], result[1]


def _judge_split(result: Any, places: Tensor, n_ctx: int, share: float) -> tuple[Tensor, Tensor]:
    train, val = _pair(result)
    for name, part in (("train", train), ("val", val)):
        if part.size(1) != n_ctx:
            raise Wrong(f"The windows of {name} hold {part.size(1)} ids; it should be {n_ctx}.")
        if len(part) and not bool((part.diff(dim=1) == 1).all()):
            raise Wrong(f"A window of {name} does not hold ids that follow each other.")
    cut = len(places) - round(share * len(places))
    seen, tested = (set(part.flatten().tolist()) for part in (train, val))
    if shared := seen & tested:
        raise Wrong(
            f"{len(shared)} places of the text stand in windows of both parts, the first "
            f"{min(shared)}: a leak."
        )
    if 0 in tested:
        raise Wrong("The parts are turned round: the end of the text is to validate on.")
    step = n_ctx // 2
    for name, part, text in (("train", train, places[:cut]), ("val", val, places[cut:])):
        expected = text.unfold(0, n_ctx, step).tolist()
        if sorted(part.tolist()) == expected:
            continue
        if sorted(part.tolist()) == text.unfold(0, n_ctx, n_ctx).tolist():
            raise Wrong(
                f"The windows of {name} follow each other without an overlap. They begin every "
                f"{step} ids, n_ctx // 2, as before."
            )
        raise Wrong(
            f"{name} has {len(part)} windows, and the {len(text)} ids of its part of the text give "
            f"{len(expected)}, the first of which begins with id {expected[0][0]}."
        )
    return train, val
