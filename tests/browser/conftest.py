"""A real JupyterLab in a real browser, both cut off from the network.

The server is alone with a copy of the chapters, a configuration, a port and a token of its own, on
127.0.0.1. Every request of every page is looked at: one that would leave this machine is stopped,
and fails the test.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 240  # seconds: a wait, not a claim, for machines that are busy with other things
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs Chromium; starts a JupyterLab")


def find_browser() -> str | None:
    """Find a Chromium: the one named in GPTLAB_CHROMIUM, on the path, or Playwright's own."""
    named = os.environ.get("GPTLAB_CHROMIUM")
    found = [named] if named else [shutil.which(name) for name in BROWSERS]
    mac = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    found += sorted(
        map(str, Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    )
    found += [str(mac)] if mac.exists() else []
    return next((path for path in found if path), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium, or a skip that says what is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium found: install it, or name it in GPTLAB_CHROMIUM")
    playwright.expect.set_options(timeout=PATIENCE * 1000)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        url: where it listens.
        token: what it asks of whoever comes.
        folder: its notebooks.
        log: what the server and its kernels say.
    """

    url: str
    token: str
    folder: Path
    log: Path

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook of code cells that never ran; return its name."""
        # Without a kernel's name JupyterLab asks for one and waits.
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, self.folder / name)
        return name


@pytest.fixture(scope="session")
def lab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab on a copy of the chapters; the kernel is the Python that runs the tests."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "root"
    if (ROOT / "notebooks").is_dir():
        shutil.copytree(ROOT / "notebooks", folder)
    folder.mkdir(exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if "JUPYTER" not in key}
    environment |= {
        "JUPYTER_CONFIG_PATH": str(ROOT / "tools" / "jupyter"),  # what `make lab` runs with
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "GPTLAB_SCALE": "smoke",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
    # The system's choice of a port, for two servers that start at once find the same one free; and
    # a token of its own, or the one that did not get it would be taken for the other.
    token = secrets.token_hex()
    command += ["--ServerApp.port=0", f"--IdentityProvider.token={token}"]
    command.append(f"--ServerApp.root_dir={folder}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Lab(_wait_for_server(server, home / "runtime", token, log), token, folder, log)
    finally:
        server.terminate()  # ends its kernels too
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_server(server: subprocess.Popen[bytes], runtime: Path, token: str, log: Path) -> str:
    """Return where the server listens, once it answers there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            # It may be half written, and not yet answer.
            with contextlib.suppress(ValueError, KeyError, OSError):
                url: str = json.loads(file.read_text())["url"].rstrip("/")
                with urllib.request.urlopen(f"{url}/api/status?token={token}", timeout=5):
                    return url
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')}")


@dataclass
class Guard:
    """What a page must not do, kept as it happens."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, context: Any) -> None:
        context.route("**/*", self._decide)
        context.route_web_socket(lambda url: not is_local(url), self._refuse_socket)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def _decide(self, route: Any) -> None:
        if is_local(route.request.url):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def _refuse_socket(self, socket: Any) -> None:
        self.outside.append(socket.url)
        socket.close()

    def check(self) -> None:
        assert not self.outside, f"requests to the outside: {self.outside}"
        assert not self.errors, f"errors on the page: {self.errors}"


def is_local(url: str) -> bool:
    parts = urlparse(url)
    return parts.scheme in ("data", "blob", "about") or parts.hostname in ("127.0.0.1", "localhost")


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.check()


@pytest.fixture
def new_page(chromium: Any, guard: Guard) -> Iterator[Callable[..., Any]]:
    """Open pages that are watched; keyword arguments go to Playwright's `new_context`."""
    contexts = []

    def open_page(**options: Any) -> Any:
        options = {"viewport": {"width": 1280, "height": 900}, "service_workers": "block"} | options
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        guard.watch(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


# A cell is done when it has a number and is not running; one error ends the run of all the others.
_STATE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  if (!panel?.content?.model || !panel.sessionContext.session?.kernel) return null;
  const cells = [...panel.content.model.cells].filter(
    (cell) => cell.type === 'code' && cell.sharedModel.getSource().trim());
  return {
    idle: panel.sessionContext.session.kernel.status === 'idle',
    cells: cells.length,
    counted: cells.filter((cell) => cell.executionCount !== null).length,
    running: cells.filter((cell) => cell.executionState === 'running').length,
    errors: cells.flatMap((cell) => cell.sharedModel.getOutputs())
      .filter((output) => output.output_type === 'error')
      .map((output) => `${output.ename}: ${output.evalue}`),
  };
}"""


class Notebook:
    """One notebook, open in JupyterLab, driven as a reader would drive it."""

    def __init__(self, page: Any, lab: Lab) -> None:
        self.page = page
        self.lab = lab

    def open(self, name: str, theme: str | None = None) -> None:
        # `reset` forgets the tabs of the test before.
        self.page.goto(f"{self.lab.url}/lab/tree/{name}?reset&token={self.lab.token}")
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.content?.model && "
            "document.querySelector('.jp-Notebook')"
        )
        if theme:
            self.execute("apputils:change-theme", theme=theme)

    def execute(self, command: str, **arguments: Any) -> Any:
        return self.page.evaluate(
            "([command, arguments]) => jupyterapp.commands.execute(command, arguments)",
            [command, arguments],
        )

    def run_all(self) -> None:
        """Run every cell; fail at the first error."""
        self._wait_for(lambda state: state["idle"], "the kernel to start")
        self.execute("notebook:clear-all-cell-outputs")  # or a committed run would count
        # Not awaited: it returns when all cells have run, and nothing could be watched meanwhile.
        self.page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")
        self._wait_for(
            lambda state: (
                state["errors"]
                or (state["idle"] and not state["running"] and state["counted"] == state["cells"])
            ),
            "every cell to run",
        )
        errors = self.page.evaluate(_STATE)["errors"]
        assert not errors, f"cells ended in errors: {errors}"

    def _wait_for(self, done: Callable[[dict[str, Any]], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        state = None
        while time.monotonic() < deadline:
            state = self.page.evaluate(_STATE)
            if state and done(state):
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"waited {PATIENCE} s for {what}: {state}")

    def save(self) -> None:
        self.execute("docmanager:save")

    def shut_down(self) -> None:
        """End the kernel, whose memory the next notebook needs."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget?.sessionContext?.shutdown()")

    @property
    def frame(self) -> Any:
        """The one live frame in the outputs; what is asked of it waits for it to be there."""
        return self.page.locator(".jp-OutputArea-output iframe").content_frame

    def outputs(self) -> list[dict[str, Any]]:
        """Return all outputs of the cells that ran, as they stand in the notebook."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "() => [...jupyterapp.shell.currentWidget.content.model.cells]"
            ".filter((cell) => cell.type === 'code')"
            ".flatMap((cell) => cell.sharedModel.getOutputs())"
        )
        return found


@pytest.fixture
def notebook(new_page: Callable[..., Any], lab: Lab) -> Iterator[Notebook]:
    """A page for one notebook; its kernel ends with the test."""
    one = Notebook(new_page(), lab)
    yield one
    one.shut_down()
