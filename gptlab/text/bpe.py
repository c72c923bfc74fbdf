"""Byte-level BPE, written to be read: pieces of text, bytes, and learning which of them to join.

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

import regex

#: GPT-2's pre-tokenisation: contractions, words, numbers, other signs, spaces. Merges never cross
#: the border between two such pieces.
PIECES = regex.compile(r"'(?:[sdmt]|ll|re|ve)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")

#: The bytes in the order of GPT-2's ids: first those that are visible characters in Latin-1.
_VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES = _VISIBLE + sorted(set(range(256)) - set(_VISIBLE))

#: GPT-2's files write each byte as one visible character, the other bytes as those after Latin-1.
SYMBOLS = dict(zip(BYTES, map(chr, [*_VISIBLE, *range(0x100, 0x144)]), strict=True))


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
    one with the smaller ids. It ends early when no pair stands anywhere twice.

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
    seen: Counter[str] = Counter()
    for part in [text] if isinstance(text, str) else text:
        seen.update(PIECES.findall(refuse_surrogates(part)))
    # A word that stands a thousand times in the text is worked on once.
    id_of = {byte: number for number, byte in enumerate(BYTES)}
    words = [[id_of[byte] for byte in word.encode()] for word in seen]
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


def join(word: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace each occurrence of a pair of neighbours by one id, from left to right."""
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


def refuse_surrogates(text: str) -> str:
    """Return the text, if UTF-8 can write it.

    Raises:
        ValueError: if it holds a lone surrogate.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the text holds U+{ord(text[error.start]):04X} at position {error.start}, a lone "
            f"surrogate: half of a character, which UTF-8 cannot write. Remove it, or replace all "
            f"of them with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ) from None
    return text
