"""Which processor to run on, in which precision, compiled or not: chosen with a reason, or told."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from gptlab.distributed import local_rank

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Hardware:
    """The choice made for one run.

    Attributes:
        device: where tensors live.
        precision: "float32" or "bfloat16" (matrix products only; weights stay float32).
        compile: whether the model goes through ``torch.compile``.
        why: one sentence a person can read.
    """

    device: torch.device
    precision: str
    compile: bool
    why: str

    def autocast(self) -> AbstractContextManager[object]:
        """Context in which the forward pass runs."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def choose(device: str = "auto", precision: str = "auto", compile: bool = False) -> Hardware:
    """Pick the hardware for a run; "auto" picks by itself and says why.

    Args:
        device: "auto", "cpu", "cuda" (also "cuda:1") or "mps".
        precision: "auto", "float32" or "bfloat16".
        compile: whether to compile the model; worth its half-minute only for long runs.

    Raises:
        ValueError: for a device this machine does not have, or an unknown word.
    """
    kind = device.split(":")[0]
    if kind not in DEVICES:
        raise ValueError(f"device is {device!r}; choose one of {', '.join(DEVICES)}.")
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError('device is "cuda", but torch finds no GPU here; use "cpu" or "auto".')
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError('device is "mps", but torch finds no Apple GPU here; use "cpu" or "auto".')
    chosen = device
    if kind == "auto":
        chosen = "cuda" if torch.cuda.is_available() else "cpu"
    if chosen == "cuda" and local_rank() is not None:
        chosen = f"cuda:{local_rank()}"  # one GPU for each of torchrun's processes
        torch.cuda.set_device(chosen)
    where = (
        f"CPU with {torch.get_num_threads()} threads"
        if chosen == "cpu"
        else torch.cuda.get_device_name(chosen)
        if chosen.startswith("cuda")
        else "Apple GPU"
    )
    reason = "as asked" if kind != "auto" else "no GPU found" if chosen == "cpu" else "GPU found"
    if precision == "auto":
        has_bf16 = chosen.startswith("cuda") and torch.cuda.is_bf16_supported()
        precision = "bfloat16" if has_bf16 else "float32"
    why = f"{where} ({reason}), {precision}, {'compiled' if compile else 'not compiled'}"
    return Hardware(torch.device(chosen), precision, compile, why)
