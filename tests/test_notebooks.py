"""What a committed notebook must be, whatever it says."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
_spec = importlib.util.spec_from_file_location("rerun", FOLDER.parent / "tools" / "rerun.py")
assert _spec is not None and _spec.loader is not None
rerun = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rerun)

CHAPTERS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_ready_to_commit(path: Path) -> None:
    assert rerun.problems(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_solutions_are_not_where_students_look(path: Path) -> None:
    """An exercise's stub has a docstring and an ellipsis, and no code beyond."""
    import ast

    stubs = 0
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or "exercise" not in cell.metadata.get("tags", []):
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef):
                stubs += 1
                body = [n for n in node.body if not isinstance(n, ast.Expr)]
                assert not body, f"{node.name} has code in its body"
    assert "solution" not in path.stem


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_has_all_the_parts_of_a_chapter(path: Path) -> None:
    text = "\n".join(
        c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"
    )
    parts = ("You will be able to", "Predict", "See it", "Build it", "Source check", "Try it")
    missing = [part for part in (*parts, "What we saw", "References") if part not in text]
    assert not missing


def test_problems_are_found() -> None:
    new = nbformat.v4
    cell = new.new_code_cell("\n".join(["x = 1"] * 20))
    cell.outputs = [
        new.new_output("stream", name="stderr", text="warning"),
        new.new_output("error", ename="E", evalue="v", traceback=[]),
        new.new_output("display_data", data={rerun.WIDGET: {}, "text/plain": "/home/me/x"}),
    ]
    book = new.new_notebook(cells=[cell], metadata={"widgets": {}})
    found = " ".join(rerun.problems(book))
    for word in ("metadata.widgets", "15 lines", "standard error", "failed", "widget view", "path"):
        assert word in found
    tidied = rerun.tidy(book)
    assert "widgets" not in tidied.metadata and rerun.WIDGET not in str(tidied)


def test_only_the_last_state_of_a_progress_bar_is_kept() -> None:
    cell = nbformat.v4.new_code_cell("1")
    pieces = ["a\r 0%", "\r 50%", "\r 100%\nend\n"]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in pieces]
    book = rerun.tidy(nbformat.v4.new_notebook(cells=[cell]))
    assert book.cells[0].outputs[0].text == " 100%\nend\n"
