"""`python -m gptlab check`: is all here that the chapters need, and how fast is this machine?"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from gptlab.commands.options import DONE, FAILED, Commands
from gptlab.show.table import Table

_SETUP = "run `make setup` once more, with a network"
#: What the chapters need at `laptop`, with JupyterLab and a browser beside them.
_MEMORY, _DISK = 2e9, 5e8


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        good: whether the chapters run with it as it is.
        said: how it is; where it is not good, what to do.
    """

    what: str
    good: bool
    said: str


def add(commands: Commands) -> None:
    """Add the command; it has no options."""
    commands.add_parser(
        "check",
        help="is all here that the chapters need?",
        description="Look at packages, data, memory and speed, in about half a minute. Exit code "
        "0 if the chapters can run, 1 if something is missing.",
    )


def run(options: dict[str, Any]) -> int:
    """Print what was found."""
    missing = 0
    for one in findings():
        print(f"{'good' if one.good else 'MISSING'}: {one.what}: {one.said}", flush=True)
        missing += not one.good
    print(f"{missing} missing" if missing else "all is here")
    return FAILED if missing else DONE


def table() -> Table:
    """Look at everything and return what was found, a row each."""
    rows = [[one.what, "good" if one.good else "MISSING", one.said] for one in findings()]
    return Table(["what", "state", "how it is, or what to do"], rows)


def findings() -> Iterator[Finding]:
    """Look at everything; the quick things first."""
    yield _python()
    yield _packages()
    yield _memory()
    yield _disk(Path.cwd())
    for name in ("model", "in-context"):
        yield _model(name)
    yield _speed()


def _python() -> Finding:
    enough = sys.version_info >= (3, 11)
    said = f"Python {platform.python_version()} on {platform.system()}"
    return Finding("Python", enough, said if enough else f"{said}; 3.11 is the oldest that will do")


def _packages() -> Finding:
    """Compare what is installed with what is asked for; outputs are those of exact versions."""
    wrong, right = [], 0
    for asked in requires("gptlab") or []:
        wanted, _, condition = asked.partition(";")
        if "extra" in condition:
            continue
        name, _, number = wanted.strip().partition("==")
        try:
            here = version(name).partition("+")[0]
        except PackageNotFoundError:
            wrong.append(f"{name} is not installed")
            continue
        if here != number:
            wrong.append(f"{name} is {here} and not {number}")
        right += here == number
    if wrong:
        return Finding("packages", False, f"{'; '.join(wrong)}: {_SETUP}")
    return Finding("packages", True, f"all {right} in the versions that are asked for")


def _memory() -> Finding:
    import psutil

    free = psutil.virtual_memory().available
    said = f"{free / 1e9:.1f} GB free"
    if free < _MEMORY:
        return Finding("memory", False, f"{said}, {_MEMORY / 1e9:.0f} are needed: close something")
    return Finding("memory", True, said)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB free"
    if free < _DISK:
        return Finding("disk", False, f"{said}, {_DISK / 1e9:.1f} are needed for checkpoints")
    return Finding("disk", True, said)


def _model(name: str) -> Finding:
    from gptlab.checkpoints import CheckpointError, load_bundled

    what = "the model that comes along" if name == "model" else f"model “{name}”"
    try:
        model, _ = load_bundled(name)
    except (CheckpointError, OSError) as error:
        return Finding(what, False, f"{error} Fetch it again: git checkout gptlab/data")
    return Finding(what, True, f"{model.num_parameters():,} parameters, checksum right")


def _speed() -> Finding:
    """Train for some seconds what chapter 3.4 compares, and say how fast that is."""
    from gptlab.config import preset
    from gptlab.corpora import python_docs
    from gptlab.model import GPT
    from gptlab.settings import TrainSettings
    from gptlab.training import train

    corpus = python_docs("char")
    model = GPT(preset("gpt2-tiny", vocab_size=corpus.tokenizer.vocab_size))
    settings = TrainSettings(10, batch_size=32, warmup=1, eval_every=10, eval_tokens=1_000)
    history = train(model, corpus, settings, progress=False)
    said = f"{history.tokens_per_second:,.0f} tokens a second in training a tiny GPT-2"
    return Finding("speed", True, f"{said}; {history.hardware}")
