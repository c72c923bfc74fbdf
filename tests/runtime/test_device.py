"""What "auto" chooses: precision and compiling, by the machine, the model and the run."""

import shutil

import pytest
import torch

from gptlab.runtime.device import choose

LONG, WIDE = 1e18, 384


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Pretend that the processor multiplies bfloat16 matrices, and that a compiler is there."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return monkeypatch


def test_a_long_run_on_an_able_cpu_is_compiled_in_bfloat16(able: pytest.MonkeyPatch) -> None:
    hardware = choose("cpu", work=LONG, n_embd=WIDE)
    assert hardware.compile and hardware.precision == "bfloat16"
    assert hardware.why.endswith("bfloat16, compiled")


def test_a_short_run_is_not_compiled(able: pytest.MonkeyPatch) -> None:
    hardware = choose("cpu", work=1e10, n_embd=WIDE)
    assert not hardware.compile and hardware.precision == "bfloat16"


def test_a_narrow_model_stays_the_same_on_every_cpu(able: pytest.MonkeyPatch) -> None:
    hardware = choose("cpu", work=LONG, n_embd=64)
    assert not hardware.compile and hardware.precision == "float32"


def test_a_cpu_without_bfloat16_neither_imitates_it_nor_compiles(able: pytest.MonkeyPatch) -> None:
    able.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    hardware = choose("cpu", work=LONG, n_embd=WIDE)
    assert not hardware.compile and hardware.precision == "float32"


def test_what_is_asked_for_is_done(able: pytest.MonkeyPatch) -> None:
    assert choose("cpu", "float32", work=LONG, n_embd=WIDE).precision == "float32"
    assert not choose("cpu", compile=False, work=LONG, n_embd=WIDE).compile
    assert choose("cpu", compile=True).compile


@pytest.mark.parametrize("asked", [None, True])
def test_without_a_compiler_it_runs_as_it_is_and_says_so(
    able: pytest.MonkeyPatch, asked: bool | None
) -> None:
    able.delenv("CXX", raising=False)
    able.setattr(shutil, "which", lambda name: None)
    hardware = choose("cpu", compile=asked, work=LONG, n_embd=WIDE)
    assert not hardware.compile and "no compiler was found" in hardware.why
    assert "\n" not in hardware.why
