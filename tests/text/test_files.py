"""Text files: read whole, cut into documents and pieces that lose nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptlab.text.bpe import PIECES
from gptlab.text.files import Piece, cut, end, pieces, read

SIGN = "<|endoftext|>"
BOM = b"\xef\xbb\xbf"

#: Lines among which are separators and what only looks like one.
lines = st.lists(
    st.sampled_from(
        [
            *(f"{SIGN}\n", f"{SIGN}\r\n", SIGN, f" {SIGN}\n", f"{SIGN} \n", f"a{SIGN}\n"),
            *("word two\n", "语 ", "\n", "", "<|end", "oftext|>\n", "\r", "🙂"),
        ]
    ),
    max_size=12,
)


def documents_of(text: str) -> list[str]:
    """The definition, line by line: what stands between lines that are the sign alone."""
    documents = [""]
    for line in text.split("\n"):
        if line.removesuffix("\r") == SIGN:
            documents.append("")
        else:
            documents[-1] += line + "\n"
    # Splitting saw one more line than there are line ends.
    documents[-1] = documents[-1].removesuffix("\n") if documents[-1] else ""
    return [document for document in documents if document]


def joined(parts: Iterator[Piece]) -> list[str]:
    texts: list[str] = []
    for part in parts:
        if part.begins:
            texts.append("")
        texts[-1] += part.text
    return texts


# Documents


@given(parts=lines, size=st.integers(4, 60))
def test_documents_are_what_stands_between_whole_lines(parts: list[str], size: int) -> None:
    text = "".join(parts)
    data = text.encode()
    assert joined(pieces(data, 0, len(data), "text", size)) == documents_of(text)


def test_only_a_whole_line_separates() -> None:
    for text in (
        f"a {SIGN}\nb",
        f"a\n{SIGN} b",
        f"a\n {SIGN}\nb",
        f"a\n{SIGN}\rb",
        "<|ENDOFTEXT|>\n",
    ):
        assert joined(pieces(text.encode(), 0, len(text), "text")) == [text]
    text = f"{SIGN}\na\n{SIGN}\n{SIGN}\r\nb\n{SIGN}"
    assert joined(pieces(text.encode(), 0, len(text), "text")) == ["a\n", "b\n"]


@given(parts=lines)
def test_separators_at_the_end_separate_nothing(parts: list[str]) -> None:
    data = "".join(parts).encode()
    last = end(data)
    assert list(pieces(data, 0, last, "text")) == list(pieces(data, 0, len(data), "text"))
    assert last == 0 or documents_of(data[:last].decode())


# Pieces


@given(
    text=st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("ab \n."))),
    size=st.integers(4, 40),
)
def test_pieces_miss_nothing_and_are_short(text: str, size: int) -> None:
    data = text.encode()
    parts = list(pieces(data, 0, len(data), "text", size))
    assert "".join(part.text for part in parts) == text
    assert all(part.size == len(part.text.encode()) <= size for part in parts)
    assert [part.text.encode() for part in parts] == [
        data[part.start : part.start + part.size] for part in parts
    ]
    assert [part.begins for part in parts] == [True, *[False] * (len(parts) - 1)][: len(parts)]


def test_pieces_are_cut_where_no_token_changes() -> None:
    text = "It's  two words,\n\n 预训练语言。 don't\t99 !!\n" * 50
    data = text.encode()
    parts = [part.text for part in pieces(data, 0, len(data), "text", size=97)]
    assert len(parts) > 20
    assert [p for part in parts for p in PIECES.findall(part)] == PIECES.findall(text)


def test_text_without_a_border_is_cut_between_characters() -> None:
    """Else a file of one line without spaces would be one piece, however long."""
    data = ("语" * 1000).encode()
    assert {len(part.text) for part in pieces(data, 0, len(data), "text", 100)} == {33, 10}


@pytest.mark.parametrize("size", [16, 2**20])
@pytest.mark.parametrize(
    ("bad", "at", "message"),
    [
        (b"\xe9", 0, "byte 0xe9 in line 1, column 1"),  # Latin-1
        (b"\xe9", 1503, "byte 0xe9 in line 126, column 4"),
        ("语".encode()[:2], 1503, "byte 0xe8 in line 126, column 4"),  # a character cut short
        ("语".encode()[:1], 2400, "byte 0xe8 in line 201, column 1"),
        (b"\xff\xfe", 700, "byte 0xff in line 59, column 5"),
    ],
)
def test_bytes_that_are_not_utf8_are_found(bad: bytes, at: int, message: str, size: int) -> None:
    text = b"plain words\n" * 200
    data = text[:at] + bad + text[at:]
    with pytest.raises(ValueError, match=rf"f\.txt is not UTF-8: {message} "):
        list(pieces(data, 0, len(data), "f.txt", size))


# Where validation text begins


@given(parts=lines, fraction=st.floats(0.01, 0.99))
def test_a_cut_goes_through_no_character_and_no_separator(
    parts: list[str], fraction: float
) -> None:
    data = "".join(parts).encode()
    last = end(data)
    place = cut(data, last, fraction)
    assert 0 <= place <= last
    train, val = pieces(data, 0, place, "text"), pieces(data, place, last, "text")
    both = [part.text for part in train] + [part.text for part in val]
    assert "".join(both) == "".join(documents_of(data.decode()))


def test_a_cut_prefers_a_document_to_a_line_to_a_character() -> None:
    line = "x" * 99 + "\n"
    data = (line * 91 + f"{SIGN}\n" + line * 9).encode()
    assert cut(data, len(data), 0.1) == 9100
    data = (line * 90 + "x" * 50 + "\n" + line * 10).encode()
    assert cut(data, len(data), 0.1) == 9051
    data = ("语" * 1000).encode()
    assert cut(data, len(data), 0.1) == 2700
    assert cut(data, len(data), 0.3333) % 3 == 0


# Reading


def test_a_file_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    for data in (b"", b"a", "语\r\n".encode() * 5000):
        path.write_bytes(data)
        assert read(path) == read(str(path)) == (data, "text.txt")
        path.write_bytes(BOM + data)
        assert read(path) == (data, "text.txt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    data = b"one two\n" * 50_000  # more than a pipe holds at once
    for begin in (b"", BOM):
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=(begin + data,))
        writer.start()
        assert read(path) == (data, str(path))
        writer.join()
        path.unlink()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_device_is_refused() -> None:
    with pytest.raises(OSError, match="/dev/zero is a device; a corpus is made from a text file"):
        read("/dev/zero")


def test_what_is_no_text_is_refused_by_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "text.txt.gz").write_bytes(b"\x1f\x8b\x08" + bytes(100))
    with pytest.raises(ValueError, match=r"text\.txt\.gz is not text in UTF-8 but compressed"):
        read(tmp_path / "text.txt.gz")


def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.txt").touch()
    for missing in ("missing.txt", "text.txt/below"):
        with pytest.raises(FileNotFoundError, match=f"no file .*{missing}; check the path"):
            read(tmp_path / missing)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read(tmp_path)

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # a mode would not stop root
    with pytest.raises(PermissionError, match=r"you may not read .*text\.txt; change"):
        read(tmp_path / "text.txt")
