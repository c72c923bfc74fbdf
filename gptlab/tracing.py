"""The one door to the inside: a forward pass with everything kept, and changed on the way if asked.

`GPT.trace` hands a `Recorder` to the model, which shows it each point worth looking at by name. For
a block i counted from 0, in the order in which they happen:

    embed                token plus position embedding              (T, C)
    i.queries .keys .values     one vector a head and token         (H, T, D)
    i.attention          weights, rows sum to 1                     (H, T, T)
    i.heads              what each head found, before c_proj        (H, T, D)
    i.mid, i.out         residual stream after attention, after MLP (T, C)
    final                what the output layer reads                (T, C)

Nothing here knows the model, so the model can know what is here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gptlab.config import GPTConfig

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


class Ablation:
    """A tap that sets the output of some heads to zero, and keeps nothing."""

    def __init__(self, config: GPTConfig, heads: Collection[Head]) -> None:
        """Say which heads, as (layer, head).

        Raises:
            ValueError: for a head that does not exist.
        """
        self._silent: dict[str, list[int]] = {}
        for layer, head in heads:
            if not (0 <= layer < config.n_layer and 0 <= head < config.n_head):
                raise ValueError(
                    f"there is no head {head} in layer {layer}; this model has layers 0 to "
                    f"{config.n_layer - 1} with heads 0 to {config.n_head - 1}."
                )
            self._silent.setdefault(str(layer), []).append(head)

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """Return a point's tensor (B, …), without those heads where it is what heads found."""
        layer, _, point = name.partition(".")
        if point != "heads" or layer not in self._silent:
            return x
        return x.index_fill(1, torch.tensor(self._silent[layer], device=x.device), 0.0)


class Recorder:
    """A tap that keeps what it is shown, ablates heads and patches points."""

    def __init__(
        self,
        config: GPTConfig,
        ablate: Collection[Head] = (),
        patch: Mapping[str, Patch] | None = None,
    ) -> None:
        """Say what to change on the way; see `GPT.trace`.

        Raises:
            ValueError: for a head that does not exist.
        """
        self._n_layer = config.n_layer
        self._ablation = Ablation(config, ablate)
        self._patch = dict(patch or {})
        self._seen: dict[str, Tensor] = {}

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """Keep a tensor (1, …) under its name, changed if so asked, and return it."""
        if name in self._patch:
            x = _patched(name, x, self._patch[name])
        self._seen[name] = x = self._ablation(name, x)
        return x

    def trace(self, tokens: Tensor, logits: Tensor) -> Trace:
        """Put together what was seen while ``tokens`` (1, T) became ``logits`` (1, T, V).

        Raises:
            ValueError: for a patch of a point that was never reached.
        """
        seen = self._seen
        if unknown := sorted(set(self._patch) - set(seen)):
            raise ValueError(
                f"there is no point {', '.join(unknown)} to patch; there is {list(seen)}."
            )

        def layers(point: str) -> Tensor:
            return torch.cat([seen[f"{i}.{point}"] for i in range(self._n_layer)]).cpu()

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


def _patched(name: str, x: Tensor, new: Patch) -> Tensor:
    """Put ``new`` in the place of one point's tensor (1, …), keeping its shape."""
    value = new(x[0]) if callable(new) else new
    if value.shape != x.shape[1:]:
        raise ValueError(
            f"the patch for {name} has shape {tuple(value.shape)}; it must be {tuple(x.shape[1:])}."
        )
    return value.to(x)[None]
