"""The optimizers' state by the names of the parameters, whole, wherever its parts are."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn, optim

from gptlab.runtime.processes import full_tensor, placed_like


def optimizer_tensors(optimizers: Sequence[optim.Optimizer], model: nn.Module) -> dict[str, Tensor]:
    """Name the optimizers' state by parameter: {"exp_avg/h.0.ln_1.weight": tensor, …}."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    return {
        f"{moment}/{names[id(weight)]}": full_tensor(value.detach()).cpu().contiguous()
        for optimizer in optimizers
        for weight, moments in optimizer.state.items()
        for moment, value in moments.items()
    }


def restore_optimizers(
    optimizers: Sequence[optim.Optimizer], model: nn.Module, tensors: dict[str, Tensor]
) -> None:
    """Put back what `optimizer_tensors` took out."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    for optimizer in optimizers:
        for weight in (weight for group in optimizer.param_groups for weight in group["params"]):
            moments = {
                key.partition("/")[0]: value
                for key, value in tensors.items()
                if key.partition("/")[2] == names[id(weight)]
            }
            # Adam keeps its step counter on the CPU, whatever the device.
            optimizer.state[weight] = {
                moment: value.clone() if moment == "step" else placed_like(value, weight)
                for moment, value in moments.items()
            }
