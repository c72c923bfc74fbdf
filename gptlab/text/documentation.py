"""The documentation that Python and its packages carry, read from their source files.

Nothing is imported: the files are parsed, so no module runs, warns or takes its time to load.
Modules are the unit of the split. The text a model is tested on comes from modules that it has not
read, and training leaves out each document that shares so much as a paragraph with that text.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import importlib.util
import os
import sysconfig
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gptlab.text.utf8 import lone_surrogate

#: Copies, tests and tables; their docstrings are near-copies of one another.
_SKIPPED = {"__pycache__", "encodings", "idlelib", "lib2to3", "test", "tests", "turtledemo"}
#: Python's language reference: one long text whose parts repeat each other, so it is kept whole.
_REFERENCE = "pydoc_data.topics"
#: One module in so many is for validation.
_EVERY = 10
#: A paragraph of so many characters is no coincidence.
_PARAGRAPH = 80


class Module(NamedTuple):
    """A source file: its dotted name, where it lies, and a number drawn from the name."""

    name: str
    path: Path
    number: int

    @property
    def is_validation(self) -> bool:
        """Whether its documents are kept for validation, on every machine alike."""
        return self.number % _EVERY == 0 and self.name != _REFERENCE


def documents(
    sources: tuple[str, ...] = ("python",), max_bytes: int | None = None
) -> tuple[list[str], list[str]]:
    """Collect docstrings and Python's language reference, split by module.

    Reading the whole standard library takes a few seconds, and later calls next to none.

    Args:
        sources: "python" for the standard library, else names of installed packages.
        max_bytes: stop at about so much text, a tenth of it for validation.

    Returns:
        Training documents and validation documents, each once.

    Raises:
        FileNotFoundError: if Python came without its library's source files.
        ValueError: if a package is not installed, or there is too little for two splits.
    """
    modules = [module for source in sources for module in _modules(source)]
    room = {False: float("inf"), True: float("inf")}
    if max_bytes is not None:
        room = {False: max_bytes - max_bytes / _EVERY, True: max_bytes / _EVERY}
    enough = {part: size / 20 for part, size in room.items()}

    found: dict[bool, list[tuple[str, str]]] = {False: [], True: []}  # (module, document)
    for module in sorted(modules, key=lambda module: (module.number, module.name)):
        part = module.is_validation
        if max_bytes is not None and room[part] < enough[part]:
            continue
        for document in _documents(module.name, module.path):
            size = len(document.encode())
            if size <= room[part]:
                room[part] -= size
                found[part].append((module.name, document))

    train, val = (
        list(dict.fromkeys(document for _, document in sorted(found[part], key=lambda d: d[0])))
        for part in (False, True)
    )
    unseen = set(val) | _paragraphs(val)
    train = [d for d in train if d not in unseen and not _paragraphs([d]) & unseen]
    if not train or not val:
        limit = "" if max_bytes is None else f" and max_bytes {max_bytes}"
        raise ValueError(
            f"sources {sources}{limit} give {len(train)} documents for training and {len(val)} "
            f"for validation; both need some. Use more sources or a larger max_bytes."
        )
    return train, val


def _paragraphs(texts: list[str]) -> set[str]:
    """Return the paragraphs long enough to tell that one text was taken from another."""
    parts = (part.strip() for text in texts for part in text.split("\n\n"))
    return {part for part in parts if len(part) >= _PARAGRAPH}


def _modules(source: str) -> list[Module]:
    """List the source files of the standard library or of a package, in order of their names."""
    if source == "python":
        root, prefix = Path(sysconfig.get_path("stdlib")), ""
    else:
        spec = importlib.util.find_spec(source) if source.isidentifier() else None
        if spec is None or not spec.submodule_search_locations:
            raise ValueError(
                f"there is no installed package {source!r}; install it, or leave it out of sources."
            )
        root, prefix = Path(spec.submodule_search_locations[0]), source + "."
    modules = _modules_in(root, prefix)
    if not modules:
        raise FileNotFoundError(
            f"there are no Python source files of {source!r} in {root}: some Pythons come without "
            f"them. Use a Python from python.org, conda or your system's packages, or a text of "
            f"your own with corpora.from_file."
        )
    return modules


@cache
def _modules_in(root: Path, prefix: str) -> list[Module]:
    """List the source files below a folder; the prefix stands before their names."""
    modules = []
    for path in _source_files(root):
        name = prefix + ".".join(path.relative_to(root).with_suffix("").parts)
        digest = hashlib.sha256(name.encode()).digest()
        modules.append(Module(name, path, int.from_bytes(digest[:8], "big")))
    return modules


def _source_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        # A folder whose name is no identifier, such as site-packages, is no part of the package.
        folders[:] = sorted(
            name for name in folders if name.isidentifier() and name not in _SKIPPED
        )
        for file in sorted(files):
            path = Path(folder, file)
            if file.endswith(".py") and path.is_file():
                yield path


@cache
def _documents(name: str, path: Path) -> list[str]:
    """Return the docstrings in a source file from top to bottom, or the reference's texts."""
    # Trees hold no cycles; with a large library loaded, looking for some doubles the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings(action="ignore"):  # on the style of other people's strings
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # written for another Python
        return []
    finally:
        if collecting:
            gc.enable()
    if name == _REFERENCE:
        tables = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
        values = [v.value for t in tables for v in t.values if isinstance(v, ast.Constant)]
        texts = [value for value in values if isinstance(value, str)]
    else:
        texts = list(_docstrings(tree))
    return [text.strip() for text in texts if text.strip() and lone_surrogate(text) is None]


def _docstrings(node: ast.AST) -> Iterator[str]:
    """Yield the docstrings of a module, class or function and of those inside it."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
        text := ast.get_docstring(node)
    ):
        yield text
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler):
            yield from _docstrings(child)
