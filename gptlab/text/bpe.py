"""Byte-level BPE, written to be read: pieces of text, bytes, and which of them to join.

GPT-2's tokenizer (GPT-2, section 2.2) is byte-pair encoding (Sennrich et al. 2016, section 3.2) on
the bytes of UTF-8. Learning it is one idea repeated: join the most frequent pair of neighbours.
"""

from __future__ import annotations

import heapq
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeVar

import regex

from gptlab.text.utf8 import refuse_surrogates

#: The token with which documents begin, and the line that separates them in a text file.
END_OF_TEXT = "<|endoftext|>"

#: GPT-2's pre-tokenisation: contractions, words, numbers, other signs, spaces. Merges never cross
#: the border between two such pieces.
PIECES = regex.compile(r"'(?:[sdmt]|ll|re|ve)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")

#: The bytes in the order of GPT-2's ids: first those that are visible characters in Latin-1.
_VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES = _VISIBLE + sorted(set(range(256)) - set(_VISIBLE))

#: GPT-2's files write each byte as one visible character, the other bytes as those after Latin-1.
SYMBOLS = dict(zip(BYTES, map(chr, [*_VISIBLE, *range(0x100, 0x144)]), strict=True))

#: Merges are learned from this many bytes of a piece at a time, for joining two tokens takes as
#: long as the words they stand in: a text without spaces would be one word. The longest piece in
#: the documentation of Python, NumPy, Matplotlib and PyTorch has 166 bytes.
LONGEST_WORD = 256

#: Where a text can be cut and no token changes: between a letter, number or sign and the space or
#: line end after it. No piece spans that: where one holds both kinds, the space comes first.
_BORDER = r"[\p{L}\p{N}\p{P}\p{S}](?=[ \n])"
_NEXT_BORDER = regex.compile(_BORDER)
_LAST_BORDER = regex.compile(r"(?r)" + _BORDER)


def next_border(text: str, start: int) -> int:
    """Return the first place after ``start`` where the text can be cut, or its end."""
    found = _NEXT_BORDER.search(text, start)
    return found.end() if found else len(text)


def last_border(text: str) -> int:
    """Return the last place where the text can be cut, or 0."""
    found = _LAST_BORDER.search(text)
    return found.end() if found else 0


#: An id, or the token itself where one reads along.
Token = TypeVar("Token", int, str)
Pair = tuple[int, int]
Ranks = dict[Pair, tuple[int, int]]


@dataclass(frozen=True)
class Merge:
    """One step of learning: two tokens that from now on are one.

    Attributes:
        rank: 0 for the first merge; the new token's id is 256 + rank.
        left: bytes of the first token.
        right: bytes of the second.
        count: how often the two stood side by side in the text.
    """

    rank: int
    left: bytes
    right: bytes
    count: int

    @property
    def token(self) -> bytes:
        """The new token's bytes."""
        return self.left + self.right

    def __str__(self) -> str:
        parts = f"{printable(self.left)} + {printable(self.right)} → {printable(self.token)}"
        return f"{parts} ({self.count} times)"


def learn_merges(text: str | Iterable[str], n_merges: int | None = None) -> Iterator[Merge]:
    """Learn byte-level BPE, one merge at a time.

    Each step joins the pair of neighbours that is most frequent now; of equally frequent pairs, the
    one with the smaller ids. It ends early when no pair stands anywhere twice. A piece of text
    longer than `LONGEST_WORD` bytes is read as several words.

    Args:
        text: one text, or several; merges never cross from one to the next.
        n_merges: how many to learn, or None for all there are.

    Yields:
        The merges, in the order in which they are made.

    Raises:
        ValueError: if the text holds a lone surrogate.
    """
    return islice(_learn(text), n_merges)


def _learn(text: str | Iterable[str]) -> Iterator[Merge]:
    seen: Counter[bytes] = Counter()
    for part in [text] if isinstance(text, str) else text:
        seen.update(_words(refuse_surrogates(part)))
    # A word that stands a thousand times in the text is worked on once.
    id_of = {byte: number for number, byte in enumerate(BYTES)}
    words = [[id_of[byte] for byte in word] for word in seen]
    times = list(seen.values())

    counts: Counter[tuple[int, int]] = Counter()
    where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)  # pair → words that hold it
    for number, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += times[number]
            where[pair].add(number)

    tokens = [bytes([byte]) for byte in BYTES]
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    while queue:
        queued, pair = heapq.heappop(queue)
        if counts[pair] < -queued:  # other merges took some of this pair since it was queued
            heapq.heappush(queue, (-counts[pair], pair))
            continue
        if counts[pair] < 2:
            return
        merge = Merge(len(tokens) - 256, tokens[pair[0]], tokens[pair[1]], counts[pair])
        new = len(tokens)
        tokens.append(merge.token)
        born = set()  # only pairs with the new token can have become more frequent
        for number in where.pop(pair):
            for old in pairwise(words[number]):
                counts[old] -= times[number]
            words[number] = join(words[number], pair, new)
            for now in pairwise(words[number]):
                counts[now] += times[number]
                if new in now:
                    where[now].add(number)
                    born.add(now)
        for now in born:
            heapq.heappush(queue, (-counts[now], now))
        yield merge


def _words(text: str) -> Iterator[bytes]:
    """Yield the words to learn from: pieces of the text, long ones in parts."""
    for piece in PIECES.findall(text):
        word = piece.encode()
        for start in range(0, len(word), LONGEST_WORD):
            yield word[start : start + LONGEST_WORD]


def join(word: list[Token], pair: tuple[Token, Token], new: Token) -> list[Token]:
    """Replace each occurrence of a pair of neighbours by one token, from left to right."""
    joined = []
    place = 0
    while place < len(word):
        if tuple(word[place : place + 2]) == pair:
            joined.append(new)
            place += 2
        else:
            joined.append(word[place])
            place += 1
    return joined


def merge(words: list[list[int]], ranks: Ranks) -> Iterator[tuple[int | None, list[list[int]]]]:
    """Join, again and again, the pair of neighbours that was learned first.

    Args:
        words: ids, one list a word.
        ranks: for each pair that was learned, its rank and the new token's id.

    Yields:
        the rank of the merge just made and the words after it; at first None and the words given.
    """
    yield None, words
    while pairs := {pair for word in words for pair in pairwise(word) if pair in ranks}:
        pair = min(pairs, key=ranks.__getitem__)
        rank, new = ranks[pair]
        words = [join(word, pair, new) for word in words]
        yield rank, words


def printable(piece: bytes) -> str:
    """Show a token so that nothing of it stays unseen.

    A space is shown as ␣, a control or format character as its Python escape, a byte that is not
    UTF-8 by itself in hexadecimal as ‹e4›, and a mark that combines with the letter before on ◌.
    """
    shown = []
    for character in piece.decode("utf-8", errors="surrogateescape"):
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that it could not decode
            shown.append(f"‹{code - 0xDC00:02x}›")
        elif character == " ":
            shown.append("␣")
        elif not character.isprintable():
            shown.append(character.encode("unicode_escape").decode())
        elif not shown and unicodedata.category(character).startswith("M"):
            shown.append("◌" + character)
        else:
            shown.append(character)
    return "".join(shown)
