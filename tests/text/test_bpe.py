"""Byte-level BPE learned step by step, cut into pieces, and shown."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from gptlab.text.bpe import (
    BYTES,
    LONGEST_WORD,
    PIECES,
    Merge,
    last_border,
    learn_merges,
    next_border,
    printable,
)
from gptlab.text.utf8 import lone_surrogate
from tests.text.samples import EVERYTHING

# Learning


def test_learning_is_counting_pairs_again_and_again() -> None:
    """The oracle is the definition: count all pairs anew before each merge."""
    order = {bytes([byte]): n for n, byte in enumerate(BYTES)}
    words = [[bytes([b]) for b in piece.encode()] for piece in PIECES.findall(EVERYTHING)]
    for merge in learn_merges(EVERYTHING, 60):
        counts: dict[tuple[bytes, bytes], int] = {}
        for word in words:
            for pair in pairwise(word):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda p: (-counts[p], order[p[0]], order[p[1]]))
        assert (merge.left, merge.right, merge.count) == (*best, counts[best])
        order[merge.token] = 256 + merge.rank
        for word in words:
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == best:
                    word[place : place + 2] = [merge.token]
                place += 1


def test_learning_can_be_watched() -> None:
    merges = learn_merges("low low low lower")
    assert next(merges) == Merge(0, b"l", b"o", 4)
    assert str(next(merges)) == "lo + w → low (4 times)"
    assert str(next(merges)) == "␣ + low → ␣low (3 times)"
    assert list(merges) == []  # nothing else stands twice


def test_merges_do_not_cross_texts() -> None:
    assert list(learn_merges(["ab", "ab"])) == [Merge(0, b"a", b"b", 2)]
    assert list(learn_merges(["a", "b", "a", "b"])) == []


def test_a_piece_longer_than_a_word_is_learned_from_in_parts() -> None:
    """Uncut, "ba" and "ab" would stand there equally often, and the smaller ids would win."""
    half = LONGEST_WORD // 2
    assert next(learn_merges("ab" * half)) == Merge(0, b"a", b"b", half)
    assert next(learn_merges("b" + "ab" * half)) == Merge(0, b"b", b"a", half)


# Pieces and borders


def known_for_long() -> list[str]:
    """Every character of the Unicode of 2002, whose class no table has changed since."""
    everything = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    return [c for c in everything if unicodedata.ucd_3_2_0.category(c) not in ("Cn", "Co")]


def test_pieces_are_split_as_by_the_library() -> None:
    splitter = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    characters = known_for_long()
    assert len(characters) > 90_000
    for start in range(0, len(characters), 5_000):
        text = "".join(f"a{c}1{c}!{c} {c}\n" for c in characters[start : start + 5_000])
        theirs = [len(symbols) for symbols, _ in splitter.pre_tokenize_str(text)]
        assert [len(piece.encode()) for piece in PIECES.findall(text)] == theirs


@given(text=st.text(st.one_of(st.characters(), st.sampled_from("a1.! \n\t'\u0301"))))
def test_no_piece_crosses_a_border(text: str) -> None:
    """The proof of both: cut at every border, the parts have the pieces of the whole."""
    borders = [0]
    while borders[-1] < len(text):
        borders.append(next_border(text, borders[-1]))
    parts = [text[start:end] for start, end in pairwise(borders)]
    assert "".join(parts) == text
    assert [p for part in parts for p in PIECES.findall(part)] == PIECES.findall(text)
    assert last_border(text) == ([0, *borders[1:-1]][-1] if len(borders) > 1 else 0)


def test_borders_stand_before_spaces_and_line_ends() -> None:
    assert next_border("one two three", 0) == 3
    assert next_border("one two three", 3) == 7
    assert next_border("one two three", 8) == 13
    assert last_border("one two\nthree") == 7
    assert last_border("one\t\n  two") == 0


# What is shown


@pytest.mark.parametrize(
    ("piece", "shown"),
    [
        (b" the", "␣the"),
        (b"\n\t\x00\x1b", r"\n\t\x00\x1b"),
        ("语".encode(), "语"),
        (b"\xe4", "‹e4›"),
        (b" \xe4\xbd", "␣‹e4›‹bd›"),
        ("\u202e\u200d\u00a0".encode(), r"\u202e\u200d\xa0"),
        ("\u0301".encode(), "◌\u0301"),
        ("e\u0301".encode(), "e\u0301"),
        (b"<script>", "<script>"),
    ],
)
def test_nothing_of_a_token_stays_unseen(piece: bytes, shown: str) -> None:
    assert printable(piece) == shown


@given(text=st.text())
def test_what_is_shown_is_printable(text: str) -> None:
    assert lone_surrogate(text) is None
    assert printable(text.encode()).isprintable()
