"""Which processor to run on, in which precision, compiled or not: chosen with a reason, or told."""

from __future__ import annotations

import importlib.util
import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from gptlab.distributed import local_rank

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")

#: Operations of a run from which "auto" compiles: about ten minutes on two CPU cores or one GPU, so
#: that the minute of compiling is repaid. Estimates: where these runs were measured, a CPU without
#: bfloat16, compiling gained nothing, and there it is never chosen.
_LONG_RUN = {"cpu": 1e14, "cuda": 1e16}


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


def choose(
    device: str = "auto",
    precision: str = "auto",
    compile: bool | None = None,
    work: float = 0.0,
) -> Hardware:
    """Pick the hardware for a run; "auto" picks by itself and says why.

    A GPU computes in bfloat16 where it can. A CPU does so, and anything is compiled, only where the
    processor multiplies bfloat16 matrices itself and the run is long: short runs stay the same on
    every CPU.

    Args:
        device: "auto", "cpu", "cuda" (also "cuda:1") or "mps".
        precision: "auto", "float32" or "bfloat16".
        compile: whether to compile the model; None for where it repays. Without a compiler on the
            machine nothing is compiled, and ``why`` says so.
        work: operations of the whole run, 0 for a short one.

    Raises:
        ValueError: for a device this machine does not have, or an unknown word.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    chosen, reason = _device(device)
    kind = chosen.split(":")[0]
    has_bf16 = _has_bfloat16(kind)
    repays = has_bf16 and work >= _LONG_RUN.get(kind, float("inf"))
    if precision == "auto":
        precision = "bfloat16" if repays or (has_bf16 and kind == "cuda") else "float32"
    compile = repays if compile is None else compile
    compiled = "compiled" if compile else "not compiled"
    if compile and not _has_compiler(kind):
        compile, compiled = False, "not compiled, because no compiler was found"
    name = f"CPU with {torch.get_num_threads()} threads" if kind == "cpu" else "Apple GPU"
    where = torch.cuda.get_device_name(chosen) if kind == "cuda" else name
    return Hardware(
        torch.device(chosen), precision, compile, f"{where} ({reason}), {precision}, {compiled}"
    )


def _device(device: str) -> tuple[str, str]:
    """Return a device this machine has, and the reason for it."""
    kind = device.split(":")[0]
    if kind not in DEVICES:
        raise ValueError(f"device is {device!r}; choose one of {', '.join(DEVICES)}.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError('device is "cuda", but torch finds no GPU here; use "cpu" or "auto".')
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError('device is "mps", but torch finds no Apple GPU here; use "cpu" or "auto".')
    chosen, reason = device, "as asked"
    if kind == "auto":
        found = torch.cuda.is_available()
        chosen, reason = ("cuda", "GPU found") if found else ("cpu", "no GPU found")
    if chosen == "cuda" and local_rank() is not None:
        chosen = f"cuda:{local_rank()}"  # one GPU for each of torchrun's processes
        torch.cuda.set_device(chosen)
    return chosen, reason


def _has_bfloat16(kind: str) -> bool:
    """Whether the processor multiplies bfloat16 matrices itself; others only imitate it."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return kind == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _has_compiler(kind: str) -> bool:
    """Whether torch.compile finds what it needs: a C++ compiler for a CPU, Triton for a GPU."""
    if kind == "cuda":
        return importlib.util.find_spec("triton") is not None
    compilers = (os.environ.get("CXX"), "g++", "clang++", "cl")
    return any(name and shutil.which(name) for name in compilers)
