"""The one word that says how much to compute."""

import subprocess
import sys

import pytest
import torch

import gptlab
from gptlab.runtime.scale import describe, pick, scale


class _Card:
    def __init__(self, total_memory: float) -> None:
        self.total_memory = total_memory


def _pretend_gpu(monkeypatch: pytest.MonkeyPatch, gigabytes: float) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gigabytes > 0)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "Pretend 3000")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: _Card(gigabytes * 1e9))


@pytest.mark.parametrize("word", ["smoke", "laptop", "gpu"])
def test_the_environment_decides_whatever_the_machine_has(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTLAB_SCALE", word)
    for gigabytes in (0, 80):
        _pretend_gpu(monkeypatch, gigabytes)
        assert scale() == word
        assert pick(smoke="smoke", laptop="laptop", gpu="gpu") == word


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize(
    ("gigabytes", "expected"), [(0, "laptop"), (6, "laptop"), (7.9, "gpu"), (80, "gpu")]
)
def test_without_a_word_the_machine_decides(
    empty: str | None, gigabytes: float, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GPTLAB_SCALE", raising=False)
    if empty is not None:
        monkeypatch.setenv("GPTLAB_SCALE", empty)
    _pretend_gpu(monkeypatch, gigabytes)
    assert scale() == expected


@pytest.mark.parametrize("word", ["big", "GPU", " smoke"])
def test_an_unknown_word_is_refused_with_the_three_that_exist(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTLAB_SCALE", word)
    for ask in (scale, describe, lambda: pick(smoke=1, laptop=2, gpu=3)):
        with pytest.raises(ValueError, match="smoke, laptop or gpu") as raised:
            ask()
        assert repr(word) in str(raised.value)


@pytest.mark.parametrize(
    ("word", "gigabytes", "says"),
    [
        ("laptop", 0, ["Scale: laptop", "cpu (", "GPTLAB_SCALE=smoke"]),
        ("smoke", 0, ["Scale: smoke", "GPTLAB_SCALE=laptop"]),
        ("gpu", 0, ["Scale: gpu", "expects a GPU", "GPTLAB_SCALE=laptop"]),
        ("gpu", 24, ["Scale: gpu", "Pretend 3000", "24 GB", "GPTLAB_SCALE=smoke"]),
    ],
)
def test_the_description_names_scale_and_device_and_the_way_to_change_it(
    word: str, gigabytes: float, says: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTLAB_SCALE", word)
    _pretend_gpu(monkeypatch, gigabytes)
    for part in says:
        assert part in describe()


def test_the_package_offers_them_at_the_top() -> None:
    assert (gptlab.scale, gptlab.pick, gptlab.describe) == (scale, pick, describe)


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "matplotlib", "transformers", "tokenizers", "ipywidgets", "IPython")
    found = f"print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", f"import sys, gptlab\n{found}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == "[]"


def test_an_apple_gpu_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPTLAB_SCALE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert "device: mps (Apple GPU)" in describe()
