"""What is text and what is not: characters that cannot be written, bytes that cannot be read."""

from __future__ import annotations

import re

HEAD = 4096  # bytes by which a file's kind is told

_UNPACK = "unpack it first, for instance with `{}`"
_AS_TEXT = "write its text into a file first{}"
_NO_WORDS = "a corpus needs a file of words"
_CONVERT = "save it as UTF-8, for instance with `iconv -f {} -t UTF-8`"
#: How files of other kinds begin, what they are, and the way out.
_OTHER_KINDS = tuple(
    (re.compile(begin, re.DOTALL), kind, way_out)
    for begin, kind, way_out in (
        (rb"\x1f\x8b", "compressed by gzip", _UNPACK.format("gunzip -k")),
        (rb"BZh[1-9]1AY&SY", "compressed by bzip2", _UNPACK.format("bunzip2 -k")),
        (rb"\xfd7zXZ\0", "compressed by xz", _UNPACK.format("unxz -k")),
        (rb"\x28\xb5\x2f\xfd", "compressed by zstd", _UNPACK.format("unzstd")),
        (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK.format("7z x")),
        (rb".{257}ustar", "a tar archive", _UNPACK.format("tar -xf")),
        (
            rb"PK(?:\x03\x04|\x05\x06|\x07\x08)",
            "a zip archive, as .docx, .odt and .epub files are too",
            _UNPACK.format("unzip") + ", or save the document as plain text",
        ),
        (rb"%PDF-", "a PDF document", _AS_TEXT.format(", for instance with `pdftotext`")),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", _AS_TEXT.format("")),
        (rb"\{\\rtf", "a document in Rich Text Format", _AS_TEXT.format("")),
        (rb"\x89PNG\r\n", "a PNG picture", _NO_WORDS),
        (rb"\xff\xd8\xff", "a JPEG picture", _NO_WORDS),
        (rb"GIF8[79]a", "a GIF picture", _NO_WORDS),
        (rb"SQLite format 3\0", "an SQLite database", _AS_TEXT.format("")),
        (rb"PAR1[\x15\x17\x19]", "a Parquet table", _AS_TEXT.format("")),
        (rb"\x7fELF", "a program", _NO_WORDS),
        (rb"\xff\xfe\0\0|\0\0\xfe\xff", "in UTF-32", _CONVERT.format("UTF-32")),
        (rb"\xff\xfe|\xfe\xff", "in UTF-16", _CONVERT.format("UTF-16")),
    )
)


class UnknownCharacterError(ValueError):
    """A text holds a character that a tokenizer of characters does not know.

    Attributes:
        character: which.
    """

    def __init__(self, character: str, where: str, n_known: int) -> None:
        """Say which character, where it stands, and the way out."""
        self.character = character
        super().__init__(
            f"the character {character!r} (U+{ord(character):04X}) {where} is not among the "
            f"{n_known} characters this tokenizer knows; leave it out, train on text that holds "
            f"it, or use the bpe tokenizer, which can write any text."
        )


def lone_surrogate(text: str) -> int | None:
    """Find the first half of a character, which UTF-8 cannot write; None if there is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def refuse_surrogates(text: str) -> str:
    """Return the text, if UTF-8 can write it.

    Raises:
        ValueError: if it holds a lone surrogate.
    """
    at = lone_surrogate(text)
    if at is not None:
        raise ValueError(
            f"the text holds U+{ord(text[at]):04X} at position {at}, a lone surrogate: half of a "
            f"character, which UTF-8 cannot write. Remove it, or replace all of them with "
            f"text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        )
    return text


def refuse_other_kinds(head: bytes, name: str) -> None:
    """Make sure that a file's first bytes may begin a text.

    Args:
        head: the first `HEAD` bytes, or all there are.
        name: what to call the file in an error.

    Raises:
        ValueError: if they are those of an archive, a picture, a document, another encoding …
    """
    for begin, kind, way_out in _OTHER_KINDS:
        if begin.match(head):
            raise ValueError(f"{name} is not text in UTF-8 but {kind}; {way_out}.")
    if head.count(0) * 8 > len(head):
        raise ValueError(
            f"{name} is not text in UTF-8: {head.count(0)} of its first {len(head)} bytes are "
            f"zero, as in UTF-16 (save it with `iconv -f UTF-16LE -t UTF-8`) or in no text at all."
        )


def not_utf8(data: bytes, at: int, reason: str, name: str) -> ValueError:
    """Return the error for a byte that cannot stand where it does in UTF-8."""
    way_out = (
        f"it holds zero bytes, as no text does; {_NO_WORDS}"
        if 0 in data[:HEAD]
        else _CONVERT.format("OLD-ENCODING")
    )
    return ValueError(
        f"{name} is not UTF-8: byte 0x{data[at]:02x} in {where(data, at)} ({reason}); {way_out}."
    )


def where(data: bytes, at: int) -> str:
    """Say in which line and column a byte stands, both counted from 1."""
    begin = data.rfind(b"\n", 0, at) + 1
    column = len(data[begin:at].decode("utf-8", errors="replace")) + 1
    line = data.count(b"\n", 0, at) + 1
    return f"line {line}, column {column}"
