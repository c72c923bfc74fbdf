"""What surrounds a training run: its progress bar, the wish to stop it, the lock on its folder."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm


class FolderInUse(RuntimeError):
    """Another run is writing into the same folder."""


def bar(total: int, done: int, shown: bool, why: str) -> tqdm[Any]:
    """Show a progress bar: on standard error in a terminal, in the cell's output in a notebook."""
    return tqdm(
        total=total,
        initial=done,
        disable=not shown,
        file=progress_file(),
        desc=why.partition(", not compiled")[0],
        unit="step",
        mininterval=0.2,
        dynamic_ncols=True,
    )


def progress_file() -> TextIO:
    """Where progress is told: in a notebook the cell's output, elsewhere standard error."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return sys.stdout if hasattr(shell, "kernel") else sys.stderr


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


@contextmanager
def only_run_in(out: Path | str | None) -> Iterator[None]:
    """Hold the run's folder for this process; the lock goes when the process does."""
    if out is None or sys.platform == "win32":
        yield
        return
    import fcntl

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(
                f"another run is writing into {folder}; wait for it, or choose another folder."
            ) from None
        yield
