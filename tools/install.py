"""Create .venv and install gptlab into it, or do nothing where that is already done.

Called by `make setup` through tools/setup.sh; uses nothing but the standard library.
On Linux, PyPI's torch brings NVIDIA's libraries: about 3 GB to download and 6 GB on disk.
TORCH=cpu takes torch from PyTorch's own index instead, without them.
Every way to fail ends in one line that says what is wrong and how to get past it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENVIRONMENT / "gptlab-installed"
LOG = ENVIRONMENT / "setup.log"

# What the smallest install takes, that without NVIDIA's libraries, with a little to spare.
DOWNLOAD_GB = 0.7
INSTALLED_GB = 2.2
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

DISK_FULL = ("No space left on device", "Disk quota exceeded", "not enough space on the disk")
NO_NETWORK = (
    "Retry(total=0",
    "Name or service not known",
    "Temporary failure in name resolution",
    "getaddrinfo failed",
    "nodename nor servname",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Connection timed out",
    "ProxyError",
    "Network is unreachable",
)
BAD_CERTIFICATE = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed")


class SetupError(Exception):
    """What is wrong and the way out, in one line."""


def main() -> int:
    """Set up the environment; return the exit status."""
    try:
        if is_done():
            print("The environment in .venv is up to date.")
            return 0
        make_environment()
        install()
    except SetupError as error:
        print(f"Setup stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSetup stopped by you; the same command goes on from here.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"Setup stopped: {explain([str(error)])}", file=sys.stderr)
        return 1
    STAMP.write_text(wanted())
    print("Done: the environment in .venv is ready.")
    return 0


def wanted() -> str:
    """Say what an environment is made from: it is up to date while this stays the same."""
    files = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        files.update((ROOT / name).read_bytes())
    return f"{ROOT}\n{sys.version_info.major}.{sys.version_info.minor}\n{files.hexdigest()}\n"


def is_done() -> bool:
    """Tell whether this very state was installed before."""
    return STAMP.is_file() and PYTHON.exists() and STAMP.read_text() == wanted()


def make_environment() -> None:
    """Create .venv where there is none that works, after a look at the free space."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not usable(version):
        check_space()
        print(f"Creating .venv with Python {version}.", flush=True)
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise SetupError(explain((made.stdout + made.stderr).splitlines()))


def usable(version: str) -> bool:
    """Tell whether .venv runs, has this Python, and was made for this very folder."""
    if STAMP.is_file() and STAMP.read_text().splitlines()[0] != str(ROOT):
        return False
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        out = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    except OSError:
        return False
    return out.stdout.strip() == version


def check_space() -> None:
    """Refuse to begin what cannot end.

    Raises:
        SetupError: if this folder or the one for temporary files is too full.
    """
    temporary = Path(tempfile.gettempdir())
    same_disk = temporary.stat().st_dev == ROOT.stat().st_dev
    needed = float(os.environ.get("GPTLAB_MIN_FREE_GB", INSTALLED_GB + DOWNLOAD_GB * same_disk))
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        raise SetupError(
            f"{free:.1f} GB are free where {ROOT} lies, and at least {needed:.1f} GB are needed: "
            "free some space, or move this folder to a larger disk."
        )
    free = shutil.disk_usage(temporary).free / 1e9
    if free < DOWNLOAD_GB:
        raise SetupError(
            f"{free:.1f} GB are free in {temporary}, where downloads go first, and at least "
            f"{DOWNLOAD_GB:.1f} GB are needed: make setup TMPDIR=/a/folder/with/space"
        )


def install() -> None:
    """Let pip install the project and all it needs, in the versions of constraints.txt.

    Raises:
        SetupError: if pip fails.
    """
    count = sum("==" in line for line in (ROOT / "constraints.txt").read_text().splitlines())
    print(
        f"Installing about {count} packages: some {DOWNLOAD_GB} GB to download, "
        f"{INSTALLED_GB} GB on disk; 2 to 5 minutes on a fast line."
    )
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--progress-bar=off"]
    command += ["--disable-pip-version-check", "-c", "constraints.txt", "-e", ".[test]"]
    if os.environ.get("TORCH") == "cpu":
        command += ["--extra-index-url", os.environ.get("TORCH_INDEX", CPU_INDEX)]
    elif sys.platform == "linux":
        print(
            "On Linux torch usually brings NVIDIA's libraries, 3 GB more to download and 6 GB on "
            "disk; without an NVIDIA GPU, `make setup TORCH=cpu` leaves them out.",
        )
    sys.stdout.flush()
    LOG.unlink(missing_ok=True)
    pip = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
    )
    assert pip.stdout is not None
    said = []
    for line in pip.stdout:
        said.append(line.rstrip())
        if news := progress(line):
            print(f"  {news}", flush=True)
    if pip.wait():
        with contextlib.suppress(OSError):  # the disk is full, which is then the news
            LOG.write_text("\n".join(said) + "\n", encoding="utf-8")
        raise SetupError(explain(said))


def progress(line: str) -> str | None:
    """Return what a line from pip is worth telling to someone who waits."""
    if large := re.search(r"Downloading (\S+?)-(\d[^-\s]*)-\S+ \((\d+\.\d MB|\d\.\d GB)\)", line):
        name, version, size = large.groups()
        return f"downloading {name} {version}, {size}" if len(size) >= 7 else None
    if line.startswith("Installing collected packages:"):
        return f"unpacking {line.count(',') + 1} packages"
    if "Retrying (Retry(total=4" in line:
        return "no answer from the network, trying again"
    return None


def explain(said: Iterable[str]) -> str:
    """Turn what a failed command said into one line with a way out."""
    lines = list(said)
    # A retry that is not the last may have gone well.
    text = "\n".join(x for x in lines if "Retrying (Retry(" not in x or "total=0" in x)
    # venv keeps to itself what its own child, ensurepip, died of.
    full = any(sign in text for sign in DISK_FULL) or shutil.disk_usage(ROOT).free < 30e6
    if full:
        return (
            f"the disk is full ({shutil.disk_usage(ROOT).free / 1e9:.1f} GB free where {ROOT} "
            f"lies, {shutil.disk_usage(tempfile.gettempdir()).free / 1e9:.1f} GB in "
            f"{tempfile.gettempdir()}): free some space, on Linux try `make setup TORCH=cpu`, "
            "then run the same command again."
        )
    if any(sign in text for sign in BAD_CERTIFICATE):
        return (
            "the package index shows a certificate that this Python does not trust, often a "
            "company's proxy: name its certificate, PIP_CERT=/path/to/certificate.pem"
        )
    if any(sign in text for sign in NO_NETWORK):
        return (
            "no connection to the Python package index: check the network (behind a proxy, set "
            "HTTPS_PROXY), then run the same command again; what was downloaded is kept."
        )
    if missing := re.search(r"No matching distribution found for (\S+)", text):
        machine = f"Python {sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"
        return (
            f"the Python package index has no {missing[1]} for {machine}: try another Python, "
            "make setup PYTHON=/path/to/python3.12"
        )
    if "ensurepip" in text:
        return (
            f"{sys.executable} cannot create environments: on Debian and Ubuntu, sudo apt install "
            f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        )
    errors = [line for line in lines if re.match(r"\s*(ERROR|error):", line)]
    last = (errors or [line for line in lines if line.strip()] or ["it said nothing"])[-1]
    story = f" (the whole story: {LOG.relative_to(ROOT)})" if LOG.is_file() else ""
    return last.strip() + story


if __name__ == "__main__":
    sys.exit(main())
