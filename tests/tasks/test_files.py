"""A user's own examples: what is wrong is named by its line, what is left out is counted."""

from pathlib import Path

import pytest

from gptlab.tasks import from_files


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8")
    return path


MANY = [(f"text {i}", "yes" if i % 3 else "no") for i in range(40)]


def test_one_file_is_split_into_three(tmp_path: Path) -> None:
    parts = from_files(table(tmp_path / "all.tsv", MANY), by_label=True)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (32, 4, 4)
    assert sorted(parts.train + parts.validation + parts.test) == sorted(MANY)
    assert parts == from_files(tmp_path / "all.tsv", by_label=True) and parts.left_out == ()


def test_what_is_tested_is_not_learned_from(tmp_path: Path) -> None:
    own = table(tmp_path / "train.tsv", [*MANY, ("text 3", "no"), ("empty", "")])
    parts = from_files(own, table(tmp_path / "test.tsv", MANY[:5]), by_label=True)
    assert set(parts.test) == set(MANY[:5])
    assert sorted(parts.train + parts.validation) == sorted(MANY[5:])
    said = "; ".join(parts.left_out)
    assert "1 rows of" in said and "empty cell, in lines 42" in said
    assert "come a second time" in said and "5 rows of" in said and "tested in" in said


@pytest.mark.parametrize(
    ("rows", "tested", "words"),
    [
        (MANY[:5], None, "has 5 rows to learn from; give at least 10"),
        ([*MANY, ("text 1", "no")], None, "line 41: the text is that of line 2, .* 'yes' and not"),
        ([(text, "yes") for text, _ in MANY], None, "one label only, 'yes'"),
        (MANY, [("new", "maybe")], "line 1: the label 'maybe' is not among .*: no, yes"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    tmp_path: Path, rows: list[tuple[str, str]], tested: list[tuple[str, str]] | None, words: str
) -> None:
    other = table(tmp_path / "test.tsv", tested) if tested else None
    with pytest.raises(ValueError, match=words):
        from_files(table(tmp_path / "train.tsv", rows), other, by_label=True)


def test_a_rare_label_stays_where_it_is_learned(tmp_path: Path) -> None:
    rows = [*MANY, ("the only one", "rare")]
    for _ in range(3):
        parts = from_files(table(tmp_path / "all.tsv", rows), by_label=True)
        assert ("the only one", "rare") in parts.train
    texts = from_files(tmp_path / "all.tsv")
    assert len(texts.validation) == len(texts.test) == 4
