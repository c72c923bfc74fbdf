"""The house: imports point one way, and the face shows what is there."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gptlab

ROOT = Path(gptlab.__file__).parent

#: The order of the story. A module may import those before it; a room stands for all in it, unless
#: a module of it is named by itself. In a room, anything may import anything as long as it is no
#: circle.
ORDER = [
    "data",
    "runtime.checks",
    "config",
    "papers",
    "costs",
    "attention",
    "runtime",
    "show",
    "text",
    "tokenizer",
    "corpora",
    "counting",
    "results",
    "tracing",
    "runtime.reading",
    "model",
    "freezing",
    "heads",
    "lens",
    "huggingface",
    "settings",
    "checkpoints",
    "objective",
    "training",
    "generation",
    "labelled",
    "finetuning",
    "prompting",
    "answering",
    "tasks",
    "compare",
    "experiments",
    "plots",
    "explorers",
    "exercises",
    "commands",
    "__main__",
]


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: path for name, path in found.items() if name}


MODULES = modules()


def place(module: str) -> int:
    if module in ORDER:
        return ORDER.index(module)
    return ORDER.index(module.partition(".")[0])


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of gptlab that are imported anywhere: late, or for a type alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [n if n.removeprefix("gptlab.") in MODULES else node.module for n in names]
        else:
            continue
        for name in names:
            if name.startswith("gptlab."):
                yield name.removeprefix("gptlab.")


def wrong_arrows(sources: dict[str, str]) -> list[str]:
    wrong = []
    for module, source in sources.items():
        for other in imports(ast.parse(source)):
            same_room = module.partition(".")[0] == other.partition(".")[0]
            if place(other) > place(module) or (place(other) == place(module) and not same_room):
                wrong.append(f"{module} → {other}")
    return wrong


def sources() -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}


def test_imports_point_only_to_the_left() -> None:
    assert wrong_arrows(sources()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("config", "from gptlab.model import GPT"),
        ("model", "    from gptlab import huggingface"),
        ("runtime.device", "import gptlab.training"),
        ("tokenizer", "if TYPE_CHECKING:\n    from gptlab.corpora import Corpus"),
        ("text.bpe", "from gptlab.plots import attention_map"),
    ],
)
def test_an_arrow_turned_round_is_seen(module: str, line: str) -> None:
    changed = sources()
    late = f"def f():\n{line}\n" if line.startswith(" ") else f"{line}\n"
    changed[module] = f"from typing import TYPE_CHECKING\n{late}" + changed[module].replace(
        "from __future__ import annotations", ""
    )
    assert len(wrong_arrows(changed)) == 1


def test_there_is_no_circle() -> None:
    arrows = {name: set(imports(ast.parse(source))) for name, source in sources().items()}
    done: set[str] = set()
    while free := {name for name in arrows if name not in done and arrows[name] <= done | {name}}:
        done |= free
    assert set(arrows) - done == set()


def test_every_module_has_its_place() -> None:
    for module in MODULES:
        assert place(module) >= 0
    assert {name for name in ORDER if "." not in name} == {n.partition(".")[0] for n in MODULES}


def test_the_face_shows_what_is_there() -> None:
    assert dir(gptlab) == sorted(gptlab.__all__)
    for name in gptlab.__all__:
        assert getattr(gptlab, name) is not None
    with pytest.raises(AttributeError, match=r"gptlab has no 'nothing'; it has GPT"):
        gptlab.nothing  # noqa: B018


def test_an_editor_sees_the_same_names_and_types() -> None:
    """What stands under TYPE_CHECKING is what is loaded when asked for."""
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(declared) | {"__version__"} == set(gptlab.__all__)
    for name, module in declared.items():
        value = getattr(gptlab, name)
        assert value is getattr(__import__(module, fromlist=[name]), name)


def test_a_name_is_never_two_things() -> None:
    """`gptlab.scale` was both a function and a module, whichever came first."""
    code = (
        "import gptlab, gptlab.training, gptlab.plots, types\n"
        "bad = [n for n in dir(gptlab) if isinstance(getattr(gptlab, n), types.ModuleType)]\n"
        "print(*bad)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {"attention", "compare", "experiments", "explorers", "heads", "huggingface", "plots"}
    rooms |= {"costs", "tasks"}
    assert set(done.stdout.split()) == rooms
