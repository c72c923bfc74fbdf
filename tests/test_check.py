"""`python -m gptlab check`: what is missing is named, with the way out."""

import importlib.metadata
import shutil
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

import gptlab.checkpoints
from gptlab.__main__ import main
from gptlab.checkpoints import CheckpointError
from gptlab.commands import check


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_speed", lambda: check.Finding("speed", True, "fast"))


def test_here_all_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert last == "all is here" and all(line.startswith("good: ") for line in lines)
    assert len(lines) == len(check.table().rows) == 7


def test_a_package_that_is_missing_or_another_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["numpy==2.4.6", "torch==0.1", "nowhere==1.0", 'pytest==0.1; extra == "test"']
    monkeypatch.setattr(check, "requires", lambda name: asked)
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    here = importlib.metadata.version("torch").partition("+")[0]
    assert f"MISSING: packages: torch is {here} and not 0.1; nowhere is not installed: " in out
    assert "make setup" in out and "pytest" not in out and out.endswith("1 missing\n")


def test_too_little_memory_or_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=3e8))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1e9, 1e9, 1e6))
    said = {one.what: one for one in check.findings() if not one.good}
    assert said["memory"].said.startswith("0.3 GB free, 2 are needed")
    assert said["disk"].said.startswith("0.0 GB free, 0.5 are needed")


def test_a_model_that_was_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(name: str) -> Any:
        raise CheckpointError("model.safetensors is not what was saved.")

    monkeypatch.setattr(gptlab.checkpoints, "load_bundled", damaged)
    said = [one for one in check.findings() if not one.good]
    assert len(said) == 2 and all("git checkout gptlab/data" in one.said for one in said)


def test_the_speed_is_that_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = check._speed()
    assert found.good and "tokens a second" in found.said
