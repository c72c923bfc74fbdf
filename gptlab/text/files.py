"""Reading a text of any size: where to cut it in two, and its characters piece by piece."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

BOM = b"\xef\xbb\xbf"  # some editors begin UTF-8 files with it; it is no part of the text

_BLOCK = 2**20  # bytes read at once
_NEAR = 1000  # bytes after the ideal cut in which the next line end is near
# No token crosses the border between a word and the space or line end after it.
_LAST_BORDER = re.compile(r".*\S(?=[ \n])", re.DOTALL)


def cut(file: BinaryIO, start: int, end: int, val_fraction: float) -> int:
    """Choose the byte at which validation text begins.

    It is the first of a line if a line begins near, else the first of a character.
    """
    ideal = end - round((end - start) * val_fraction)
    file.seek(ideal)
    following = file.read(min(_NEAR, (end - ideal) // 10) + 4)
    line = following.find(b"\n", 0, -4)
    if line >= 0:
        return ideal + line + 1
    continued = len(following) - len(following.lstrip(bytes(range(0x80, 0xC0))))
    return ideal + min(continued, 3)


def pieces(file: BinaryIO, start: int, end: int, name: str) -> Iterator[str]:
    """Yield the text between two bytes, cut only where encoding the pieces changes no token.

    Args:
        file: opened for reading bytes.
        start: first byte.
        end: the byte after the last.
        name: what to call the file in an error.

    Raises:
        ValueError: if the bytes are not UTF-8; the message says where.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    held = ""
    place = start
    while place < end:
        file.seek(place)
        block = file.read(min(_BLOCK, end - place))
        if not block:
            raise ValueError(f"{name} became shorter while it was read; try again.")
        pending = len(decoder.getstate()[0])
        try:
            text = held + decoder.decode(block, final=place + len(block) == end)
        except UnicodeDecodeError as error:
            offset = place - pending + error.start
            raise ValueError(
                f"{name} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {offset} "
                f"({error.reason}). Save it as UTF-8, for instance with "
                f"`iconv -f OLD-ENCODING -t UTF-8`."
            ) from None
        place += len(block)
        whole = text
        if place < end:
            border = _LAST_BORDER.match(text)
            whole = border.group() if border else ""
        held = text[len(whole) :]
        if whole:
            yield whole
