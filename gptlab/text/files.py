"""Texts of one's own: reading a file, its documents, and where to cut what is too long.

A line that is exactly ``<|endoftext|>`` ends one document and begins the next. Only whole lines
count, so that nobody can slip one in, and only here: a tokenizer reads the same line as it stands.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gptlab.text.bpe import END_OF_TEXT, last_border
from gptlab.text.utf8 import HEAD, not_utf8, refuse_other_kinds

PIECE = 2**20  # bytes of text that are decoded and encoded at once

_BOM = b"\xef\xbb\xbf"  # some editors begin UTF-8 files with it; it is no part of the text
_NEAR = 2**16  # bytes after the ideal cut in which the next document or line is near
_SIGN = re.escape(END_OF_TEXT.encode())
# The sign first and then, looking back, that a line begins with it: ten times quicker than ^.
_LONGEST = len(END_OF_TEXT) + len("\r\n")
_SEPARATOR = re.compile(_SIGN + rb"(?<![^\n]" + _SIGN + rb")\r?(?:\n|\Z)")


class Piece(NamedTuple):
    """A part of a text that is encoded by itself.

    Attributes:
        text: never half a character.
        begins: whether a document begins with it.
        start: where its first byte stands.
        size: its length in bytes.
    """

    text: str
    begins: bool
    start: int
    size: int


def read(path: Path | str) -> tuple[bytes, str]:
    """Read a text file, or all that comes through a pipe.

    Returns:
        the bytes without a byte order mark, and what to call the text.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError, PermissionError: if it cannot be read.
        ValueError: if it is empty, or begins as a file that is no text.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(f"{path} is a folder; a corpus is made from one text file.")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise OSError(f"{path} is a device; a corpus is made from a text file or a pipe.")
        with path.open("rb") as file:
            # Something of another kind may be very large: it is refused by its beginning.
            name = path.name if stat.S_ISREG(mode) else str(path)
            head = file.read(HEAD)
            refuse_other_kinds(head, name)
            skipped = len(_BOM) if head.startswith(_BOM) else 0
            if file.seekable():
                file.seek(skipped)
                data = file.read()
            else:
                data = head[skipped:] + file.read()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"there is no file {Path(os.path.abspath(path))}; check the path."
        ) from None
    except PermissionError:
        raise PermissionError(
            f"you may not read {path}; change its permissions, or copy it."
        ) from None
    return data, name


def end(data: bytes) -> int:
    """Return where the last document ends: the separators after it separate nothing."""
    last = len(data)
    while separator := _SEPARATOR.search(data, max(0, last - _LONGEST), last):
        if separator.end() != last:
            break
        last = separator.start()
    return last


def cut(data: bytes, last: int, val_fraction: float) -> int:
    """Choose the byte at which validation text begins, if it ends with the one before ``last``.

    It is where a document ends if one does near by, else the first of a line, if one begins near,
    else the first of a character.
    """
    ideal = last - round(last * val_fraction)
    near = ideal + min(_NEAR, (last - ideal) // 10)
    # From a little before, so that no cut goes through a separator.
    separator = _SEPARATOR.search(data, max(0, ideal - _LONGEST + 1))
    if separator and separator.start() <= near:
        return separator.start()
    line = data.find(b"\n", ideal, near)
    if line >= 0:
        return line + 1
    following = data[ideal : ideal + 3]
    return ideal + len(following) - len(following.lstrip(bytes(range(0x80, 0xC0))))


def pieces(data: bytes, first: int, last: int, name: str, size: int = PIECE) -> Iterator[Piece]:
    """Yield the text between two bytes, document by document, long ones in pieces.

    A document is cut only where that changes no token; where that is nowhere in a whole piece,
    between any two characters.

    Args:
        data: a text.
        first: its first byte to read.
        last: the byte after the last; none of the two stands within a separator.
        name: what to call the text in an error.
        size: bytes in a piece, at most; at least 4.

    Raises:
        ValueError: if the bytes are not UTF-8; the message says where.
    """
    for start, end in _documents(data, first, last):
        begins = start == 0 or start != first
        while start < end:
            final = start + size >= end
            block = data[start : end if final else start + size]
            try:
                text = codecs.getincrementaldecoder("utf-8")().decode(block, final)
            except UnicodeDecodeError as error:
                raise not_utf8(data, start + error.start, error.reason, name) from None
            if not final:
                text = text[: last_border(text) or len(text)]
            length = len(block) if final else len(text.encode())
            yield Piece(text, begins, start, length)
            start += length
            begins = False


def _documents(data: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the bytes from which and to which each document goes; some may be empty."""
    for separator in _SEPARATOR.finditer(data, first):
        if separator.start() >= last:
            break
        yield first, separator.start()
        first = separator.end()
    yield first, last
