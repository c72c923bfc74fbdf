"""Banded attention against dense, both through the fast path: time, and memory above the start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import torch

from benchmarks.harness import Row, interleaved
from gptlab.runtime.fast_attention import fast_attend

LENGTH, BAND = 8192, 256

_MEMORY = """
import re, torch
from gptlab.attention import attend, causal_mask
from gptlab.runtime.fast_attention import fast_attend
q, k, v = (torch.randn(1, 4, {length}, 32, requires_grad=True) for _ in range(3))
fast_attend(q[..., :64, :], k[..., :64, :], v[..., :64, :]).sum().backward()
open("/proc/self/clear_refs", "w").write("5")  # forget the peak of the imports; Linux only
status = lambda name: int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1])
before = status("VmRSS")
{call}.sum().backward()
print((status("VmHWM") - before) / 1024)
"""


def rows() -> Iterator[Row]:
    """Yield forward and backward time, then memory."""
    q, k, v = (torch.randn(1, 4, LENGTH, 32, requires_grad=True) for _ in range(3))

    def job(band: int | None, backward: bool) -> Callable[[], None]:
        def call() -> None:
            with torch.set_grad_enabled(backward):
                out = fast_attend(q, k, v, band)
            if backward:
                out.sum().backward()

        return call

    what = f"Banded attention, {LENGTH:,} tokens, band {BAND}"
    for backward in (False, True):
        banded, dense = interleaved(job(BAND, backward), job(None, backward), repeats=7)
        name = "forward and backward" if backward else "forward"
        yield Row(
            f"{what}, {name}",
            f"{banded * 1e3:.0f} ms",
            f"{dense * 1e3:.0f} ms, dense",
            dense / banded,
            8,
        )
    mask = f"attend(q, k, v, causal_mask({LENGTH}))[0]"
    banded, written = memory(f"fast_attend(q, k, v, {BAND})"), memory(mask)
    yield Row(
        f"{what}, memory",
        f"{banded:,.0f} MB",
        f"{written:,.0f} MB, dense written out",
        written / banded,
        8,
    )


def memory(call: str) -> float:
    """Return by how many MB a process grows while it makes one call, backward included."""
    code = _MEMORY.format(length=LENGTH, call=call)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)
