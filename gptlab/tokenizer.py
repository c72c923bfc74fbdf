"""From text to ids and back: characters, and GPT-2's byte-level BPE.

Byte-level BPE goes two ways. `learn_merges` (in `bpe`) and `BPETokenizer.encode_slowly` are written
to be read and watched; all else goes through the `tokenizers` library, which is many times faster.
The tests hold both to the same merges and the same ids.

A tokenizer is saved as `tokenizer.json`, byte-level BPE in the format of Hugging Face `tokenizers`.
"""

from __future__ import annotations

import codecs
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import index
from pathlib import Path
from typing import NamedTuple

from gptlab.runtime.atomic import write_whole
from gptlab.runtime.checks import whole_number
from gptlab.text import bpe_files, fast_bpe
from gptlab.text.bpe import BYTES, PIECES, learn_merges, merge, printable
from gptlab.text.bpe import END_OF_TEXT as END_OF_TEXT  # for those who import this module
from gptlab.text.utf8 import UnknownCharacterError, refuse_surrogates


class Tokenizer(ABC):
    """What every tokenizer can do. Ids are 0 … vocab_size - 1.

    Attributes:
        special: text → id of the tokens that ordinary text never becomes; none in a tokenizer of
            characters.
        start_id: the id that begins a document: that of `END_OF_TEXT` where it is special,
            else that of a line end.
    """

    def __init__(self, pieces: Sequence[bytes], start_id: int, special: dict[str, int]) -> None:
        """Remember the bytes behind each id."""
        self._pieces = list(pieces)
        self.start_id = start_id
        self.special = special

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size})"

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return len(self._pieces)

    def check_fits(self, vocab_size: int) -> None:
        """Make sure that a model with so many ids has one for each of this tokenizer's.

        A model may have more, as where its vocabulary was rounded up; those are never drawn.

        Raises:
            ValueError: if the model has fewer.
        """
        if self.vocab_size > vocab_size:
            raise ValueError(
                f"the tokenizer has {self.vocab_size} ids, but the model's vocab_size is "
                f"{vocab_size}; use the tokenizer that the model was trained with, or build the "
                f"model with vocab_size={self.vocab_size}."
            )

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Turn text into ids; `decode` gives exactly this text back.

        Raises:
            ValueError: if the text cannot be written in these tokens; the message says where.
        """

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Turn several texts into ids, each as `encode` does; quicker for many short ones."""
        return [self.encode(text) for text in texts]

    @abstractmethod
    def to_json(self) -> str:
        """Write everything down, for `tokenizer_from_json`."""

    def decode(self, ids: Iterable[int]) -> str:
        """Turn ids into text. Bytes that are no UTF-8, as where a character is cut, become �.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        return b"".join(self._bytes(ids)).decode("utf-8", errors="replace")

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Decode ids as they come, holding back a character until all its bytes are there.

        The pieces joined are what `decode` gives for all ids.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for piece in self._bytes(ids):
            if text := decoder.decode(piece):
                yield text
        if rest := decoder.decode(b"", final=True):
            yield rest

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Show each id by itself: one printable string an id (see `printable`)."""
        return [printable(piece) for piece in self._bytes(ids)]

    def offsets(self, ids: Iterable[int]) -> list[int]:
        """Return where each id begins in the UTF-8 of their text, and where the last one ends.

        One number more than there are ids, in bytes: a token may hold a part of a character.
        """
        return [0, *accumulate(len(piece) for piece in self._bytes(ids))]

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json` into a folder, made if missing."""
        write_whole(Path(folder) / "tokenizer.json", self.to_json())

    def _bytes(self, ids: Iterable[int]) -> Iterator[bytes]:
        for position, number in enumerate(map(index, ids)):  # arrays and tensors hold no int
            if not 0 <= number < self.vocab_size:
                raise ValueError(
                    f"id {number} at position {position} is outside the vocabulary, whose ids are "
                    f"0 to {self.vocab_size - 1}; use the tokenizer that the ids were made with."
                )
            yield self._pieces[number]


class CharTokenizer(Tokenizer):
    """One id a character, in the order given. Knows no other characters."""

    def __init__(self, characters: str) -> None:
        """Take the alphabet.

        Raises:
            ValueError: if it is empty, repeats a character or holds a lone surrogate.
        """
        refuse_surrogates(characters)
        if not characters:
            raise ValueError("a character tokenizer needs at least one character, and got none.")
        if twice := [c for c, n in Counter(characters).items() if n > 1]:
            raise ValueError(f"the alphabet holds {twice[0]!r} more than once; list it once.")
        self.characters = characters
        self._ids = {character: number for number, character in enumerate(characters)}
        super().__init__([c.encode() for c in characters], self._ids.get("\n", 0), special={})

    @classmethod
    def from_text(cls, text: str) -> CharTokenizer:
        """Take the characters of a text, sorted by code point."""
        return cls("".join(sorted(set(text))))

    def encode(self, text: str) -> list[int]:
        """Turn text into ids, one a character.

        Raises:
            UnknownCharacterError: if a character is not in the alphabet.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            character = error.args[0]
        refuse_surrogates(text)
        where = f"at position {text.index(character)}"
        raise UnknownCharacterError(character, where, self.vocab_size)

    def to_json(self) -> str:
        """Write the alphabet down."""
        return json.dumps({"type": "char", "characters": self.characters}, ensure_ascii=False)


class MergeStep(NamedTuple):
    """A text on its way to its tokens: the merge just made (None at first) and what is there."""

    rank: int | None
    tokens: list[str]


class BPETokenizer(Tokenizer):
    """Byte-level BPE as in GPT-2 (section 2.2): writes any Unicode text, knows no unknown word.

    Ids: the 256 bytes in GPT-2's order, the merges in the order they were learned, and last
    ``<|endoftext|>``, which begins a document. A tokenizer loaded from a file keeps the file's ids.
    """

    def __init__(
        self,
        merges: Iterable[tuple[bytes, bytes]],
        *,
        pieces: Sequence[bytes] | None = None,
        special: dict[str, int] | None = None,
    ) -> None:
        """Build a tokenizer from what was learned.

        Args:
            merges: pairs of tokens, most important first.
            pieces: the bytes behind each id, where the ids are not GPT-2's layout.
            special: text → id of the tokens that ordinary text never becomes.

        Raises:
            ValueError: if a merge's parts or its result are not in the vocabulary.
        """
        self.merges = list(merges)
        if pieces is None:
            learned = [left + right for left, right in self.merges]
            pieces = [*(bytes([byte]) for byte in BYTES), *learned, END_OF_TEXT.encode()]
        special = special or {END_OF_TEXT: len(pieces) - 1}
        super().__init__(pieces, special[END_OF_TEXT], special)
        outside = set(self.special.values())
        id_of = {piece: n for n, piece in enumerate(self._pieces) if n not in outside}
        try:
            self._byte_ids = [id_of[bytes([byte])] for byte in range(256)]
            self._ranks = {
                (id_of[left], id_of[right]): (rank, id_of[left + right])
                for rank, (left, right) in enumerate(self.merges)
            }
        except KeyError as error:
            raise ValueError(f"{printable(error.args[0])} is not in the vocabulary.") from None
        self._fast = fast_bpe.build(self.merges, self._pieces, self.special)

    @classmethod
    def train(
        cls, text: str | Iterable[str], vocab_size: int, *, fast: bool = True
    ) -> BPETokenizer:
        """Learn merges from text until the vocabulary has the size asked for.

        The vocabulary stays smaller if no pair of tokens is left that stands in the text twice. It
        says so when it takes longer than a moment, and Ctrl-C ends it.

        Args:
            text: one text, or several; merges never cross from one to the next.
            vocab_size: 256 bytes, the merges, and one for ``<|endoftext|>``.
            fast: use the `tokenizers` library instead of `learn_merges`; the merges are the same.

        Raises:
            ValueError: if ``vocab_size`` is below 257, or the text holds a lone surrogate.
        """
        n_merges = vocab_size - 257
        if n_merges < 0:
            raise ValueError(
                f"vocab_size is {vocab_size}; the 256 bytes and {END_OF_TEXT} alone need 257."
            )
        whole_number("vocab_size", vocab_size, most=2**20)  # beyond, the library takes all memory
        if not fast:
            return cls([(m.left, m.right) for m in learn_merges(text, n_merges)])
        return cls(fast_bpe.learn(text, n_merges))

    @classmethod
    def gpt2(cls) -> BPETokenizer:
        """Return GPT-2's own tokenizer, 50,257 ids, from the merges that OpenAI released.

        Raises:
            ValueError: if the bundled file is damaged.
        """
        return cls(fast_bpe.gpt2_merges())

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """Turn text into ids; `decode` gives exactly this text back.

        Args:
            text: any Unicode text.
            allow_special: read ``<|endoftext|>`` in the text as the token of that name. Otherwise
                it is thirteen ordinary characters, so that no one can slip in an end of text.

        Raises:
            ValueError: if the text holds a lone surrogate, half of a character that UTF-8 lacks.
        """
        refuse_surrogates(text)
        if not allow_special:
            return fast_bpe.encode(self._fast, [text])[0]
        # Splitting at a group puts the names themselves at every second place. A name that begins
        # with another stands before it.
        names = sorted(self.special, key=len, reverse=True)
        parts = re.split("(" + "|".join(map(re.escape, names)) + ")", text)
        return [
            number
            for place, part in enumerate(parts)
            for number in ([self.special[part]] if place % 2 else self.encode(part))
        ]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Turn several texts into ids, each as `encode` does; the processor's cores share them."""
        return fast_bpe.encode(self._fast, map(refuse_surrogates, texts))

    def encode_slowly(self, text: str) -> list[int]:
        """Do what `encode` does, in Python that can be read.

        Characters newer than the Unicode tables of `tokenizers` may be split differently.
        """
        ids: list[int] = []
        for word in self._words(text):
            for _, [joined] in merge([word], self._ranks):
                word = joined
            ids += word
        return ids

    def merge_steps(self, text: str) -> list[MergeStep]:
        """List the splits that a text passes through: bytes first, its tokens last."""
        return [
            MergeStep(rank, [token for word in joined for token in self.tokens(word)])
            for rank, joined in merge(self._words(text), self._ranks)
        ]

    def _words(self, text: str) -> list[list[int]]:
        """Return the ids of the bytes in each piece of the text."""
        pieces = PIECES.findall(refuse_surrogates(text))
        return [[self._byte_ids[byte] for byte in piece.encode()] for piece in pieces]

    def to_json(self) -> str:
        """Write a `tokenizer.json` that Hugging Face `tokenizers` reads too."""
        return self._fast.to_str()


def load_tokenizer(folder: Path | str) -> Tokenizer:
    """Read a tokenizer from the `tokenizer.json` in a folder, or from that file itself.

    Reads what `Tokenizer.save` wrote, GPT-2-style byte-level BPE by other tools, and a folder with
    GPT-2's own pair of files, `vocab.json` and `merges.txt`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or holds another kind of tokenizer.
    """
    path = bpe_files.find(Path(folder))
    try:
        return tokenizer_from_json(bpe_files.load(path))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} holds no tokenizer that can be used here: {error}") from None


def tokenizer_from_json(text: str) -> Tokenizer:
    """Make the tokenizer that `Tokenizer.to_json` wrote down.

    Raises:
        ValueError: if the text is damaged or describes another kind of tokenizer.
    """
    try:
        data = json.loads(text)
        if data.get("type") == "char":
            return CharTokenizer(data["characters"])
        merges, pieces, special = bpe_files.read(data)
        return BPETokenizer(merges, pieces=pieces, special=special)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error}).") from None
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"something in it is missing or misplaced ({type(error).__name__}: {error})."
        ) from None
