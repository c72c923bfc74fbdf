"""How long `import gptlab` takes beyond torch's own import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks.harness import Row, interleaved


def rows() -> Iterator[Row]:
    """Yield one comparison: torch alone, and torch with all of gptlab that trains and generates."""
    modules = "gptlab, gptlab.model, gptlab.training, gptlab.generation"
    ours, torch = interleaved(job(f"import torch, {modules}"), job("import torch"), repeats=7)
    beyond = max(ours - torch, 0.001)
    yield Row("Import", f"{ours:.2f} s", f"{torch:.2f} s, torch alone; 0.5 s more", 0.5 / beyond, 1)


def job(code: str) -> Callable[[], object]:
    """Run one line in a new Python."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)
