"""What is no text is named, with the way out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import matplotlib.figure
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptlab.text.utf8 import HEAD, lone_surrogate, not_utf8, refuse_other_kinds, where

TEXT = "A text of words, 你好, caf\u00e9.\n" * 40


def zipped() -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("text.txt", TEXT)
    return file.getvalue()


def tarred() -> bytes:
    with tarfile.open(fileobj=(file := io.BytesIO()), mode="w") as archive:
        entry = tarfile.TarInfo("text.txt")
        entry.size = len(TEXT.encode())
        archive.addfile(entry, io.BytesIO(TEXT.encode()))
    return file.getvalue()


def drawn(kind: str) -> bytes:
    figure = matplotlib.figure.Figure(figsize=(1, 1))
    figure.savefig(file := io.BytesIO(), format=kind)
    return file.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table texts (text)")
        data = connection.serialize()
    connection.close()
    return data


OTHERS = [
    ("gzip", lambda: gzip.compress(TEXT.encode()), "compressed by gzip; .*`gunzip -k`"),
    ("bzip2", lambda: bz2.compress(TEXT.encode()), "compressed by bzip2; .*`bunzip2 -k`"),
    ("xz", lambda: lzma.compress(TEXT.encode()), "compressed by xz; .*`unxz -k`"),
    ("zip", zipped, r"a zip archive, as \.docx.*`unzip`, or save the document as plain text"),
    ("tar", tarred, "a tar archive; .*`tar -xf`"),
    ("pdf", lambda: drawn("pdf"), "a PDF document; .*`pdftotext`"),
    ("png", lambda: drawn("png"), "a PNG picture; a corpus needs a file of words"),
    ("jpeg", lambda: drawn("jpeg"), "a JPEG picture"),
    ("sqlite", database, "an SQLite database"),
    ("utf-16", lambda: TEXT.encode("utf-16"), "in UTF-16; .*`iconv -f UTF-16 -t UTF-8`"),
    ("utf-32", lambda: TEXT.encode("utf-32"), "in UTF-32; .*`iconv -f UTF-32 -t UTF-8`"),
    ("no mark", lambda: TEXT.encode("utf-16-le"), "are zero, as in UTF-16 .*`iconv -f UTF-16LE"),
    ("program", lambda: b"MZ" + bytes(200), "200 of its first 202 bytes are zero"),
]


@pytest.mark.parametrize(("kind", "make", "message"), OTHERS, ids=[kind for kind, *_ in OTHERS])
def test_what_is_no_text_is_named(kind: str, make, message: str) -> None:
    with pytest.raises(ValueError, match=rf"f\.txt is not text in UTF-8.*{message}") as caught:
        refuse_other_kinds(make()[:HEAD], "f.txt")
    assert "\n" not in str(caught.value)


@given(text=st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"])))
def test_no_text_is_taken_for_something_else(text: str) -> None:
    refuse_other_kinds(text.encode(), "text")


@pytest.mark.parametrize("begin", ["", "BZh!", "PK, he said", "GIF89 is old", "MZ", "PAR1S", "7z"])
def test_words_that_begin_like_something_else_are_text(begin: str) -> None:
    refuse_other_kinds((begin + TEXT).encode()[:HEAD], "text")


def test_python_source_files_are_text() -> None:
    for path in sorted(Path(pytest.__file__).parent.rglob("*.py")):
        refuse_other_kinds(path.read_bytes()[:HEAD], path.name)


def test_a_place_is_a_line_and_a_column() -> None:
    data = "eins\n语zwei\n".encode()
    assert where(data, 0) == "line 1, column 1"
    assert where(data, data.index(b"z")) == "line 2, column 2"


def test_a_wrong_byte_is_placed_and_the_way_out_fits() -> None:
    assert str(not_utf8(b"ab\nc\xe9d", 4, "reason", "f.txt")) == (
        "f.txt is not UTF-8: byte 0xe9 in line 2, column 2 (reason); save it as UTF-8, for "
        "instance with `iconv -f OLD-ENCODING -t UTF-8`."
    )
    assert "zero bytes, as no text does" in str(not_utf8(b"\0ab\xe9", 3, "reason", "f.txt"))


def test_the_first_half_of_a_character_is_found() -> None:
    assert lone_surrogate("a🙂\ud83d\ude42") == 2
    assert lone_surrogate("a🙂") is None
