"""Where text comes from: a corpus is text turned to ids, in a training and a validation part.

`python_docs` needs no download; `from_file` and `from_text` take any text of your own. Whatever
the source, the two parts never share text, and batches are drawn from (seed, step) alone.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from gptlab.text import documentation, files
from gptlab.text.bpe import refuse_surrogates
from gptlab.text.ids import Disk, Ids, temporary_folder, to_array
from gptlab.tokenizer import BPETokenizer, CharTokenizer, Tokenizer

_LARGE = 64 * 2**20  # bytes; the ids of larger files stay on the disk
_LEARN_FROM = 8 * 2**20  # bytes of training text that byte-level BPE is learned from


@dataclass(frozen=True, eq=False)
class Corpus:
    """Text as ids, in two parts that never share text.

    Attributes:
        name: what to call it.
        tokenizer: what made the ids.
        train: ids of the training text, one-dimensional; memory-mapped if large.
        val: ids of the validation text.
        train_bytes: length of the training text in UTF-8.
        val_bytes: length of the validation text in UTF-8.
        split: how the two were told apart, in a few words.
    """

    name: str
    tokenizer: Tokenizer
    train: Ids
    val: Ids
    train_bytes: int
    val_bytes: int
    split: str

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
        return (
            f"{self.name}: {self.train_bytes:,} bytes ({len(self.train):,} tokens) to train on and "
            f"{self.val_bytes:,} bytes ({len(self.val):,} tokens) to validate on, {self.split}; "
            f"{self.tokenizer.vocab_size:,} kinds of tokens ({kind})."
        )

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
        to_array([begin + tokenizer.encode(document + end) for document in part], tokenizer)
        for part in (train, val)
    ]
    sizes = [sum(len(document.encode()) + 2 for document in part) for part in (train, val)]
    name = "Python docs" if sources == ("python",) else f"docs of {', '.join(sources)}"
    return Corpus(name, tokenizer, ids[0], ids[1], sizes[0], sizes[1], "split by module")


def from_text(
    text: str,
    tokenizer: str | Tokenizer = "bpe",
    vocab_size: int = 1024,
    val_fraction: float = 0.1,
    name: str = "text",
) -> Corpus:
    """Make a corpus of a text: its beginning to train on, its end to validate on.

    Arguments and errors are those of `from_file`.

    Raises:
        ValueError: if the text is too short to split or holds a lone surrogate.
    """
    data = refuse_surrogates(text).encode()
    return _corpus(io.BytesIO(data), len(data), name, tokenizer, vocab_size, val_fraction, None)


def from_file(
    path: Path | str,
    tokenizer: str | Tokenizer = "bpe",
    vocab_size: int = 1024,
    val_fraction: float = 0.1,
    cache: Path | str | None = None,
) -> Corpus:
    """Make a corpus of a text file in UTF-8: its beginning to train on, its end to validate on.

    Files over 64 MB are read and encoded piece by piece, and their ids stay on the disk.

    Args:
        path: the file.
        tokenizer: "char", one id for each character that stands anywhere in the file; "bpe",
            byte-level BPE learned from the training part; or a tokenizer that is there already.
        vocab_size: of the bpe tokenizer.
        val_fraction: how much of the file to validate on, cut at the next line end if one is near.
        cache: folder that keeps a large file's ids for the next time; without it they go into a
            temporary folder until Python ends.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: if the file cannot be read.
        ValueError: if it is empty, too short to split, or not UTF-8, or an argument is impossible.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder; a corpus is made from one text file.")
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"there is no file {path.absolute()}; check the path.") from None
    except PermissionError:
        raise PermissionError(
            f"you may not read {path}; change its permissions, or copy it."
        ) from None
    with file:
        about = os.fstat(file.fileno())
        disk = None
        if about.st_size > _LARGE:
            version = f"{path.absolute()} {about.st_size} {about.st_mtime_ns}"
            disk = Disk(temporary_folder() if cache is None else Path(cache), version)
        return _corpus(file, about.st_size, path.name, tokenizer, vocab_size, val_fraction, disk)


def _corpus(
    file: BinaryIO,
    size: int,
    name: str,
    tokenizer: str | Tokenizer,
    vocab_size: int,
    val_fraction: float,
    disk: Disk | None,
) -> Corpus:
    """Make a corpus of an open file, with its ids in memory or on the disk."""
    if not 0 < val_fraction < 1:
        raise ValueError(f"val_fraction is {val_fraction}; it must lie between 0 and 1.")
    start = len(files.BOM) if file.read(len(files.BOM)) == files.BOM else 0
    if size == start:
        raise ValueError(f"{name} is empty; a corpus needs text.")
    cut = files.cut(file, start, size, val_fraction)
    if not start < cut < size:
        raise ValueError(
            f"{name} has only {size} bytes, which cannot be split into training and validation "
            f"text by val_fraction {val_fraction}; use more text."
        )
    every = -(-(cut - start) // _LEARN_FROM)
    tokenizer = _make_tokenizer(
        tokenizer,
        vocab_size,
        islice(files.pieces(file, start, cut, name), 0, None, every),
        chain(files.pieces(file, start, cut, name), files.pieces(file, cut, size, name)),
    )
    ids = []
    for first, last in ((start, cut), (cut, size)):
        encoded = map(tokenizer.encode, files.pieces(file, first, last, name))
        if disk is None:
            ids.append(to_array(encoded, tokenizer))
        else:
            ids.append(disk.keep(encoded, tokenizer, f"{first}-{last}"))
    split = f"the last {(size - cut) / (size - start):.1%} of the text"
    return Corpus(name, tokenizer, ids[0], ids[1], cut - start, size - cut, split)


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
