"""Keeping some weights of a model as they are while the others learn.

A frozen matrix asks for no gradient. Of the token embedding only some rows are frozen, for those of
a task's own ids must learn, and a tensor asks for a gradient as a whole: there the frozen rows'
gradient is set to zero, and the optimizer leaves weight decay out, which would move them too.
"""

from __future__ import annotations

from torch import Tensor, nn

from gptlab.model import GPT
from gptlab.runtime.checks import whole_number

#: The attribute of a weight that says how many of its first rows are frozen.
_ROWS = "frozen_rows"


def freeze(model: GPT, layers: int, ids: int | None = None) -> None:
    """Keep the embeddings and the first blocks as they are, whatever the model learns next.

    It is said of this model in memory, not saved: freeze it again before a run is resumed. Called
    again, it freezes more, and sets nothing free.

    Args:
        model: changed in place.
        layers: how many blocks, from the first on.
        ids: how many of the vocabulary's vectors, from the first on; by default all. A tied output
            layer is the same vectors, and frozen with them.

    Raises:
        ValueError: if the model has not so many blocks or ids.
    """
    known = model.config.vocab_size
    ids = known if ids is None else ids
    whole_number("layers", layers, most=model.config.n_layer)
    whole_number("ids", ids, most=known)
    model.wpe.requires_grad_(False)
    for block in list(model.h)[:layers]:
        block.requires_grad_(False)
    weight = model.wte.weight
    if ids == known:
        weight.requires_grad_(False)
    elif weight.requires_grad and ids > frozen_rows(weight):
        setattr(weight, _ROWS, ids)
        # DDP gathers what this hook returns, so processes agree on the zeros.
        weight.register_hook(lambda gradient: _without_rows(gradient, ids))


def frozen_rows(weight: Tensor) -> int:
    """Return how many of a weight's first rows are frozen while the others learn."""
    rows: int = getattr(weight, _ROWS, 0)
    return rows


def frozen(model: nn.Module) -> list[str]:
    """Name what is frozen, in the model's order: "h.0.ln_1.weight", "wte.weight[:4096]", …."""
    names = []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            names.append(name)
        elif rows := frozen_rows(weight):
            names.append(f"{name}[:{rows}]")
    return names


def check_still_frozen(model: nn.Module, before: list[str]) -> None:
    """Make sure that what a run began with frozen is frozen when it goes on, and nothing else.

    Raises:
        ValueError: if it is not.
    """
    if (now := frozen(model)) != before:
        raise ValueError(
            f"the run was started with {_in_short(before)} frozen, and now it is "
            f"{_in_short(now)}. Freeze the same before it goes on (gptlab.freezing)."
        )


def _in_short(names: list[str]) -> str:
    return ", ".join(names[:2]) + f" … ({len(names)} weights)" if names else "nothing"


def _without_rows(gradient: Tensor, rows: int) -> Tensor:
    # A new tensor: what autograd hands over is not ours to change.
    kept = gradient.clone()
    kept[:rows] = 0.0
    return kept
