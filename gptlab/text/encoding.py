"""From the bytes of a text to arrays of ids: documents begin with a token, bytes are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gptlab.runtime.progress import progress_file
from gptlab.runtime.waiting import MOMENT
from gptlab.text.bpe import END_OF_TEXT
from gptlab.text.files import PIECE, Piece, pieces
from gptlab.text.utf8 import UnknownCharacterError, where

Ids = NDArray[Any]  # one-dimensional, uint16 or uint32


class Encoder(Protocol):
    """What is asked of a tokenizer here."""

    start_id: int
    special: dict[str, int]

    @property
    def vocab_size(self) -> int:
        """Number of ids."""

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Turn several texts into ids."""


@dataclass(frozen=True)
class Encoded:
    """One part of a text.

    Attributes:
        ids: its tokens.
        size: its length in bytes of UTF-8. A border between documents counts as one, the empty
            line that would show it, so that no tokenizer gains by how it writes borders.
        documents: how many begin in it.
    """

    ids: Ids
    size: int
    documents: int


def encode(data: bytes, last: int, cut: int, name: str, tokenizer: Encoder) -> list[Encoded]:
    """Encode a text in two parts.

    Documents begin with the tokenizer's `start_id`; the first of all does only where that is
    special, and not where it is a line end.

    Args:
        data: the text.
        last: the byte after its last.
        cut: where the second part begins.
        name: what to call the text.
        tokenizer: what makes the ids.

    Raises:
        UnknownCharacterError: if the tokenizer cannot write a character; the message says where
            it stands.
        ValueError: if the bytes are not UTF-8.
    """
    kind = id_type(tokenizer)
    parts = []
    started = False
    with _bar(name, last) as bar:
        for span in ((0, cut), (cut, last)):
            packed = bytearray()  # grows where it stands; to join arrays would take twice the room
            size = documents = 0
            for some in _lots(pieces(data, *span, name)):
                for piece, ids in zip(some, _encode(some, tokenizer, data, name), strict=True):
                    if piece.begins and (started or END_OF_TEXT in tokenizer.special):
                        ids.insert(0, tokenizer.start_id)
                    size += piece.size + (piece.begins and started)
                    documents += piece.begins
                    started = True
                    packed += np.array(ids, dtype=kind).tobytes()
                    bar.update(piece.size)
            parts.append(Encoded(np.frombuffer(packed, dtype=kind), size, documents))
    return parts


def id_type(tokenizer: Encoder) -> type[np.unsignedinteger[Any]]:
    """Return the smallest type that holds every id."""
    return np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32


def _lots(parts: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Gather short documents, which are encoded together."""
    lot: list[Piece] = []
    size = 0
    for piece in parts:
        lot.append(piece)
        size += piece.size
        if size >= PIECE:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot


def _encode(some: list[Piece], tokenizer: Encoder, data: bytes, name: str) -> list[list[int]]:
    try:
        return tokenizer.encode_batch(piece.text for piece in some)
    except UnknownCharacterError as error:
        unknown = error.character
    piece = next(piece for piece in some if unknown in piece.text)
    place = piece.start + len(piece.text.partition(unknown)[0].encode())
    raise UnknownCharacterError(
        unknown, f"in {where(data, place)} of {name}", tokenizer.vocab_size
    ) from None


def _bar(name: str, total: int) -> tqdm[Any]:
    """Show how far encoding is, if it takes longer than a moment."""
    return tqdm(
        desc=f"encoding {name}",
        total=total,
        unit="B",
        unit_scale=True,
        delay=MOMENT,
        mininterval=1,
        leave=False,
        file=progress_file(),
    )
