"""Waiting for a library: say what takes so long, and stay open to Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from gptlab.runtime.progress import tell

T = TypeVar("T")

MOMENT = 2.0  # seconds that need no explanation


def wait_for(job: Callable[[], T], saying: str, moment: float = MOMENT) -> T:
    """Run a call that Ctrl-C cannot reach, in a thread, and wait for it where Ctrl-C can.

    After Ctrl-C the thread is left to itself; it does not keep Python from ending.

    Args:
        job: what to run.
        saying: a line that is shown if it takes longer than a moment.
        moment: how long that is, in seconds.

    Returns:
        What the job returns; what it raises is raised here.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(job())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(moment)
    if thread.is_alive():
        tell(saying)
    while thread.is_alive():
        thread.join(0.2)  # on Windows, Ctrl-C is heard between two such waits only
    if errors:
        raise errors[0]
    return results[0]
