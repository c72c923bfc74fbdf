"""Byte-level BPE through the `tokenizers` library: learning and encoding.

Learns the same merges as `bpe.learn_merges` and makes the same ids as `BPETokenizer.encode_slowly`,
many times faster.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from gptlab.data import DATA
from gptlab.runtime.waiting import wait_for
from gptlab.text.bpe import LONGEST_WORD, next_border
from gptlab.text.bpe_files import read_merges, symbols
from gptlab.text.utf8 import refuse_surrogates

_GPT2_SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"

_PART = 4_000  # characters: a long text is encoded in such parts, which the cores share
_AT_ONCE = 512  # parts; between two such lots Ctrl-C is heard


def learn(text: str | Iterable[str], n_merges: int) -> list[tuple[bytes, bytes]]:
    """Learn at most ``n_merges`` merges, of pairs that stand somewhere twice."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.FixedLength(LONGEST_WORD),  # one character now stands for one byte
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=256 + n_merges,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    parts = (refuse_surrogates(part) for part in ([text] if isinstance(text, str) else text))
    wait_for(
        lambda: learner.train_from_iterator(parts, trainer),
        f"Learning a vocabulary of {257 + n_merges:,} tokens from the text …",
    )
    return read_merges(json.loads(learner.to_str())["model"]["merges"])


def gpt2_merges() -> list[tuple[bytes, bytes]]:
    """Read the 50,000 merges that OpenAI released with GPT-2.

    Raises:
        ValueError: if the bundled file is damaged.
    """
    file = DATA / "gpt2" / "vocab.bpe"
    data = file.read_bytes()
    if sha256(data).hexdigest() != _GPT2_SHA256:
        raise ValueError(f"{file} is not GPT-2's vocab.bpe; install gptlab again.")
    return read_merges(data.decode().splitlines()[1:])  # the first line is a version


def build(
    merges: Iterable[tuple[bytes, bytes]], pieces: Sequence[bytes], special: dict[str, int]
) -> Tokenizer:
    """Build the library's tokenizer from merges, the bytes behind each id, and special tokens."""
    names = {number: name for name, number in special.items()}
    vocabulary = {names.get(n, symbols(piece)): n for n, piece in enumerate(pieces)}
    pairs = [(symbols(left), symbols(right)) for left, right in merges]
    fast = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    fast.add_special_tokens([AddedToken(names[n], normalized=False) for n in sorted(names)])
    fast.encode_special_tokens = True  # a special name in a text is the characters it is made of
    return fast


def encode(fast: Tokenizer, texts: Iterable[str]) -> list[list[int]]:
    """Encode texts that UTF-8 can write, by a tokenizer from `build`."""
    encoded: list[list[int]] = []
    parts = _parts(texts)
    while some := list(islice(parts, _AT_ONCE)):
        done = fast.encode_batch_fast([part for part, _ in some], add_special_tokens=False)
        for (_, begins), part in zip(some, done, strict=True):
            if begins:
                encoded.append(part.ids)
            else:
                encoded[-1] += part.ids
    return encoded


def _parts(texts: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Cut texts where no token changes; with each part, whether a text begins with it."""
    for text in texts:
        start = 0
        while start < len(text) or start == 0:
            end = next_border(text, start + _PART)
            yield text[start:end], start == 0
            start = max(end, 1)
