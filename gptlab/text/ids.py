"""Token ids as compact arrays, in memory or on the disk."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptlab.tokenizer import Tokenizer

Ids = NDArray[Any]  # one-dimensional, uint16 or uint32


def to_array(encoded: Iterable[list[int]], tokenizer: Tokenizer) -> Ids:
    """Put ids into one array, in memory."""
    kind = _id_type(tokenizer)
    return np.concatenate([np.array(ids, dtype=kind) for ids in encoded])


@dataclass(frozen=True)
class Disk:
    """Where the ids of one version of a large file are kept."""

    folder: Path
    version: str

    def keep(self, encoded: Iterable[list[int]], tokenizer: Tokenizer, part: str) -> Ids:
        """Write the ids, unless they are there already, and map them into memory."""
        key = f"{self.version} {part} {tokenizer.to_json()}"
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.ids"
        kind = _id_type(tokenizer)
        if not path.exists():
            self._write((np.array(ids, dtype=kind) for ids in encoded), path)
        return np.memmap(path, dtype=kind, mode="r")

    def _write(self, arrays: Iterable[Ids], path: Path) -> None:
        """Write under another name and rename, so that a file with the right name is whole."""
        unfinished = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
                unfinished = Path(file.name)
                for array in arrays:
                    file.write(array.tobytes())
            unfinished.replace(path)
        except OSError as error:
            raise OSError(
                f"the ids of a large file could not be written to {self.folder}: "
                f"{error.strerror}; name another folder with cache=."
            ) from error
        finally:
            if unfinished is not None:
                unfinished.unlink(missing_ok=True)


def temporary_folder() -> Path:
    """Make a folder that goes when Python ends."""
    folder = Path(tempfile.mkdtemp(prefix="gptlab-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _id_type(tokenizer: Tokenizer) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32
