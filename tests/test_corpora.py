"""Text in two parts that never meet, and batches that anyone can draw again."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptlab.corpora import Corpus, from_file, from_text, python_docs
from gptlab.text import documentation
from gptlab.text.files import PIECE
from gptlab.tokenizer import END_OF_TEXT, BPETokenizer, CharTokenizer

LINES = "".join(f"line {n}: 你好 🙂 caf\u00e9, the {n * n} words\r\n" for n in range(200))
CHARS = CharTokenizer.from_text("abcdefghij\n")
#: Three documents of four lines each, and what they are without what separates them.
STORIES = [f"Story {n}.\nIt is short.\n\nThe end: 完 {n}.\n" for n in range(3)]
SEPARATED = f"{END_OF_TEXT}\n".join(STORIES)


def numbered(n_train: int = 100, n_val: int = 50) -> Corpus:
    """A corpus whose ids say where they stand: 0, 1 … to train on, 1000, 1001 … to validate on."""
    train, val = np.arange(n_train, dtype=np.uint16), np.arange(1000, 1000 + n_val, dtype=np.uint16)
    return Corpus("numbers", CHARS, train, val, n_train, n_val, "by hand")


@pytest.fixture(scope="module")
def bpe() -> BPETokenizer:
    return BPETokenizer.train(LINES + SEPARATED, 300)


# Batches


def test_a_batch_predicts_the_next_token() -> None:
    x, y = numbered().batch(step=3, batch_size=64, n_ctx=8, seed=1)
    assert x.shape == y.shape == (64, 8)
    assert x.dtype == y.dtype == torch.int64
    assert torch.equal(y, x + 1)
    assert torch.equal(x, x[:, :1] + torch.arange(8))


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    corpus = numbered()
    first = corpus.batch(5, 4, 8, seed=1)[0]
    corpus.batch(6, 4, 8, seed=1)
    torch.manual_seed(0)
    assert torch.equal(corpus.batch(5, 4, 8, seed=1)[0], first)
    assert not torch.equal(corpus.batch(6, 4, 8, seed=1)[0], first)
    assert not torch.equal(corpus.batch(5, 4, 8, seed=2)[0], first)


def test_a_batch_is_the_same_on_every_machine() -> None:
    starts = numbered().batch(step=7, batch_size=6, n_ctx=8, seed=42)[0][:, 0]
    assert starts.tolist() == [39, 45, 19, 76, 3, 60]


def test_a_batch_reaches_all_of_its_part_and_nothing_else() -> None:
    corpus = numbered()
    for split, first, last in (("train", 0, 99), ("val", 1000, 1049)):
        x, y = corpus.batch(0, 4000, 8, seed=1, split=split)
        assert (x.min(), y.max()) == (first, last)


def test_the_shortest_part_has_one_window() -> None:
    x, y = numbered(n_train=9).batch(0, 5, 8, seed=1)
    assert x.tolist() == [list(range(8))] * 5
    assert y.tolist() == [list(range(1, 9))] * 5


def test_a_part_shorter_than_one_context_is_refused() -> None:
    corpus = numbered(n_train=8, n_val=5)
    with pytest.raises(ValueError, match=r"train part of numbers has 8 tokens.* at least 9;"):
        corpus.batch(0, 1, 8, seed=1)
    message = r"val part .* 5 tokens, but n_ctx 6 needs at least 7; .* larger val_fraction"
    for attempt in (corpus.val_windows, corpus.check):
        with pytest.raises(ValueError, match=message):
            attempt(6)
    corpus.check(4)
    with pytest.raises(ValueError, match="'test'; it must be 'train' or 'val'"):
        corpus.batch(0, 1, 4, seed=1, split="test")
    with pytest.raises(ValueError, match="n_ctx is 0"):
        corpus.batch(0, 1, 0, seed=1)


# Validation


def test_windows_cover_the_validation_text_once() -> None:
    x, y = numbered().val_windows(8)
    assert x.shape == (6, 8)  # 6 · 8 + 1 of 50 tokens
    assert x.flatten().tolist() == list(range(1000, 1048))
    assert torch.equal(y, x + 1)
    assert len(numbered(n_val=49).val_windows(8)[0]) == 6
    assert len(numbered(n_val=48).val_windows(8)[0]) == 5


def test_few_windows_stand_for_the_whole_validation_text() -> None:
    x, y = numbered().val_windows(8, max_tokens=25)
    assert x[:, 0].tolist() == [1000, 1016, 1032]
    assert torch.equal(y, x + 1)
    assert len(numbered().val_windows(8, max_tokens=1)[0]) == 1
    assert len(numbered().val_windows(8, max_tokens=10**9)[0]) == 6


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_guessing_bytes_evenly_costs_eight_bits_a_byte(tokenizer: str) -> None:
    corpus = from_text(LINES, tokenizer, vocab_size=300)
    nats = math.log(256) * corpus.val_bytes / len(corpus.val)  # per token
    assert corpus.bits_per_byte(nats) == pytest.approx(8)


# The same corpus


def test_a_fingerprint_says_what_has_changed() -> None:
    first = from_text(LINES, "char").fingerprint()
    assert from_text(LINES, "char", name="other").fingerprint() == first
    texts = {"training text", "validation text"}
    for other, parts in (
        (from_text(LINES.replace("line 3:", "line 4:"), "char"), {"training text"}),
        (from_text(LINES[:-30] + LINES[0] + LINES[-29:], "char"), {"validation text"}),
        (from_text(LINES, "char", val_fraction=0.2), texts),
        (from_text(LINES, "bpe", 300), {"tokenizer", *texts}),
    ):
        changed = other.fingerprint()
        assert {name for name in first if changed[name] != first[name]} == parts


# Text of one's own


@settings(deadline=None, max_examples=60)
@given(text=st.text(min_size=100), fraction=st.floats(0.05, 0.95))
def test_the_parts_share_no_text_and_miss_none(text: str, fraction: float) -> None:
    corpus = from_text(text, "char", val_fraction=fraction)
    train, val = corpus.tokenizer.decode(corpus.train), corpus.tokenizer.decode(corpus.val)
    assert train + val == text.removeprefix("\ufeff")
    assert (len(train.encode()), len(val.encode())) == (corpus.train_bytes, corpus.val_bytes)


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_validation_is_the_end_of_the_text_from_a_new_line_on(tokenizer: str) -> None:
    corpus = from_text(LINES, tokenizer, vocab_size=300, val_fraction=0.2)
    train, val = corpus.tokenizer.decode(corpus.train), corpus.tokenizer.decode(corpus.val)
    assert train.removeprefix(END_OF_TEXT) + val == LINES
    assert train.endswith("\r\n")
    assert corpus.val_bytes / len(LINES.encode()) == pytest.approx(0.2, abs=0.01)
    assert corpus.train_bytes + corpus.val_bytes == len(LINES.encode())
    assert corpus.train.dtype == np.uint16


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize(
    "text", [LINES, "。".join(LINES.split()) + "\n"], ids=["lines", "one line"]
)
def test_much_text_gives_the_ids_of_the_whole(kind: str, text: str, bpe: BPETokenizer) -> None:
    """It is encoded in pieces, and no token changes where they meet."""
    text *= 3 * PIECE // len(text.encode())
    tokenizer = bpe if kind == "bpe" else CharTokenizer.from_text(text)
    corpus = from_text(text, tokenizer, val_fraction=0.01)
    val = tokenizer.decode(corpus.val)
    begin = [tokenizer.start_id] * (kind == "bpe")
    assert corpus.train.tolist() == begin + tokenizer.encode(text.removesuffix(val))
    assert corpus.val.tolist() == tokenizer.encode(val)


def test_ids_beyond_two_bytes_are_kept() -> None:
    characters = "".join(map(chr, [*range(0x20, 0xD800), *range(0x10000, 0x14000)]))
    corpus = from_text(characters, "char", val_fraction=0.5)
    assert corpus.train.dtype == np.uint32
    assert corpus.tokenizer.decode([*corpus.train, *corpus.val]) == characters


def test_bpe_learns_nothing_from_validation_text() -> None:
    corpus = from_text("abc " * 900 + "\n" + "xyz " * 100, "bpe", vocab_size=300)
    assert isinstance(corpus.tokenizer, BPETokenizer)
    learned = {left + right for left, right in corpus.tokenizer.merges}
    assert b"abc" in learned
    assert not [token for token in learned if b"x" in token]


def test_characters_of_validation_text_have_ids() -> None:
    corpus = from_text("a" * 90 + "b" * 10, "char")
    assert corpus.tokenizer.decode(corpus.val) == "b" * 10


def test_a_tokenizer_that_is_there_is_used() -> None:
    assert from_text("abcde\n" * 10, CHARS).tokenizer is CHARS
    with pytest.raises(ValueError, match="'z'"):
        from_text("abcdz\n" * 10, CHARS)
    with pytest.raises(ValueError, match="tokenizer is 'words'; it must be 'bpe', 'char'"):
        from_text(LINES, "words")


def test_a_character_the_tokenizer_lacks_is_placed(tmp_path: Path) -> None:
    text = "abcde\n" * 300_000 + "abézd\n" + "abcde\n" * 200_000  # in the second piece of several
    path = tmp_path / "letters.txt"
    path.write_text(text, encoding="utf-8")
    place = r"'é' \(U\+00E9\) in line 300001, column 3 of letters\.txt is not among the 11 char"
    with pytest.raises(ValueError, match=place):
        from_file(path, CHARS)


def test_a_corpus_describes_itself() -> None:
    assert from_text("abcdefghi\n" * 10, CHARS, name="letters").describe() == (
        "letters: 90 bytes (90 tokens) to train on and 10 bytes (10 tokens) to validate on, "
        "the last 10.0% of the text; 11 kinds of tokens (characters)."
    )


def test_impossible_texts_are_refused() -> None:
    for text, fraction, message in (
        ("", 0.1, "text is empty"),
        ("a", 0.5, "only 1 bytes"),
        ("ab", 0.1, "only 2 bytes"),
        ("a\ud800", 0.5, r"U\+D800 at position 1"),
        (LINES, 0.0, "val_fraction is 0.0; it must lie between 0 and 1"),
        (LINES, 1.0, "val_fraction is 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            from_text(text, "char", val_fraction=fraction)


# Documents


def test_a_line_of_its_own_separates_documents(bpe: BPETokenizer) -> None:
    corpus = from_text(SEPARATED, bpe, val_fraction=0.3)
    begin = bpe.start_id
    expected = [[begin, *bpe.encode(story)] for story in STORIES]
    assert [*corpus.train, *corpus.val] == [number for ids in expected for number in ids]
    assert corpus.val.tolist() == expected[2]  # cut where a document begins, as one does near
    assert corpus.documents == 3
    assert ", 3 documents, the last" in corpus.describe()


def test_by_characters_an_empty_line_separates_documents() -> None:
    corpus = from_text(SEPARATED, "char", val_fraction=0.3)
    assert corpus.tokenizer.decode([*corpus.train, *corpus.val]) == "\n".join(STORIES)
    assert "<" not in corpus.tokenizer.characters
    assert corpus.documents == 3


@pytest.mark.parametrize("ends", ["", END_OF_TEXT, f"{END_OF_TEXT}\n", f"{END_OF_TEXT}\r\n" * 3])
@pytest.mark.parametrize("begins", ["", "\ufeff", f"{END_OF_TEXT}\n"])
def test_separators_around_the_text_add_nothing(begins: str, ends: str, bpe: BPETokenizer) -> None:
    for tokenizer in (bpe, "char"):
        corpus = from_text(begins + SEPARATED + ends, tokenizer, val_fraction=0.5)
        plain = from_text(SEPARATED, corpus.tokenizer, val_fraction=0.5)
        assert [*corpus.train, *corpus.val] == [*plain.train, *plain.val]
        assert corpus.documents == 3


def test_both_tokenizers_count_the_same_bytes(bpe: BPETokenizer) -> None:
    """Those of the documents, and one for the empty line between two: not the sign's thirteen."""
    for fraction in (0.1, 0.3, 0.5):
        one = from_text(SEPARATED, bpe, val_fraction=fraction)
        other = from_text(SEPARATED, "char", val_fraction=fraction)
        assert (one.train_bytes, one.val_bytes) == (other.train_bytes, other.val_bytes)
        assert one.train_bytes + one.val_bytes == len("\n".join(STORIES).encode())
        assert other.val_bytes == len(other.tokenizer.decode(other.val).encode())


def test_a_text_without_separators_is_one_document(bpe: BPETokenizer) -> None:
    corpus = from_text(LINES, bpe)
    assert corpus.train[0] == bpe.start_id  # so that an empty prompt was seen in training
    assert (corpus.train == bpe.start_id).sum() + (corpus.val == bpe.start_id).sum() == 1
    assert corpus.documents == 1


def test_no_one_slips_in_an_end_of_text(bpe: BPETokenizer) -> None:
    text = f"He said {END_OF_TEXT}\n {END_OF_TEXT}\n{END_OF_TEXT} she said.\n" * 20
    corpus = from_text(text, bpe)
    assert [*corpus.train, *corpus.val].count(bpe.start_id) == 1
    assert bpe.decode([*corpus.train, *corpus.val]) == END_OF_TEXT + text


def test_a_text_of_separators_alone_is_empty() -> None:
    with pytest.raises(ValueError, match="text is empty; a corpus needs text"):
        from_text(f"{END_OF_TEXT}\n" * 10)


# Files


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(LINES.encode())
    corpus, same = from_file(path, "char"), from_text(LINES, "char")
    assert corpus.name == "lines.txt"
    assert corpus.fingerprint() == same.fingerprint()
    path.write_bytes(("\ufeff" + LINES).encode())
    assert from_file(str(path), "char").fingerprint() == same.fingerprint()


def test_a_file_without_text_is_named(tmp_path: Path) -> None:
    for name, data, message in (
        ("empty.txt", b"", "empty.txt is empty; a corpus needs text"),
        ("mark.txt", "\ufeff".encode(), "mark.txt is empty"),
        (
            "latin.txt",
            "caf\u00e9 ".encode("latin-1") * 9,
            "latin.txt is not UTF-8: byte 0xe9 in line 1",
        ),
        (
            "packed.gz",
            b"\x1f\x8b" + bytes(range(99)),
            "packed.gz is not text in UTF-8 but compressed by gzip",
        ),
    ):
        (tmp_path / name).write_bytes(data)
        for tokenizer in ("char", "bpe"):
            with pytest.raises(ValueError, match=message):
                from_file(tmp_path / name, tokenizer)


# Python's documentation


def test_python_docs_are_documents_one_after_the_other() -> None:
    corpus = python_docs(vocab_size=400, max_bytes=20_000)
    train, val = documentation.documents(max_bytes=20_000)
    begin = corpus.tokenizer.start_id
    for ids, documents, size in (
        (corpus.train, train, corpus.train_bytes),
        (corpus.val, val, corpus.val_bytes),
    ):
        assert ids[0] == begin
        texts = [
            corpus.tokenizer.decode(p) for p in np.split(ids, np.flatnonzero(ids == begin))[1:]
        ]
        assert texts == ["<|endoftext|>" + document for document in documents]
        assert size == len("".join(document + "\n\n" for document in documents).encode())
    assert corpus.tokenizer.vocab_size == 400
    assert corpus.describe().startswith("Python docs: ")
    assert " documents, split by module; 400 kinds" in corpus.describe()


def test_python_docs_by_characters_hold_the_same_text() -> None:
    corpus, other = python_docs("char", max_bytes=20_000), python_docs(max_bytes=20_000)
    train, _ = documentation.documents(max_bytes=20_000)
    assert corpus.tokenizer.decode(corpus.train) == "".join(d + "\n\n" for d in train)
    assert (corpus.train_bytes, corpus.val_bytes) == (other.train_bytes, other.val_bytes)


def test_one_source_may_be_named_alone() -> None:
    with pytest.raises(ValueError, match="no installed package 'no_such_package'"):
        python_docs(sources="no_such_package")
