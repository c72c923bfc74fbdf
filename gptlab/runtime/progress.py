"""How a long run shows where it is, and hears that it should stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from tqdm import tqdm


def bar(total: int, done: int, shown: bool, what: str) -> tqdm[Any]:
    """Show a progress bar: on standard error in a terminal, in the cell's output in a notebook."""
    return tqdm(
        total=total,
        initial=done,
        disable=not shown,
        file=progress_file(),
        desc=what,
        unit="step",
        mininterval=0.2,
        dynamic_ncols=True,
    )


def progress_file() -> TextIO:
    """Where progress is told: in a notebook the cell's output, elsewhere standard error."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return sys.stdout if hasattr(shell, "kernel") else sys.stderr


def tell(sentence: str) -> None:
    """Say a sentence where progress is told."""
    print(sentence, file=progress_file(), flush=True)


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Turn a first Ctrl-C into a request to stop between two steps, so that none is half made."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    requested = False
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        nonlocal requested
        requested = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: requested
    finally:
        signal.signal(signal.SIGINT, before)
