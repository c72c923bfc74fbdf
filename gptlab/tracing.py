"""The one door to the inside: a forward pass with everything kept, and changed on the way if asked.

The model calls a tap by name at each point worth looking at. The names, for a block i counted from
0, in the order in which they happen:

    embed                token plus position embedding              (T, C)
    i.queries .keys .values     one vector a head and token         (H, T, D)
    i.attention          weights, rows sum to 1                     (H, T, T)
    i.heads              what each head found, before c_proj        (H, T, D)
    i.mid, i.out         residual stream after attention, after MLP (T, C)
    final                what the output layer reads                (T, C)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gptlab.model import GPT

#: (layer, head), both counted from 0.
Head = tuple[int, int]
#: A tensor to put in a point's place, or a function from the tensor there to a new one.
Patch = Tensor | Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Trace:
    """What one forward pass over one sequence computed. All tensors are detached, on the CPU.

    Attributes:
        tokens: the ids read (T,).
        logits: next-token scores (T, V).
        attention: weights (layer, head, query, key); rows sum to 1.
        queries: (layer, head, T, D).
        keys: (layer, head, T, D).
        values: (layer, head, T, D).
        residual: the residual stream by name (T, C): "embed", then "0.mid", "0.out", … "final".
    """

    tokens: Tensor
    logits: Tensor
    attention: Tensor
    queries: Tensor
    keys: Tensor
    values: Tensor
    residual: dict[str, Tensor]


@torch.no_grad()
def trace(
    model: GPT,
    tokens: Tensor,
    ablate: Collection[Head] = (),
    patch: Mapping[str, Patch] | None = None,
) -> Trace:
    """Run the model once and keep what it computed inside.

    Args:
        model: any GPT. It is read in evaluation mode (no dropout) and left as it was.
        tokens: the ids of one sequence, (T,) or (1, T).
        ablate: heads whose output is set to zero, as (layer, head) pairs.
        patch: {name: tensor or function} to replace the tensor at a named point. A tensor has the
            shape listed at the top of this module.

    Raises:
        ValueError: for more than one sequence, a head or name that does not exist, or a patch of
            the wrong shape; the message names what there is.
    """
    tokens = tokens.reshape(1, -1) if tokens.dim() == 1 else tokens
    if tokens.dim() != 2 or tokens.size(0) != 1:
        raise ValueError(
            f"tokens has shape {tuple(tokens.shape)}; a trace follows one sequence, (T,) or (1, T)."
        )
    silent = _heads_by_layer(model, ablate)
    patch = dict(patch or {})
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        if name in patch:
            x = _patched(name, x, patch[name])
        layer, _, point = name.partition(".")
        if point == "heads" and layer in silent:
            x = x.index_fill(1, torch.tensor(silent[layer], device=x.device), 0.0)
        seen[name] = x
        return x

    was_training = model.training
    model.eval()
    try:
        logits = model(tokens.to(model.device), tap=tap)
    finally:
        model.train(was_training)
    unknown = sorted(set(patch) - set(seen))
    if unknown:
        raise ValueError(f"there is no point {', '.join(unknown)} to patch; there is {list(seen)}.")

    def layers(point: str) -> Tensor:
        return torch.cat([seen[f"{i}.{point}"] for i in range(model.config.n_layer)]).cpu()

    stream = [name for name in seen if name.endswith(("mid", "out")) or "." not in name]
    return Trace(
        tokens=tokens[0].cpu(),
        logits=logits[0].float().cpu(),
        attention=layers("attention"),
        queries=layers("queries"),
        keys=layers("keys"),
        values=layers("values"),
        residual={name: seen[name][0].cpu() for name in stream},
    )


def _heads_by_layer(model: GPT, ablate: Collection[Head]) -> dict[str, list[int]]:
    n_layer, n_head = model.config.n_layer, model.config.n_head
    silent: dict[str, list[int]] = {}
    for layer, head in ablate:
        if not (0 <= layer < n_layer and 0 <= head < n_head):
            raise ValueError(
                f"there is no head {head} in layer {layer}; this model has layers 0 to "
                f"{n_layer - 1} with heads 0 to {n_head - 1}."
            )
        silent.setdefault(str(layer), []).append(head)
    return silent


def _patched(name: str, x: Tensor, new: Patch) -> Tensor:
    """Put ``new`` in the place of one point's tensor (1, …), keeping its shape."""
    value = new(x[0]) if callable(new) else new
    if value.shape != x.shape[1:]:
        raise ValueError(
            f"the patch for {name} has shape {tuple(value.shape)}; it must be {tuple(x.shape[1:])}."
        )
    return value.to(x)[None]
