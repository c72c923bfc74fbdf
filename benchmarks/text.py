"""Tokenizing: the fast path against the readable one and against the library called directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tokenizers

from benchmarks.harness import Row, interleaved
from gptlab import docstrings
from gptlab.tokenizer import BPETokenizer


def rows() -> Iterator[Row]:
    """Yield both comparisons."""
    text = "\n\n".join(docstrings.documents(("python",), 1_000_000)[0])
    tokenizer = BPETokenizer.train(text, 1024)
    direct = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    peers: tuple[tuple[str, Callable[[str], object], str, float], ...] = (
        ("the readable path", tokenizer.encode_slowly, text[:50_000], 20),
        ("tokenizers directly", lambda part: direct.encode(part).ids, text, 0.8),
    )
    for name, encode, part, target in peers:
        fast, other = interleaved(
            lambda part=part: tokenizer.encode(part),
            lambda encode=encode, part=part: encode(part),
            repeats=5,
        )
        size = len(part.encode()) / 1e6
        speeds = (f"{size / fast:.2f}", f"{size / other:.3g}, {name}")
        yield Row("Encoding text (MB/s)", *speeds, other / fast, target)
