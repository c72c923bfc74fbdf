"""One run a folder: a lock that goes when the process does."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptlab.runtime.progress import tell

#: What a file system without locks says, as NFS without its lock daemon.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class FolderInUse(RuntimeError):
    """Another run is writing into the same folder."""


@contextmanager
def only_run_in(out: Path | str | None) -> Iterator[None]:
    """Hold a run's folder, made if missing, for this process.

    On Windows, and where the file system has no locks, nothing is held; the latter is said.

    Raises:
        FolderInUse: if another process holds it.
    """
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
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            tell(f"The file system of {folder} has no locks: let no other run write there.")
        yield
