"""Files that are whole or not there: written under another name, then renamed."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path | str, data: str | bytes) -> None:
    """Write a file, in UTF-8 if it is text, in a folder made if missing.

    Whoever reads it meanwhile, or after a kill at any moment, finds the old one or the new one.

    Raises:
        OSError: if the disk is full or the folder cannot be written; an older file stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(data.encode() if isinstance(data, str) else data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Make sure a file or a folder's entries are on the disk before going on."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder to flush it
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
