"""Create .venv and install gptlab into it, or do nothing where that is already done.

Called by `make setup` through tools/setup.sh; uses nothing but the standard library.
On Linux, PyPI's torch brings NVIDIA's libraries: about 3 GB to download and 6 GB on disk.
TORCH=cpu takes torch from PyTorch's own index instead, without them.
Every way to fail ends in one line that says what is wrong and how to get past it.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENVIRONMENT / "gptlab-installed"
LOG = ENVIRONMENT / "setup.log"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

# What the smallest install takes, that without NVIDIA's libraries: 0.7 to download, 2.2 unpacked.
NEEDED_GB = 2.9
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Of the user's own settings for pip, the way to an index is kept. Where and how it installs (user,
# target, no-build-isolation, constraint, …) is decided here.
KEPT = (
    ".*index.*|find-links|trusted-host|proxy|.*cert|keyring.*|.*timeout|retries|.*cache-dir|"
    "use-feature"
)

# What pip or venv say where they fail, and the way out.
WAYS_OUT = {
    "No space left on device|Disk quota exceeded|not enough space on the disk": (
        f"the disk is full where {ROOT} lies or in {tempfile.gettempdir()} (make setup TMPDIR=… "
        "names another folder): free some space, on Linux try `make setup TORCH=cpu`, then run the "
        "same command again."
    ),
    "(?i:certificate.verify.failed)": "the package index shows a certificate that this Python does "
    "not trust, often a company's proxy: name its certificate, PIP_CERT=/path/to/certificate.pem",
    r"Retry\(total=0|(NewConnection|ConnectTimeout|ReadTimeout|Proxy)Error|in name resolution"
    "|Name or service not known|getaddrinfo failed|nodename nor servname|Network is unreachable": (
        "no connection to the Python package index: check the network (behind a proxy, set "
        "HTTPS_PROXY), then run the same command again; what was downloaded is kept."
    ),
    r"No matching distribution found for (?P<it>\S+)": (
        f"the Python package index has no {{it}} for Python {VERSION} on {sys.platform}: try "
        "another Python, make setup PYTHON=/path/to/python3.12"
    ),
    "ensurepip": f"{sys.executable} cannot create environments: on Debian and Ubuntu, "
    f"sudo apt install python{VERSION}-venv",
}


class SetupError(Exception):
    """What is wrong and the way out, in one line."""


def main() -> int:
    """Set up the environment; return the exit status."""
    try:
        if STAMP.is_file() and PYTHON.exists() and STAMP.read_text() == wanted():
            print("The environment in .venv is up to date.")
            return 0
        if not usable():
            check_space()
            print(f"Creating .venv with Python {VERSION}.", flush=True)
            run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)])
        install()
    except (SetupError, OSError) as error:
        said = str(error) if isinstance(error, SetupError) else explain([str(error)])
        print(f"Setup stopped: {said}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSetup stopped by you; the same command goes on from here.", file=sys.stderr)
        return 130
    STAMP.write_text(wanted())
    print("Done: the environment in .venv is ready.")
    return 0


def wanted() -> str:
    """Say what an environment is made from: it is up to date while this stays the same."""
    files = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return f"{ROOT}\n{VERSION}\n{hashlib.sha256(files).hexdigest()}\n"


def usable() -> bool:
    """Tell whether there is a .venv that runs, has pip and is of this Python's version."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    with contextlib.suppress(OSError):
        out = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
        return out.stdout.strip() == VERSION
    return False


def check_space() -> None:
    """Refuse to begin what cannot end.

    Raises:
        SetupError: if the disk is too full.
    """
    if (free := shutil.disk_usage(ROOT).free / 1e9) < NEEDED_GB:
        raise SetupError(
            f"{free:.1f} GB are free where {ROOT} lies, and at least {NEEDED_GB} GB are needed: "
            "free some space, or move this folder to a larger disk."
        )


def install() -> None:
    """Let pip install the project and all it needs, in the versions of constraints.txt."""
    print(
        "Installing some 100 packages: at least 0.7 GB to download, 2 to 5 minutes on a fast line."
    )
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--progress-bar=off"]
    command += ["-c", "constraints.txt", "-e", ".[test]"]
    if os.environ.get("TORCH") == "cpu":
        command += ["--extra-index-url", CPU_INDEX]
    elif sys.platform == "linux":
        print(
            "On Linux torch usually brings NVIDIA's libraries, 3 GB more to download and 6 GB on "
            "disk; without an NVIDIA GPU, `make setup TORCH=cpu` leaves them out."
        )
    sys.stdout.flush()
    run(command, pip_environment())


def pip_environment() -> dict[str, str]:
    """Return the environment for pip, with the user's settings for the way to the index alone."""
    listed = run([str(PYTHON), "-m", "pip", "config", "list"])
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for line in reversed(listed):  # from the files, and first, because it rules, the environment
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if re.fullmatch(KEPT, name):
            settings[f"PIP_{name.replace('-', '_').upper()}"] = ast.literal_eval(value)
    others = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return others | settings | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
    """Run a command, tell what is worth telling to someone who waits, and return what it said.

    Raises:
        SetupError: if it fails.
    """
    said = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip())
            if news := progress(line):
                print(f"  {news}", flush=True)
    if process.returncode:
        with contextlib.suppress(OSError):  # the disk is full, which is then the news
            LOG.write_text("\n".join(said) + "\n", encoding="utf-8")
        raise SetupError(explain(said))
    return said


def progress(line: str) -> str | None:
    """Return what a line from pip is worth telling to someone who waits."""
    if large := re.match(r"\s*Downloading (\S+?)-(\d[^-\s]*)-\S+ \((\d{2,}\.\d MB|\S+ GB)\)", line):
        return f"downloading {large[1]} {large[2]}, {large[3]}"
    if line.startswith("Installing collected packages:"):
        return f"unpacking {line.count(',') + 1} packages"
    return "no answer from the network, trying again" if "Retrying (Retry(total=4" in line else None


def explain(said: Sequence[str]) -> str:
    """Turn what a failed command said into one line with a way out."""
    # A retry that is not the last may have gone well.
    text = "\n".join(x for x in said if "Retrying (Retry(" not in x or "total=0" in x)
    # venv keeps to itself what its own child, ensurepip, died of.
    if shutil.disk_usage(ROOT).free < 30e6:
        text += "No space left on device"
    for sign, way_out in WAYS_OUT.items():
        if found := re.search(sign, text):
            return way_out.replace("{it}", found.groupdict().get("it", ""))
    errors = [line for line in said if re.match(r"\s*(ERROR|error):", line)]
    last = (errors or [line for line in said if line.strip()] or ["it said nothing"])[-1]
    story = f" (the whole story: {LOG.relative_to(ROOT)})" if LOG.is_file() else ""
    return last.strip() + story


if __name__ == "__main__":
    sys.exit(main())
