"""One version of everything: pyproject, constraints, environment.yml, installed: all agree."""

import os
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import yaml
from jupyter_client.manager import KernelManager
from packaging.specifiers import SpecifierSet
from traitlets.config import Config

import gptlab

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LAB_CONFIG = ROOT / "tools" / "jupyter" / "jupyter_lab_config.py"
ASKED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        line = line.partition("#")[0].partition(";")[0].strip()
        if line:
            name, equals, number = line.partition("==")
            assert equals, f"{line} is not pinned with =="
            found[plain(name.partition("[")[0])] = number.strip()
    return found


CONSTRAINTS = pins((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())


def test_what_is_asked_for_stands_in_the_constraints() -> None:
    for name, number in pins(ASKED).items():
        assert CONSTRAINTS.get(name) == number, f"{name} differs from constraints.txt"


def test_environment_yml_is_in_step() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert pip[:2] == ["-c constraints.txt", "-e .[test]"]
    assert pins(pip[2:]) == pins(ASKED)


@pytest.mark.parametrize("own", [None, "77"])
def test_notebooks_at_work_side_by_side_leave_each_other_the_processor(
    monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    """`make lab` and conda give notebooks the same setting, unless the reader has one."""
    monkeypatch.setenv("GOMP_SPINCOUNT", own or "")
    if own is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    runpy.run_path(str(LAB_CONFIG), {"get_config": MagicMock})
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    expected = own or str(environment["variables"]["GOMP_SPINCOUNT"])
    assert os.environ["GOMP_SPINCOUNT"] == expected


def test_what_a_kernel_says_cannot_be_overheard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a folder, too, whose name is longer than a socket's may be."""
    monkeypatch.setenv("GOMP_SPINCOUNT", "1")
    config = Config()
    runpy.run_path(str(LAB_CONFIG), {"get_config": lambda: config})
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    manager = KernelManager(config=config, connection_file=str(folder / "kernel.json"))
    with (tmp_path / "log").open("w+") as log:
        manager.start_kernel(stderr=log)
        client = manager.blocking_client()
        try:
            client.start_channels()
            client.wait_for_ready(timeout=60)
            reply = client.execute_interactive("1 + 1", output_hook=lambda said: None, timeout=60)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        log.seek(0)
        warnings = log.read()
    assert reply["content"]["status"] == "ok"
    assert manager.curve_publickey and "without encryption" not in warnings


def test_what_is_installed_is_what_is_pinned() -> None:
    """Packages for other systems are pinned too and need not be here."""
    wrong = {}
    for name, number in CONSTRAINTS.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if installed.partition("+")[0] != number:
            wrong[name] = (number, installed)
    assert not wrong, f"pinned, installed: {wrong}"
    assert all(version(name) for name in pins(ASKED))


def test_what_is_pinned_runs_on_the_oldest_python_that_is_asked_for() -> None:
    """Debian 12 has Python 3.11.2: a package that wants 3.11.5 stopped the set-up there."""
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    wrong = {}
    for package in distributions():
        asks = package.metadata["Requires-Python"] or ""
        if plain(package.name) in CONSTRAINTS and not SpecifierSet(asks).contains(oldest):
            wrong[package.name] = asks
    assert not wrong, f"with Python {oldest} these cannot be installed: {wrong}"


def test_one_version_number() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["version"] == gptlab.__version__ == citation["version"]


def test_importing_gptlab_is_light() -> None:
    heavy = ["torch", "matplotlib", "ipywidgets", "transformers", "bertviz", "IPython"]
    code = f"import sys, gptlab; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
