"""Two columns of a file: what is read, what is left out, and what is refused, with its line."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptlab.text.columns import read_columns


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def to(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to


ROWS = (("a fine film", "good"), ("dull, and long", "bad"))
FILES = {
    "a.csv": 'a fine film,good\n"dull, and long",bad\n',
    "head.csv": 'text,label\na fine film,good\n"dull, and long",bad\n',
    "a.tsv": "a fine film\tgood\ndull, and long\tbad\n",
    "bare": "a fine film\tgood\r\n\r\ndull, and long\tbad",
    "a.jsonl": '{"review": "a fine film", "stars": "good"}\n\n'
    '{"stars": "bad", "review": "dull, and long"}\n',
    "plain": '{"text": "a fine film", "label": "good", "id": 7}\n'
    '{"text": "dull, and long", "label": "bad", "id": null}',
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_rows(write, name: str) -> None:  # type: ignore[no-untyped-def]
    assert read_columns(write(name, FILES[name])).rows == ROWS


def test_columns_are_found_by_name_wherever_they_stand(write) -> None:  # type: ignore[no-untyped-def]
    path = write("a.csv", "id,stars, review \n1,good,a fine film\n2,bad,dull\n")
    found = read_columns(path, ("review", "stars"))
    assert found.rows == (("a fine film", "good"), ("dull", "bad")) and found.lines == (2, 3)
    assert found.names == ("review", "stars")
    with pytest.raises(ValueError, match=r"no column 'label'; its first row names id, stars, rev"):
        read_columns(path, ("review", "label"))


def test_quoted_line_ends_belong_to_the_text(write) -> None:  # type: ignore[no-untyped-def]
    found = read_columns(write("a.csv", '"two\nlines",x\nnext,y\n"a ""b"" c",z\n'))
    assert found.rows == (("two\nlines", "x"), ("next", "y"), ('a "b" c', "z"))
    assert found.lines == (1, 3, 4)


def test_a_quote_in_a_tab_separated_file_is_a_character(write) -> None:  # type: ignore[no-untyped-def]
    found = read_columns(write("a.tsv", '"so it goes\tx\n12" long\ty\n'))
    assert found.rows == (('"so it goes', "x"), ('12" long', "y"))


def test_quotes_around_the_first_of_tab_separated_cells(write) -> None:  # type: ignore[no-untyped-def]
    content = 'text\tlabel\n"say ""hello"" to me"\tpos\n"a tab\there"\tneg\nplain\tpos\n'
    found = read_columns(write("a.tsv", content))
    assert found.rows == (('say "hello" to me', "pos"), ("a tab\there", "neg"), ("plain", "pos"))
    inside = read_columns(write("b.tsv", 'good\t"Great" film\nbad\tno\n'))
    assert inside.rows == (("good", '"Great" film'), ("bad", "no"))


def test_rows_with_nothing_in_them_are_left_out_and_told(write) -> None:  # type: ignore[no-untyped-def]
    found = read_columns(write("a.csv", "a,x\n,y\nb, \n\nc,z\n"))
    assert found.rows == (("a", "x"), ("c", "z")) and found.left_out == (2, 3)
    with pytest.raises(ValueError, match="no row in which both"):
        read_columns(write("b.csv", ",x\n"))


def test_values_of_json_are_written_as_text(write) -> None:  # type: ignore[no-untyped-def]
    path = write("a.jsonl", '{"t": "a", "l": 1}\n{"t": "b", "l": true}\n{"t": "c", "l": null}\n')
    found = read_columns(path)
    assert found.rows == (("a", "1"), ("b", "true")) and found.left_out == (3,)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.csv", "a,x\nb\n", "a.csv, line 2: there are 1 columns where 2"),
        ("a.csv", 'a,x\n"b,y\nc,z\n', "a.csv, line 2: .*quote opened"),
        ("a.csv", b"a,x\ncaf\xe9,y\n", "byte 0xe9 in line 2, column 4"),
        ("a.csv", b"\x1f\x8b\x08\x00", "compressed by gzip"),
        ("a.csv", "", "no row in which both|a.csv is empty"),
        ("a.jsonl", '{"t": "a", "l": "x"}\n{"t": "b"}\n', "line 2: there is no 'l'; it has t"),
        ("a.jsonl", '{"t": "a", "l": "x"}\n[1]\n', "line 2 holds list; each line must be"),
        ("a.jsonl", '{"t": "a", "l": "x"\n', "line 1 is not JSON"),
        ("a.jsonl", '{"t": "a"}\n', "line 1: it has one value"),
        ("a.jsonl", '{"t": ["a"], "l": "x"}\n', "line 1: 't' holds a list"),
        ("a.jsonl", '{"t": "\\ud800", "l": "x"}\n', r"line 1: the text holds U\+D800"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(  # type: ignore[no-untyped-def]
    write, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_columns(write(name, content))


def test_two_different_columns_are_asked_for(write) -> None:  # type: ignore[no-untyped-def]
    for wrong in (("a",), ("a", "a"), ("a", "b", "c")):
        with pytest.raises(ValueError, match="two different columns"):
            read_columns(write("a.csv", "a,b\n1,2\n"), wrong)


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5))
def test_what_was_written_is_read(write, rows: list[tuple[str, str]]) -> None:  # type: ignore[no-untyped-def]
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("first", "second"), *rows])
    kept = tuple((a.strip(), b.strip()) for a, b in rows)
    names = ("first", "second")
    assert read_columns(write("a.csv", table.getvalue()), names).rows == kept
    lines = "\n".join(json.dumps({"first": a, "second": b}) for a, b in rows)
    assert read_columns(write("a.jsonl", lines), names).rows == kept
