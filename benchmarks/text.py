"""Tokenizing: the fast path against the readable one and against the library called directly."""

from __future__ import annotations

from collections.abc import Iterator

import tokenizers

from benchmarks.harness import Row, interleaved
from gptlab import docstrings
from gptlab.tokenizer import BPETokenizer


def rows() -> Iterator[Row]:
    """Yield both comparisons."""
    text = "\n\n".join(docstrings.documents(("python",), 1_000_000)[0])
    tokenizer = BPETokenizer.train(text, 1024)
    direct = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    short = text[:50_000]
    fast, slow = interleaved(
        lambda: tokenizer.encode(short), lambda: tokenizer.encode_slowly(short), repeats=5
    )
    size = len(short.encode()) / 1e6
    yield Row(
        "Encoding text (MB/s)",
        f"{size / fast:.2f}",
        f"{size / slow:.3f}, the readable path",
        slow / fast,
        20,
    )
    fast, library = interleaved(
        lambda: tokenizer.encode(text), lambda: direct.encode(text).ids, repeats=5
    )
    size = len(text.encode()) / 1e6
    yield Row(
        "Encoding text (MB/s)",
        f"{size / fast:.2f}",
        f"{size / library:.2f}, tokenizers directly",
        library / fast,
        0.8,
    )
