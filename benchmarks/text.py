"""Tokenizing: the fast path against the readable one and against the library called directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tokenizers

from benchmarks.harness import Row, interleaved
from gptlab.text import documentation
from gptlab.tokenizer import BPETokenizer


def rows() -> Iterator[Row]:
    """Yield both comparisons."""
    text = "\n\n".join(documentation.documents(("python",), 1_000_000)[0])
    tokenizer = BPETokenizer.train(text, 1024)
    direct = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    peers: tuple[tuple[str, Callable[[str], object], float], ...] = (
        ("the readable path", tokenizer.encode_slowly, 20),
        ("tokenizers directly", lambda text: direct.encode(text).ids, 0.8),
    )
    size = len(text.encode()) / 1e6
    for name, encode, target in peers:
        fast, other = interleaved(
            lambda: tokenizer.encode(text), lambda encode=encode: encode(text), repeats=5
        )
        speeds = (f"{size / fast:.2f}", f"{size / other:.3g}, {name}")
        yield Row("Encoding text (MB/s)", *speeds, other / fast, target)
