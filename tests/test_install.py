"""Each way in which `make setup` can fail ends in one line that says what to do."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_spec = importlib.util.spec_from_file_location("install", ROOT / "tools" / "install.py")
assert _spec is not None and _spec.loader is not None
install = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(install)

posix = pytest.mark.skipif(os.name == "nt", reason="make setup runs under a POSIX shell")


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        ("ERROR: [Errno 28] No space left on device", "the disk is full"),
        ("WARNING: Retrying (Retry(total=0, connect=None)) after connection", "no connection"),
        ("Temporary failure in name resolution", "no connection"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no torch==2.13.0 for Python"),
        ("Error: Command '[..., '-m', 'ensurepip']' returned non-zero", "venv"),
        ("collecting\nERROR: something new\n", "something new"),
    ],
)
def test_what_pip_said_becomes_one_line(said: str, tells: str) -> None:
    line = install.explain(said.splitlines())
    assert tells in line and "\n" not in line


def test_a_retry_that_went_well_is_no_missing_network() -> None:
    said = ["WARNING: Retrying (Retry(total=3)) after NewConnectionError", "ERROR: other"]
    assert "no connection" not in install.explain(said)


def test_too_little_space_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(install.shutil, "disk_usage", lambda path: usage(10**12, 0, 10**8))
    with pytest.raises(install.SetupError, match=r"0\.1 GB are free .* needed: free"):
        install.check_space()


def copy_of_the_project(folder: Path) -> Path:
    """The files that `make setup` needs, with no environment yet."""
    for name in ("tools", "gptlab"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("data"))
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def setup(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return subprocess.run(
        ["sh", "tools/setup.sh"],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@posix
@pytest.mark.parametrize(
    ("script", "tells"),
    [
        ("", "does not run"),
        ('case "$2" in *%d.%d.%d*) echo 3.9.1;; *) exit 1;; esac', "is 3.9.1"),
    ],
    ids=["missing", "too old"],
)
def test_a_python_that_will_not_do_is_named(tmp_path: Path, script: str, tells: str) -> None:
    copy_of_the_project(tmp_path)
    python = tmp_path / "python-under-test"
    if script:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    result = setup(tmp_path, PYTHON=str(python))
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert "3.11 or newer" in line and tells in line and "make setup PYTHON=" in line


@posix
@pytest.mark.slow
def test_no_network_is_said_in_one_line_and_nothing_is_called_done(tmp_path: Path) -> None:
    copy_of_the_project(tmp_path)
    nowhere = {name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "https_proxy")}
    index = {"PIP_INDEX_URL": "https://pypi.org/simple", "PIP_CONFIG_FILE": os.devnull}
    quick = {"PIP_RETRIES": "1", "PIP_NO_CACHE_DIR": "1"}
    result = setup(tmp_path, PYTHON=sys.executable, no_proxy="", **nowhere, **index, **quick)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("Setup stopped: no connection to the Python package index")
    assert not (tmp_path / ".venv" / "gptlab-installed").exists()


BACKEND = """
import zipfile

FILES = {
    "tiny.py": "",
    "tiny-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1",
    "tiny-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any",
    "tiny-1.dist-info/RECORD": "",
}

def build_editable(folder, *_):
    with zipfile.ZipFile(f"{folder}/tiny-1-py3-none-any.whl", "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
    return "tiny-1-py3-none-any.whl"
"""
BUILT_BY = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that installs in seconds and needs no network: its package is one empty module."""
    folder = tmp_path_factory.mktemp("tiny")
    shutil.copytree(ROOT / "tools", folder / "tools")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(BUILT_BY)
    (folder / "constraints.txt").touch()
    return folder


@posix
@pytest.mark.parametrize("where", ["environment", "file"])
def test_where_a_user_has_pip_install_is_not_where_the_set_up_installs(
    tiny: Path, tmp_path: Path, where: str
) -> None:
    settings = {"user": "1", "target": "t", "no-build-isolation": "1", "require-hashes": "1"}
    config = tmp_path / "pip.conf"
    config.write_text("[install]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
    variables = {f"PIP_{k.replace('-', '_').upper()}": v for k, v in settings.items()}
    own = variables if where == "environment" else {"PIP_CONFIG_FILE": str(config)}
    (tiny / ".venv" / "gptlab-installed").unlink(missing_ok=True)
    result = setup(tiny, PYTHON=sys.executable, PIP_NO_INDEX="1", **own)
    assert result.returncode == 0, result.stderr
    found = list(tiny.glob(".venv/lib/*/site-packages/tiny.py"))
    assert len(found) == 1 and not (tiny / "t").exists(), "it is installed into .venv alone"
    again = setup(tiny, PYTHON=sys.executable)
    assert again.stdout.strip() == "The environment in .venv is up to date."


def test_how_a_users_pip_reaches_its_index_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://a.example/simple\nproxy = http://p:1\ncert = /c.pem\n"
        "extra-index-url = https://b.example\n    https://c.example\n"
        "[install]\nuser = true\nprefix = /usr\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_PROXY", "http://mine:2")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setattr(install, "PYTHON", sys.executable)
    kept = {k: v for k, v in install.pip_environment().items() if k.startswith("PIP_")}
    assert kept["PIP_INDEX_URL"] == "https://a.example/simple"
    assert kept["PIP_EXTRA_INDEX_URL"].split() == ["https://b.example", "https://c.example"]
    assert kept["PIP_PROXY"] == "http://mine:2", "what stands in the environment goes first"
    assert kept["PIP_CERT"] == os.environ.get("PIP_CERT", "/c.pem")
    assert kept["PIP_CONFIG_FILE"] == os.devnull
    assert not {"PIP_USER", "PIP_PREFIX", "PIP_TARGET"} & kept.keys()
