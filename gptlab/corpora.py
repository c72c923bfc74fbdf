"""Where text comes from: a corpus is text turned to ids, in a training and a validation part.

`python_docs` needs no download; `from_file` and `from_text` take any text of your own. Whatever
the source, the two parts never share text, and batches are drawn from (seed, step) alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gptlab.text import documentation, files
from gptlab.text.encoding import Ids, encode, id_type
from gptlab.text.utf8 import refuse_surrogates
from gptlab.tokenizer import BPETokenizer, CharTokenizer, Tokenizer

_LEARN_FROM = 8 * 2**20  # bytes of training text that byte-level BPE is learned from


@dataclass(frozen=True, eq=False)
class Corpus:
    """Text as ids, in two parts that never share text.

    Attributes:
        name: what to call it.
        tokenizer: what made the ids.
        train: ids of the training text, one-dimensional.
        val: ids of the validation text.
        train_bytes: length of the training text in UTF-8; a border between documents counts as
            the blank line that would show it.
        val_bytes: length of the validation text in UTF-8, likewise.
        split: how the two were told apart, in a few words.
        documents: how many the text consists of.
    """

    name: str
    tokenizer: Tokenizer
    train: Ids
    val: Ids
    train_bytes: int
    val_bytes: int
    split: str
    documents: int = 1

    def batch(
        self, step: int, batch_size: int, n_ctx: int, seed: int, split: str = "train"
    ) -> tuple[Tensor, Tensor]:
        """Draw windows of text at random places.

        The same (seed, step) gives the same batch, on every machine and whatever came before.

        Args:
            step: which batch.
            batch_size: number of windows, B.
            n_ctx: tokens in each.
            seed: which sequence of batches.
            split: "train" or "val".

        Returns:
            x and y, both (B, n_ctx) of int64; y is x moved on by one token.

        Raises:
            ValueError: if the split is shorter than one window and the token after it.
        """
        ids = self._part(split, n_ctx)
        # Raw Philox numbers are the same in every NumPy; how it makes integers of them may change.
        key = np.array([seed % 2**64, step % 2**64], dtype=np.uint64)
        raw = np.random.Philox(key=key).random_raw(batch_size)
        starts = (raw % np.uint64(len(ids) - n_ctx)).astype(np.int64)
        places = starts[:, None] + np.arange(n_ctx + 1)  # (B, n_ctx + 1)
        windows = torch.from_numpy(ids[places].astype(np.int64))
        return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()

    def val_windows(self, n_ctx: int, max_tokens: int | None = None) -> tuple[Tensor, Tensor]:
        """Cut the validation text into consecutive windows that do not overlap.

        Up to n_ctx tokens at the end, too few for a window, are left out.

        Args:
            n_ctx: tokens in each window.
            max_tokens: keep at most so many tokens, but at least one window: windows at even
                distances, so that few of them stand for the whole text.

        Returns:
            x and y, both (N, n_ctx) of int64; y is x moved on by one token.

        Raises:
            ValueError: if the validation text is shorter than one window and the token after it.
        """
        ids = self._part("val", n_ctx)
        n_window = (len(ids) - 1) // n_ctx
        chosen = np.arange(n_window)
        if max_tokens is not None and max_tokens < n_window * n_ctx:
            keep = max(1, max_tokens // n_ctx)
            chosen = np.arange(keep) * n_window // keep
        places = chosen[:, None] * n_ctx + np.arange(n_ctx)  # (N, n_ctx)
        x, y = ids[places].astype(np.int64), ids[places + 1].astype(np.int64)
        return torch.from_numpy(x), torch.from_numpy(y)

    def bits_per_byte(self, nats_per_token: float) -> float:
        """Turn a loss on the validation text into bits per byte of UTF-8.

        Unlike nats per token, it can be compared across tokenizers.
        """
        return nats_per_token / math.log(2) * len(self.val) / self.val_bytes

    def describe(self) -> str:
        """Say in one sentence what the text is and how it was split."""
        kind = "characters" if isinstance(self.tokenizer, CharTokenizer) else "byte-level BPE"
        documents = f"{self.documents:,} documents, " if self.documents > 1 else ""
        return (
            f"{self.name}: {self.train_bytes:,} bytes ({len(self.train):,} tokens) to train on and "
            f"{self.val_bytes:,} bytes ({len(self.val):,} tokens) to validate on, "
            f"{documents}{self.split}; "
            f"{self.tokenizer.vocab_size:,} kinds of tokens ({kind})."
        )

    def fingerprint(self) -> dict[str, str]:
        """Tell the tokenizer, the training and the validation text by size and SHA-256."""
        return {
            "tokenizer": f"{self.tokenizer.vocab_size} ids, {_digest(self.tokenizer.to_json())}",
            "training text": f"{len(self.train)} tokens, {_digest(self.train)}",
            "validation text": f"{len(self.val)} tokens, {_digest(self.val)}",
        }

    def check(self, n_ctx: int) -> None:
        """Make sure that both parts are long enough for windows of ``n_ctx`` tokens.

        Raises:
            ValueError: if one is not.
        """
        self._part("train", n_ctx)
        self._part("val", n_ctx)

    def _part(self, split: str, n_ctx: int) -> Ids:
        if split not in ("train", "val"):
            raise ValueError(f"split is {split!r}; it must be 'train' or 'val'.")
        if n_ctx < 1:
            raise ValueError(f"n_ctx is {n_ctx}; a window holds at least one token.")
        ids = self.train if split == "train" else self.val
        if len(ids) < n_ctx + 1:
            more = "a larger val_fraction or " if split == "val" else ""
            raise ValueError(
                f"the {split} part of {self.name} has {len(ids)} tokens, but n_ctx {n_ctx} needs "
                f"at least {n_ctx + 1}; use a smaller n_ctx, {more}more text."
            )
        return ids


def python_docs(
    tokenizer: str | Tokenizer = "bpe",
    vocab_size: int = 1024,
    max_bytes: int | None = None,
    sources: Sequence[str] = ("python",),
) -> Corpus:
    """Make a corpus of the documentation that Python carries: no download, no import.

    The docstrings of the standard library and Python's language reference, about 2 MB, split by
    module. Reading them takes a few seconds, once. Another version of Python gives a
    slightly different text.

    Args:
        tokenizer: "bpe", learned from the training documents, "char", or one that is there already.
        vocab_size: of the bpe tokenizer.
        max_bytes: about so much text at most, for quick runs.
        sources: "python" for the standard library, and names of installed packages; "numpy" and
            "matplotlib" take a few seconds more, "torch" some twenty.

    Returns:
        The corpus. Each document follows the tokenizer's end-of-text, or ends in a blank line
        where it is read by characters; bytes are counted with the blank line in both.

    Raises:
        FileNotFoundError: if Python came without its library's source files.
        ValueError: if a package is not installed, or there is too little for two splits.
    """
    sources = (sources,) if isinstance(sources, str) else tuple(sources)
    train, val = documentation.documents(sources, max_bytes)
    # Learned from about a megabyte, evenly spread: more changes few merges.
    every = -(-sum(map(len, train)) // 2**20)
    tokenizer = _make_tokenizer(tokenizer, vocab_size, train[::every], [*train, *val, "\n"])
    if isinstance(tokenizer, BPETokenizer):
        begin, end = [tokenizer.start_id], ""
    else:
        begin, end = [], "\n\n"
    ids = [
        np.fromiter(chain.from_iterable(begin + ids for ids in encoded), id_type(tokenizer))
        for encoded in (
            tokenizer.encode_batch(text + end for text in part) for part in (train, val)
        )
    ]
    sizes = [sum(len(document.encode()) + 2 for document in part) for part in (train, val)]
    name = "Python docs" if sources == ("python",) else f"docs of {', '.join(sources)}"
    split, count = "split by module", len(train) + len(val)
    return Corpus(name, tokenizer, ids[0], ids[1], sizes[0], sizes[1], split, count)


def from_text(
    text: str,
    tokenizer: str | Tokenizer = "bpe",
    vocab_size: int = 1024,
    val_fraction: float = 0.1,
    name: str = "text",
) -> Corpus:
    """Make a corpus of a text: its beginning to train on, its end to validate on.

    Arguments, documents and errors are those of `from_file`.

    Raises:
        ValueError: if the text is too short to split or holds a lone surrogate.
    """
    data = refuse_surrogates(text).removeprefix("\ufeff").encode()
    return _corpus(data, name, tokenizer, vocab_size, val_fraction)


def from_file(
    path: Path | str,
    tokenizer: str | Tokenizer = "bpe",
    vocab_size: int = 1024,
    val_fraction: float = 0.1,
) -> Corpus:
    """Make a corpus of a text file in UTF-8: its beginning to train on, its end to validate on.

    A line that is exactly ``<|endoftext|>`` separates documents. It is one token of byte-level BPE,
    `start_id`, which also stands before the first document; by characters it is an empty line.

    The text and its ids are held in memory. With the bpe tokenizer the ids take about as much room
    as the text, with "char" twice as much.

    Args:
        path: the file, or a pipe, which is read to its end.
        tokenizer: "char", one id for each character that stands anywhere in the file; "bpe",
            byte-level BPE learned from the training part; or a tokenizer that is there already.
        vocab_size: of the bpe tokenizer.
        val_fraction: how much of the file to validate on, cut where the next document or line
            begins if one is near.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError, PermissionError: if it cannot be read.
        ValueError: if it is empty, too short to split, or not text in UTF-8; if it holds a
            character that the given tokenizer does not know; or if an argument is impossible.
    """
    data, name = files.read(path)
    return _corpus(data, name, tokenizer, vocab_size, val_fraction)


def _corpus(
    data: bytes, name: str, tokenizer: str | Tokenizer, vocab_size: int, val_fraction: float
) -> Corpus:
    """Make a corpus of a text's bytes."""
    if not 0 < val_fraction < 1:
        raise ValueError(f"val_fraction is {val_fraction}; it must lie between 0 and 1.")
    last = files.end(data)
    if last == 0:
        raise ValueError(f"{name} is empty; a corpus needs text.")
    cut = files.cut(data, last, val_fraction)
    if not 0 < cut < last:
        raise ValueError(
            f"{name} has only {last} bytes, which cannot be split into training and validation "
            f"text by val_fraction {val_fraction}; use more text."
        )
    seen, unseen = files.pieces(data, 0, cut, name), files.pieces(data, cut, last, name)
    every = -(-cut // _LEARN_FROM)
    tokenizer = _make_tokenizer(
        tokenizer,
        vocab_size,
        (piece.text for piece in islice(seen, 0, None, every)),
        (piece.text for piece in chain(seen, unseen)),
    )
    train, val = encode(data, last, cut, name, tokenizer)
    split = f"the last {(last - cut) / last:.1%} of the text"
    documents = train.documents + val.documents
    return Corpus(name, tokenizer, train.ids, val.ids, train.size, val.size, split, documents)


def _make_tokenizer(
    tokenizer: str | Tokenizer, vocab_size: int, train: Iterable[str], everything: Iterable[str]
) -> Tokenizer:
    """Learn a tokenizer, unless it is there already."""
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    if tokenizer == "bpe":
        return BPETokenizer.train(train, vocab_size)
    if tokenizer == "char":
        alphabet: set[str] = set()
        for piece in everything:  # else a character that only validation text holds had no id
            alphabet.update(piece)
        return CharTokenizer("".join(sorted(alphabet)))
    raise ValueError(f"tokenizer is {tokenizer!r}; it must be 'bpe', 'char' or a Tokenizer.")


def _digest(what: str | Ids) -> str:
    data = what.encode() if isinstance(what, str) else np.ascontiguousarray(what).data
    return hashlib.sha256(data).hexdigest()[:16]
