"""The files in which byte-level BPE is kept: `tokenizer.json`, or GPT-2's two files.

Bytes are written in both as GPT-2 wrote them, one visible character each.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gptlab.text.bpe import END_OF_TEXT, SYMBOLS

_BYTE_OF = {symbol: byte for byte, symbol in SYMBOLS.items()}


def load(path: Path) -> str:
    """Read `tokenizer.json`, or bring `vocab.json` and `merges.txt` beside it into that format.

    Raises:
        ValueError: if the text of one of them is damaged.
    """
    if path.name != "vocab.json":
        return path.read_text(encoding="utf-8")
    vocabulary = json.loads(path.read_text(encoding="utf-8"))
    special = {name: vocabulary[name] for name in (END_OF_TEXT,) if name in vocabulary}
    added = path.with_name("added_tokens.json")  # what a user added, by older tools
    if added.is_file():
        special |= json.loads(added.read_text(encoding="utf-8"))
    merges = path.with_name("merges.txt").read_text(encoding="utf-8").split("\n")
    data = {
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": [line for line in merges if line and not line.startswith("#version")],
        },
        "pre_tokenizer": {"type": "ByteLevel"},
        "added_tokens": [{"content": name, "id": number} for name, number in special.items()],
    }
    return json.dumps(data)


def find(folder: Path) -> Path:
    """Return the file to `load` from a folder, or the file itself where one is named.

    Raises:
        FileNotFoundError: if there is none.
    """
    if folder.is_file():
        return folder
    if (folder / "tokenizer.json").is_file():
        return folder / "tokenizer.json"
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return folder / "vocab.json"
    if folder.is_dir():
        raise FileNotFoundError(
            f"the folder {folder} has no tokenizer files, neither tokenizer.json nor the pair "
            f"vocab.json and merges.txt; name another, or put them there with tokenizer.save."
        )
    raise FileNotFoundError(f"there is no tokenizer at {folder}; check the path.")


def read(
    data: dict[str, Any],
) -> tuple[list[tuple[bytes, bytes]], list[bytes], dict[str, int]]:
    """Read the library's file format.

    Returns:
        merges, the bytes behind each id, and the ids of the special tokens.

    Raises:
        ValueError: if text would be encoded otherwise than by GPT-2's kind of byte-level BPE.
    """
    model, pieces_by = data["model"], data["pre_tokenizer"] or {}
    if model.get("type") != "BPE" or pieces_by.get("type") != "ByteLevel":
        raise ValueError(
            f"only byte-level BPE is read here, and this is {model.get('type')} with the "
            f"pre-tokenizer {pieces_by.get('type')}."
        )
    other = {
        "normalizer": data.get("normalizer"),
        "add_prefix_space": pieces_by.get("add_prefix_space"),
        "use_regex": not pieces_by.get("use_regex", True),
    }
    plain = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
    other |= {name: model.get(name) for name in (*plain, "byte_fallback", "ignore_merges")}
    if differs := [name for name, value in other.items() if value]:
        raise ValueError(f"it differs from GPT-2's kind of byte-level BPE in {differs}.")

    special = {token["content"]: token["id"] for token in data.get("added_tokens", [])}
    if END_OF_TEXT not in special:
        raise ValueError(f"it has no token {END_OF_TEXT}, with which documents begin here.")
    vocabulary = model["vocab"] | special
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise ValueError("its ids are not 0, 1, 2 … without a gap and each used once.")
    names = {number: name for name, number in vocabulary.items()}
    outside = set(special.values())
    pieces = [
        names[n].encode() if n in outside else _read_symbols(names[n]) for n in range(len(names))
    ]
    return read_merges(model["merges"]), pieces, special


def read_merges(merges: list[str] | list[list[str]]) -> list[tuple[bytes, bytes]]:
    """Read pairs of tokens, written as two strings or, in older files, as one with a space."""
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    if broken := [pair for pair in pairs if len(pair) != 2]:
        raise ValueError(f"its merge {broken[0]} does not join two tokens.")
    return [(_read_symbols(left), _read_symbols(right)) for left, right in pairs]


def symbols(piece: bytes) -> str:
    """Write bytes as GPT-2's files do."""
    return "".join(SYMBOLS[byte] for byte in piece)


def _read_symbols(symbols: str) -> bytes:
    """Undo `symbols`."""
    try:
        return bytes(_BYTE_OF[symbol] for symbol in symbols)
    except KeyError as error:
        raise ValueError(
            f"its token {symbols!r} is not made of bytes: {error.args[0]!r} stands for none."
        ) from None
