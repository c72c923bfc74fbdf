"""Run the chapters from a fresh kernel and save them as they should be committed.

`python tools/rerun.py [NOTEBOOK …]` runs at GPTLAB_SCALE (laptop, if it is not set) and saves;
`--check` runs nothing and says what a committed notebook must not keep.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from traitlets.config import Config

from gptlab.runtime.atomic import write_whole

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
LONGEST_CELL = 15  # lines; longer code belongs in the package, unless writing it out is the lesson
MACHINE_PATH = re.compile(r"(?:/home|/root|/Users|/tmp|/work|/mnt)/\w|[A-Z]:\\\\Users")


def run(path: Path) -> NotebookNode:
    """Run a notebook from top to bottom in its own folder and return it, tidied."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(
        book,
        timeout=1200,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),  # or it warns
    ).execute()
    return tidy(book)


def tidy(book: NotebookNode) -> NotebookNode:
    """Drop what differs from run to run or what GitHub refuses: widget state, times, versions."""
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number:03d}"
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}
        if cell.cell_type != "code":
            continue
        cell.outputs = merge_streams(cell.outputs)
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET, None)
            if output.get("name") == "stdout":
                # Of a progress bar only the last state is worth keeping.
                lines = output.text.split("\n")
                output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
        cell.outputs = [o for o in cell.outputs if "data" not in o or o.data]
    return book


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join what a cell printed in many pieces, as JupyterLab shows it."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if (
            merged
            and output.output_type == "stream"
            and output.get("name") == merged[-1].get("name")
        ):
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def problems(book: NotebookNode) -> list[str]:
    """Say what keeps a notebook from being committed; empty if nothing does."""
    found = []
    if "widgets" in book.metadata:
        found.append("it keeps metadata.widgets, which GitHub refuses")
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    if not any(cell.outputs for cell in code):
        found.append("no cell has an output: run it first")
    for number, cell in enumerate(book.cells):
        where = f"cell {number}"
        if MACHINE_PATH.search(cell.source):
            found.append(f"{where} names a path of some machine")
        if cell.cell_type != "code":
            continue
        if cell.source.count("\n") >= LONGEST_CELL and "long-ok" not in cell.metadata.get(
            "tags", []
        ):
            found.append(f"{where} has more than {LONGEST_CELL} lines and is not tagged long-ok")
        for output in cell.outputs:
            kind = output.output_type
            if kind == "error":
                found.append(f"{where} failed: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"{where} wrote to standard error: {output.text[:200]!r}")
            if WIDGET in output.get("data", {}):
                found.append(f"{where} keeps a widget view, which no reader can see")
            texts = [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
            if any(MACHINE_PATH.search(text) for text in texts):
                found.append(f"{where} shows a path of some machine")
    return found


def main() -> int:
    """Run or check the notebooks named, by default all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="by default all chapters")
    parser.add_argument("--check", action="store_true", help="run nothing, only check")
    options = parser.parse_args()
    os.environ.setdefault("GPTLAB_SCALE", "laptop")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as `make lab` runs them
    failed = False
    for path in options.notebooks or sorted(FOLDER.glob("[0-9]*.ipynb")):
        began = time.perf_counter()
        try:
            book = nbformat.read(path, as_version=4) if options.check else run(path)
        except CellExecutionError as error:
            print(f"{path.name}: not saved, a cell failed:\n{error}", file=sys.stderr)
            failed = True
            continue
        found = problems(book)
        for problem in found:
            print(f"{path.name}: {problem}", file=sys.stderr)
        failed = failed or bool(found)
        if not options.check and not found:
            write_whole(path, nbformat.writes(book) + "\n")
            seconds = time.perf_counter() - began
            print(f"{path.name}: {seconds:.0f} s at scale {os.environ['GPTLAB_SCALE']}, saved")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
