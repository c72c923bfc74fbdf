"""More than one process: `torchrun -m gptlab train …` runs the same loop, sharing each batch.

torchrun starts the processes and tells each its rank in the environment; torch.distributed adds up
the gradients. With DDP each process holds the whole model; with FSDP each holds a part of every
weight and fetches the rest when it is needed, for models that do not fit into one memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class WorkerLost(RuntimeError):
    """Another process of the run is gone, and its share of the batch with it."""


@dataclass(frozen=True)
class World:
    """The processes of one run, as seen from one of them.

    Attributes:
        rank: this process's number, from 0; only number 0 shows progress and writes files.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's rows of a batch (B, T): (B / size, T)."""
        return batch[self.rank :: self.size]

    def sum(self, value: float) -> float:
        """Add up a number over the processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=_communication_device())
        dist.all_reduce(total)
        return total.item()

    def wrap(self, model: nn.Module, shard: bool) -> Callable[..., Any]:
        """Return what to call for a forward pass whose backward pass adds up the gradients.

        Args:
            model: already on its device, with its weights loaded. Sharding changes it in place.
            shard: FSDP instead of DDP.
        """
        if self.size == 1:
            return model
        if not shard:
            return nn.parallel.DistributedDataParallel(model)
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        device = next(model.parameters()).device
        mesh = init_device_mesh(device.type, (self.size,))
        for block in model.get_submodule("h").children():
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        return model

    @contextmanager
    def exchanging(self) -> Iterator[None]:
        """Turn the network's complaint about a vanished process into one clear line.

        Raises:
            WorkerLost: if another process ended during the exchange.
        """
        try:
            yield
        except RuntimeError as error:
            said = str(error).lower()
            if self.size > 1 and any(word in said for word in ("gloo", "nccl", "peer", "connect")):
                raise WorkerLost(
                    f"process {self.rank} of {self.size} lost the others, so the run stops; start "
                    f"it again with --resume to go on from the last checkpoint."
                ) from error
            raise


def join() -> World:
    """Meet the other processes that torchrun started; alone, where it did not start this one.

    Raises:
        RuntimeError: if they cannot be reached.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not dist.is_available():
        return World()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return World(dist.get_rank(), dist.get_world_size())


def leave() -> None:
    """End what `join` began, so that the process ends without a warning."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def full_tensor(value: Tensor) -> Tensor:
    """Fetch all of a tensor, wherever its parts are; every process must call this."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def placed_like(value: Tensor, weight: Tensor) -> Tensor:
    """Return a copy of a whole tensor where the weight is, split as the weight is split."""
    if not hasattr(weight, "full_tensor"):
        return value.to(weight.device, copy=True)
    # Here, because it takes a second to import.
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(weight, DTensor)
    return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)


def _communication_device() -> str:
    return "cuda" if dist.get_backend() == "nccl" else "cpu"
