"""Compiling that fails ends nothing that a person did not ask for."""

import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the broken compiler here is a shell's"),
]

CODE = """
import torch
from gptlab.runtime.compiling import Compiled, CompilingFailed
told = []
forward = Compiled(torch.nn.Linear(3, 2), asked={asked}, tell=told.append)
x = torch.ones(1, 3, requires_grad=True)
try:
    forward(x).sum().backward()
    forward(x)
    print(len(told), told[0], x.grad is not None)
except CompilingFailed as error:
    print("refused:", error)
"""


def run(asked: bool, tmp_path: os.PathLike[str]) -> str:
    environment = os.environ | {"CXX": "/bin/false", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", CODE.format(asked=asked)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_chosen_by_the_program_it_goes_on_without_and_says_so_once(tmp_path) -> None:  # type: ignore[no-untyped-def]
    said = run(False, tmp_path)
    assert said.startswith("1 Not compiled, because torch.compile failed") and said.endswith("True")
    assert "\n" not in said


def test_asked_for_it_is_one_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    said = run(True, tmp_path)
    assert said.startswith("refused: torch.compile failed") and "\n" not in said
    assert "g++" in said
