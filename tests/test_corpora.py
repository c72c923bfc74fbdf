"""Text in two parts that never meet, and batches that anyone can draw again."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptlab import corpora
from gptlab.corpora import Corpus, from_file, from_text, python_docs
from gptlab.text import documentation, files
from gptlab.tokenizer import BPETokenizer, CharTokenizer

LINES = "".join(f"line {n}: 你好 🙂 caf\u00e9, the {n * n} words\r\n" for n in range(200))
CHARS = CharTokenizer.from_text("abcdefghij\n")


def numbered(n_train: int = 100, n_val: int = 50) -> Corpus:
    """A corpus whose ids say where they stand: 0, 1 … to train on, 1000, 1001 … to validate on."""
    train, val = np.arange(n_train, dtype=np.uint16), np.arange(1000, 1000 + n_val, dtype=np.uint16)
    return Corpus("numbers", CHARS, train, val, n_train, n_val, "by hand")


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
    assert train + val == LINES
    assert train.endswith("\r\n")
    assert corpus.val_bytes / len(LINES.encode()) == pytest.approx(0.2, abs=0.01)
    assert corpus.train.dtype == np.uint16


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


# Files


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(LINES.encode())
    corpus, same = from_file(path, "char"), from_text(LINES, "char")
    assert corpus.name == "lines.txt"
    assert np.array_equal(corpus.train, same.train)
    assert np.array_equal(corpus.val, same.val)
    path.write_bytes(files.BOM + LINES.encode())
    assert np.array_equal(from_file(str(path), "char").train, same.train)


def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ValueError, match=r"empty\.txt is empty"):
        from_file(tmp_path / "empty.txt")
    (tmp_path / "mark.txt").write_bytes(files.BOM)
    with pytest.raises(ValueError, match=r"mark\.txt is empty"):
        from_file(tmp_path / "mark.txt")
    for missing in ("missing.txt", "empty.txt/below"):
        with pytest.raises(FileNotFoundError, match=f"no file .*{missing}"):
            from_file(tmp_path / missing)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        from_file(tmp_path)

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # a mode would not stop root
    with pytest.raises(PermissionError, match=r"you may not read .*empty\.txt; change"):
        from_file(tmp_path / "empty.txt")


@pytest.mark.parametrize("block", [16, 2**20])
@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_bytes_that_are_not_utf8_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, tokenizer: str
) -> None:
    monkeypatch.setattr(files, "_BLOCK", block)
    path = tmp_path / "broken.txt"
    for bad, at, byte in (
        (b"\xe9", 0, "e9"),  # Latin-1
        (b"\xe9", 1500, "e9"),
        ("语".encode()[:2], 1503, "e8"),  # a character cut short
        ("语".encode()[:1], -1, "e8"),
        (b"\xff\xfe", 700, "ff"),
    ):
        text = b"plain words\n" * 200
        at = at if at >= 0 else len(text)
        path.write_bytes(text[:at] + bad + text[at:])
        with pytest.raises(
            ValueError, match=rf"broken\.txt is not UTF-8: byte 0x{byte} at offset {at} "
        ):
            from_file(path, tokenizer)


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
@pytest.mark.parametrize("text", [LINES, LINES.replace(" ", "").replace("\r\n", "")])
def test_a_large_file_gives_the_same_ids_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str, text: str
) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(text.encode())
    small = from_file(path, tokenizer, vocab_size=300)
    monkeypatch.setattr(corpora, "_LARGE", 1000)
    monkeypatch.setattr(files, "_BLOCK", 100)
    large = from_file(path, tokenizer, vocab_size=300)
    assert isinstance(large.train, np.memmap)
    assert isinstance(large.val, np.memmap)
    assert np.array_equal(large.train, small.train)
    assert np.array_equal(large.val, small.val)
    assert large.describe() == small.describe()
    for ours, theirs in zip(large.batch(1, 4, 16, 1), small.batch(1, 4, 16, 1), strict=True):
        assert torch.equal(ours, theirs)


def test_a_cache_is_used_while_the_file_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "_LARGE", 1000)
    path, cache = tmp_path / "large.txt", tmp_path / "cache" / "ids"
    path.write_text(LINES, encoding="utf-8")
    from_file(path, CharTokenizer.from_text(LINES), cache=cache)
    kept = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert len(kept) == 2
    again = from_file(path, CharTokenizer.from_text(LINES), cache=cache)
    assert {file: file.stat().st_mtime_ns for file in cache.iterdir()} == kept
    assert np.array_equal(again.train, from_text(LINES, "char").train)

    path.write_text("A" + LINES[1:], encoding="utf-8")
    changed = from_file(path, "char", cache=cache)
    assert changed.tokenizer.decode(changed.train[:5]) == "Aine "


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "_LARGE", 1000)
    path = tmp_path / "large.txt"
    path.write_text(LINES, encoding="utf-8")
    with pytest.raises(OSError, match=r"could not be written to .*another folder with cache="):
        from_file(path, "char", cache=path)


def test_half_written_ids_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "_LARGE", 1000)
    path = tmp_path / "large.txt"
    path.write_text(LINES, encoding="utf-8")
    with pytest.raises(ValueError, match="not among the 11 characters"):
        from_file(path, CHARS, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_temporary_folder_goes_with_the_program() -> None:
    code = "from gptlab.text.ids import temporary_folder as t; f = t(); (f / 'x').touch(); print(f)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    assert not Path(done.stdout.strip()).exists()


# Python's documentation


@pytest.fixture(scope="module")
def library() -> tuple[list[str], list[str]]:
    return documentation.documents()


def test_no_validation_document_is_in_training(library: tuple[list[str], list[str]]) -> None:
    train, val = library
    assert len(train) > 1000
    assert len(val) > 100
    assert len(set(train)) == len(train)
    assert not set(train) & set(val)


def test_no_validation_paragraph_is_in_training(library: tuple[list[str], list[str]]) -> None:
    train, val = library
    trained_on = "\n\n".join(train)
    paragraphs = [part for document in val for part in document.split("\n\n") if len(part) > 100]
    assert len(paragraphs) > 100
    for part in paragraphs:
        at = trained_on.find(part.strip())
        # The same words may stand inside a longer paragraph, but not as a paragraph.
        assert at < 0 or not (trained_on + "\n\n")[at + len(part.strip()) :].startswith("\n\n")


def test_about_a_tenth_is_for_validation(library: tuple[list[str], list[str]]) -> None:
    train, val = (sum(len(document.encode()) for document in part) for part in library)
    assert train + val > 1_500_000
    assert 0.05 < val / (train + val) < 0.15


def test_documents_are_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from gptlab.text import documentation;"
        "print(hashlib.sha256(repr(documentation.documents(max_bytes=20_000)).encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    small = documentation.documents(max_bytes=20_000)
    assert done.stdout.strip() == hashlib.sha256(repr(small).encode()).hexdigest()


@pytest.mark.parametrize("max_bytes", [5_000, 50_000, 300_000])
def test_a_small_corpus_has_both_parts(max_bytes: int) -> None:
    train, val = documentation.documents(max_bytes=max_bytes)
    size = sum(len(document.encode()) for document in train + val)
    assert 0.75 * max_bytes < size <= max_bytes
    assert train
    assert val


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
    assert "split by module; 400 kinds" in corpus.describe()


def test_python_docs_by_characters_hold_the_same_text() -> None:
    corpus, other = python_docs("char", max_bytes=20_000), python_docs(max_bytes=20_000)
    train, _ = documentation.documents(max_bytes=20_000)
    assert corpus.tokenizer.decode(corpus.train) == "".join(d + "\n\n" for d in train)
    assert (corpus.train_bytes, corpus.val_bytes) == (other.train_bytes, other.val_bytes)


def package(folder: Path, name: str, modules: dict[str, str]) -> str:
    for path, source in {"__init__.py": "", **modules}.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(source, encoding="utf-8")
    return name


def test_docstrings_are_read_and_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = (
        'r"""Module {0}."""\nraise SystemExit\n'
        'class C:\n    """Class {0}."""\n    if True:\n        def f(self):\n'
        '            """First line {0}.\n\n'
        '              indented\n            not\n            """\n'
        'def g():\n    "Shared by all."\n    "\\d"\n'
        'def h():\n    "half of a pair \\ud83d"\n'
        'text = """No docstring."""\n'
    )
    modules = {f"part{n}.py": source.format(n) for n in range(60)}
    modules |= {
        "broken.py": "def:",
        "tests/test_it.py": '"""A test."""',
        "no-name/x.py": '"""X."""',
    }
    name = package(tmp_path, "gptlab_fake_docs", modules)
    train, val = documentation.documents((name,))
    assert val
    everything = train + val
    for n in range(60):
        expected = {f"Module {n}.", f"Class {n}.", f"First line {n}.\n\n  indented\nnot"}
        together = [part for part in (train, val) if expected <= set(part)]
        assert len(together) == 1  # a module is wholly in one part
    assert val.count("Shared by all.") == 1
    assert "Shared by all." not in train
    assert len(everything) == 60 * 3 + 1
    assert name not in sys.modules


def test_a_paragraph_in_both_parts_is_left_out_of_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    shared = (
        "A paragraph that two modules hold word for word, and long enough to be no coincidence."
    )
    modules = {
        f"m{n}.py": f'"""Document {n}.\n\n{shared}"""\ndef f():\n    "Only {n}."' for n in range(60)
    }
    train, val = documentation.documents((package(tmp_path, "gptlab_fake_twins", modules),))
    assert all(shared in document or "Only" in document for document in val)
    assert any(shared in document for document in val)
    assert not any(shared in document for document in train)
    assert train


def test_packages_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("no_such_package", "os.path", "../x"):
        with pytest.raises(ValueError, match=f"no installed package '{name}'; install it"):
            python_docs(sources=(name,))
    with pytest.raises(ValueError, match="no installed package 'no_such_package'"):
        python_docs(sources="no_such_package")
    name = package(tmp_path, "gptlab_fake_single", {"a.py": '"""One document."""'})
    with pytest.raises(ValueError, match=r"for training and .* for validation; both need some"):
        documentation.documents((name,))
    with pytest.raises(ValueError, match="max_bytes 10 give"):
        documentation.documents(max_bytes=10)


def test_a_python_without_sources_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documentation._modules.cache_clear()
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "python311.zip"))
    try:
        with pytest.raises(FileNotFoundError, match=r"no Python source files .*corpora\.from_file"):
            python_docs()
    finally:
        documentation._modules.cache_clear()
