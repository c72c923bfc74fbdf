"""Documentation in two parts that never meet."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from gptlab.text import documentation


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
            documentation.documents((name,))
    name = package(tmp_path, "gptlab_fake_single", {"a.py": '"""One document."""'})
    with pytest.raises(ValueError, match=r"for training and .* for validation; both need some"):
        documentation.documents((name,))
    with pytest.raises(ValueError, match="max_bytes 10 give"):
        documentation.documents(max_bytes=10)


def test_a_python_without_sources_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "python311.zip"))
    with pytest.raises(FileNotFoundError, match=r"no Python source files .*corpora\.from_file"):
        documentation.documents()
