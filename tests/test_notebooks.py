"""What a committed notebook must be, whatever it says."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
_spec = importlib.util.spec_from_file_location("rerun", FOLDER.parent / "tools" / "rerun.py")
assert _spec is not None and _spec.loader is not None
rerun = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rerun)

CHAPTERS = sorted(FOLDER.glob("[0-9]*.ipynb"))
GLOSSARY = FOLDER / "glossary.ipynb"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_ready_to_commit(path: Path) -> None:
    assert rerun.problems(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_solutions_are_not_where_students_look(path: Path) -> None:
    """An exercise's stub has a docstring and an ellipsis, and no code beyond."""
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


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_its_words_stand_in_the_glossary(path: Path) -> None:
    (table,) = nbformat.read(GLOSSARY, as_version=4).cells
    known = set(re.findall(r"^\| \*\*(.+?)\*\* \|", table.source, re.MULTILINE))
    text = nbformat.read(path, as_version=4).cells[0].source
    (line,) = re.findall(r"^\*\*Words\*\*.*?: \*(.+)\.\*$", text, re.MULTILINE)
    missing = set(line.split(", ")) - known - {word.partition(" (")[0] for word in known}
    assert not missing


#: The sections of the article, by number and by the name that they have there.
SECTIONS = """
1.1 自然语言处理的挑战
1.2 GPT系列模型的诞生
1.3 GPT系列模型的演进
2.1 Transformer模型
2.2 预训练与微调
2.3 GPT系列模型的联系与区别
3.1 Transformer模型
3.2 GPT-1模型
3.3 GPT-2模型
3.4 GPT-3模型
4.1 GPT-2模型的预训练
4.2 GPT-2模型的微调
5 实际应用场景
6 工具和资源推荐
7 总结：未来发展趋势与挑战
8.1 GPT系列模型的优点是什么？
8.2 GPT系列模型的缺点是什么？
8.3 如何使用GPT系列模型？
8.4 GPT系列模型的未来发展趋势是什么？
""".strip().splitlines()


def headings() -> list[str]:
    cells = (c for p in CHAPTERS for c in nbformat.read(p, as_version=4).cells)
    lines = (line for c in cells if c.cell_type == "markdown" for line in c.source.splitlines())
    return [line.lstrip("# ") for line in lines if line.startswith("#")]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_the_article_is_a_heading(section: str) -> None:
    number, _, name = section.partition(" ")
    found = [one for one in headings() if re.match(rf"{re.escape(number)}(?!\d)", one)]
    assert any(name in one for one in found), f"no heading has {section}; there is {found}"


def test_each_chapter_leads_to_the_next() -> None:
    """Its first cell links to the one before and to the one after, as the files are ordered."""
    firsts = [nbformat.read(path, as_version=4).cells[0].source for path in CHAPTERS]
    for i, first in enumerate(firsts):
        for other in CHAPTERS[max(0, i - 1) : i] + CHAPTERS[i + 1 : i + 2]:
            assert f"]({other.name})" in first, f"{CHAPTERS[i].name} does not link to {other.name}"


def bindings(code: str) -> Iterator[tuple[str, str]]:
    """Yield the names a cell binds for the cells after it, and how: "loop", an import, or "new"."""
    todo: list[ast.AST] = list(ast.parse(code).body)
    while todo:
        match node := todo.pop(0):
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, "new"
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                pass  # what these bind ends with them
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for one in names:
                    source = getattr(node, "module", "")
                    bound = one.asname or one.name.partition(".")[0]
                    yield bound, f"import {source} {one.name}"
            case ast.For(target=target):
                loop = [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
                yield from ((name, "loop") for name in loop)
                todo += [node.iter, *node.body, *node.orelse]
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, "new"
            case _:
                todo += ast.iter_child_nodes(node)


def bound_twice(book: NotebookNode) -> list[str]:
    """Say which names mean different things in different cells.

    Run out of order, a cell would find the other one. The same import may stand twice, and one
    loop's variable be another's, but not what another cell keeps under that name.
    """
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for number, cell in enumerate(book.cells):
        if cell.cell_type == "code":
            for name, how in bindings(cell.source):
                found[name][number].add(how)
    twice = []
    for name, cells in found.items():
        ways = set().union(*cells.values())
        if name != "_" and len(cells) > 1 and ("new" in ways or len(ways) > 1):
            twice.append(f"{name} is bound in cells {', '.join(map(str, cells))}")
    return twice


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_name_means_one_thing(path: Path) -> None:
    twice = bound_twice(nbformat.read(path, as_version=4))
    assert not twice, "; ".join(twice)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["x = 1", "x = 2"], ["x"]),
        (["x = 1\nx = 2", "y = [x for x in range(3)]"], []),
        (["a, (b, *c) = f()", "def b(): a = 1", "class c: a = 1"], ["b", "c"]),
        (["import a.b", "import a.b", "from c import a"], ["a"]),
        (["from m import a", "from m import a", "from m import a as b"], []),
        (["for i in x: y = i", "for i in x: pass"], []),
        (["for i, j in x: y = i", "j = 1", "y = 2"], ["y", "j"]),
        (["x = 1", "x += 1"], ["x"]),
        (["with f() as x: z = 1", "if (x := 1): z = 2"], ["x", "z"]),
        (["for _ in x: pass", "_ = 1"], []),
        (["d = {}", "d['a'] = 1; d.b = 2"], []),
    ],
)
def test_names_bound_twice_are_found(cells: list[str], names: list[str]) -> None:
    new = nbformat.v4
    book = new.new_notebook(cells=[new.new_code_cell(cell) for cell in cells])
    assert sorted(said.partition(" ")[0] for said in bound_twice(book)) == sorted(names)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_imports_at_most_five_names_of_the_package(path: Path) -> None:
    names = set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            names |= {
                name
                for name, how in bindings(cell.source)
                if how.startswith("import") and "gptlab" in how
            }
    assert 1 <= len(names) <= 5, names


RUN_WITHOUT_WRITING = """
import sys
from pathlib import Path
import nbformat
from nbclient import NotebookClient

for folder in (Path.cwd(), Path.home()):
    try:
        (folder / "new").touch()
    except PermissionError:
        continue
    sys.exit(f"{folder} can be written, so this run shows nothing")
NotebookClient(nbformat.read(sys.argv[1], 4), timeout=300, kernel_name="python3").execute()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_chapter_needs_to_write_neither_beside_itself_nor_at_home(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN_WITHOUT_WRITING, "chapter.ipynb"]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root writes anywhere, and without setpriv it cannot give that up")
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *command]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    folders = tmp_path / "book", tmp_path / "home"
    for folder in folders:
        folder.mkdir()
    shutil.copy(FOLDER / "03_2_gpt1.ipynb", folders[0] / "chapter.ipynb")
    for folder in folders:
        folder.chmod(0o555)
    try:
        done = subprocess.run(
            command,
            cwd=folders[0],
            env=kept | {"HOME": str(folders[1]), "PYTHONPATH": str(FOLDER.parent)},
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert [path.name for folder in folders for path in folder.iterdir()] == ["chapter.ipynb"]


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
