"""Byte-level BPE through the `tokenizers` library: learning, encoding, and its file format.

Learns the same merges as `bpe.learn_merges` and makes the same ids as `BPETokenizer.encode_slowly`,
many times faster. Bytes are written in its files as GPT-2 wrote them, one visible character each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from typing import Any

import regex
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from gptlab.text.bpe import SYMBOLS, refuse_surrogates

END_OF_TEXT = "<|endoftext|>"
_GPT2_SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"

#: A long text is encoded in parts of this many characters, which the processor's cores share. It is
#: cut only between a word or sign and the space after it: no piece of GPT-2's pattern spans that.
_PART = 4_000
_BEFORE_SPACE = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}](?=[ \n])")

_BYTE_OF = {symbol: byte for byte, symbol in SYMBOLS.items()}


def learn(text: str | Iterable[str], n_merges: int) -> list[tuple[bytes, bytes]]:
    """Learn at most ``n_merges`` merges, of pairs that stand somewhere twice."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + n_merges,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    parts = [text] if isinstance(text, str) else text
    learner.train_from_iterator((refuse_surrogates(part) for part in parts), trainer)
    return _read_merges(json.loads(learner.to_str())["model"]["merges"])


def gpt2_merges() -> list[tuple[bytes, bytes]]:
    """Read the 50,000 merges that OpenAI released with GPT-2.

    Raises:
        ValueError: if the bundled file is damaged.
    """
    file = files("gptlab") / "data" / "gpt2" / "vocab.bpe"
    data = file.read_bytes()
    if sha256(data).hexdigest() != _GPT2_SHA256:
        raise ValueError(f"{file} is not GPT-2's vocab.bpe; install gptlab again.")
    return _read_merges(data.decode().splitlines()[1:])  # the first line is a version


def build(
    merges: Iterable[tuple[bytes, bytes]], pieces: Sequence[bytes], special: dict[str, int]
) -> Tokenizer:
    """Build the library's tokenizer from merges, the bytes behind each id, and special tokens."""
    names = {number: name for name, number in special.items()}
    vocabulary = {names.get(n, _symbols(piece)): n for n, piece in enumerate(pieces)}
    pairs = [(_symbols(left), _symbols(right)) for left, right in merges]
    fast = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    fast.add_special_tokens([AddedToken(names[n], normalized=False) for n in sorted(names)])
    fast.encode_special_tokens = True  # a special name in a text is the characters it is made of
    return fast


def encode(fast: Tokenizer, text: str) -> list[int]:
    """Encode a text that UTF-8 can write, by a tokenizer from `build`."""
    parts = []
    start = 0
    while start < len(text):
        cut = _BEFORE_SPACE.search(text, start + _PART)
        end = cut.end() if cut else len(text)
        parts.append(text[start:end])
        start = end
    encoded = fast.encode_batch_fast(parts, add_special_tokens=False)
    return list(chain.from_iterable(part.ids for part in encoded))


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
    return _read_merges(model["merges"]), pieces, special


def _read_merges(merges: list[str] | list[list[str]]) -> list[tuple[bytes, bytes]]:
    """Read pairs of tokens, written as two strings or, in older files, as one with a space."""
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    if broken := [pair for pair in pairs if len(pair) != 2]:
        raise ValueError(f"its merge {broken[0]} does not join two tokens.")
    return [(_read_symbols(left), _read_symbols(right)) for left, right in pairs]


def _symbols(piece: bytes) -> str:
    """Write bytes as GPT-2's files do."""
    return "".join(SYMBOLS[byte] for byte in piece)


def _read_symbols(symbols: str) -> bytes:
    """Undo `_symbols`."""
    try:
        return bytes(_BYTE_OF[symbol] for symbol in symbols)
    except KeyError as error:
        raise ValueError(
            f"its token {symbols!r} is not made of bytes: {error.args[0]!r} stands for none."
        ) from None
