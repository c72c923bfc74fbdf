"""Which processor to run on, in which precision, compiled or not: chosen with a reason, or told."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")

#: Width of a model from which a CPU that multiplies bfloat16 matrices gains by it. Measured on two
#: cores with AVX-512, tokens a second against float32: at 64 0.9 times, at 128 1.5 to 1.9 times, at
#: 384 2.8 times.
_WIDE = 128

#: Operations of a run from which compiling repays its 10 to 20 seconds. On the same two cores it
#: gained 9 to 16 % at width 128 and 14 to 20 % at 384, in bfloat16, and nothing in float32; this is
#: three to eight minutes there. The figure for a GPU is an estimate.
_LONG_RUN = {"cpu": 1e14, "cuda": 1e16}


@dataclass(frozen=True)
class Hardware:
    """The choice made for one run.

    Attributes:
        device: where tensors live.
        precision: "float32" or "bfloat16" (matrix products only; weights stay float32).
        compile: whether the model goes through ``torch.compile``.
        label: where and how in a few words, for a progress bar.
        why: one sentence a person can read, the reasons included.
    """

    device: torch.device
    precision: str = "float32"
    compile: bool = False
    label: str = ""
    why: str = ""

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
    n_embd: int = 0,
) -> Hardware:
    """Pick the hardware for a run; "auto" picks by itself and says why.

    A GPU computes in bfloat16 where it can, a CPU where the processor multiplies bfloat16 matrices
    itself and the model is wide enough to gain. Only what runs in bfloat16 is compiled by itself,
    and only for a long run.

    Args:
        device: "auto", "cpu", "cuda" (also "cuda:1") or "mps".
        precision: "auto", "float32" or "bfloat16".
        compile: whether to compile the model; None for where it repays. Without a compiler on the
            machine nothing is compiled, and ``why`` says so.
        work: operations of the whole run, 0 for a short one.
        n_embd: width of the model.

    Raises:
        ValueError: for a device this machine does not have, or an unknown word.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    chosen, reason = find_device(device)
    kind = chosen.type
    gains = has_bfloat16(kind) and (kind == "cuda" or n_embd >= _WIDE)
    if precision == "auto":
        precision = "bfloat16" if gains else "float32"
    if compile is None:
        compile = precision == "bfloat16" and work >= _LONG_RUN.get(kind, float("inf"))
    compiled = "compiled" if compile else "not compiled"
    if compile and not _has_compiler(kind):
        compile, compiled = False, "not compiled, because no compiler was found"
    label = f"{describe_device(chosen)} ({reason}), {precision}"
    return Hardware(chosen, precision, compile, label, f"{label}, {compiled}")


def find_device(word: str | torch.device) -> tuple[torch.device, str]:
    """Read a word for a device; the one place that does.

    Args:
        word: "auto", "cpu", "cuda", "mps", or one of several GPUs, such as "cuda:1". "auto" is an
            NVIDIA GPU, else an Apple GPU, else the CPU.

    Returns:
        a device this machine has, and the reason for it.

    Raises:
        ValueError: for a device this machine does not have, or an unknown word.
    """
    kind, _, number = str(word).partition(":")
    if kind not in DEVICES or (number and not number.isdecimal()):
        raise ValueError(
            f"device is {str(word)!r}; choose one of {', '.join(DEVICES)}, or cuda:1 and so on."
        )
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    reason = "as asked"
    if kind == "auto":
        kind = "cuda" if has_cuda else "mps" if has_mps else "cpu"
        reason = "no GPU found" if kind == "cpu" else "GPU found"
    if kind == "cuda" and not has_cuda:
        raise ValueError('device is "cuda", but torch finds no GPU here; use "cpu" or "auto".')
    if kind == "mps" and not has_mps:
        raise ValueError('device is "mps", but torch finds no Apple GPU here; use "cpu" or "auto".')
    rank = os.environ.get("LOCAL_RANK")
    if kind == "cuda" and not number and rank is not None:
        number = rank  # one GPU for each of torchrun's processes
        torch.cuda.set_device(int(rank))
    most = torch.cuda.device_count() if kind == "cuda" else 1
    if number and int(number) >= most:
        raise ValueError(
            f"device is {str(word)!r}, but the last one here is {kind}:{most - 1}; use {kind!r}."
        )
    return torch.device(f"{kind}:{number}" if number else kind), reason


def describe_device(device: torch.device) -> str:
    """Name a device as a person would."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU" if device.type == "mps" else f"CPU with {torch.get_num_threads()} threads"


def has_bfloat16(kind: str) -> bool:
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


def describe_machine() -> dict[str, Any]:
    """Say what the numbers were measured with: versions and processor, no names of machines."""
    return {
        "gptlab": version("gptlab"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
