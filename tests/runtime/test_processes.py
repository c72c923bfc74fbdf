"""Two processes under torchrun do what one does, and a run that loses one can go on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from gptlab import checkpoints

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="torchrun's gloo backend is not on Windows"),
]

MODEL = "--preset gpt3 --n-layer 2 --n-embd 32 --n-head 2 --n-ctx 16 --band 4 --tokenizer char"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
ALONE = [sys.executable]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join("abcdefgh"[(i * i + i // 8) % 8] for i in range(8000)))
    return path


def command(runner: list[str], text: Path, out: Path, *more: str) -> list[str]:
    given = [*runner, "-m", "gptlab", "train", "--text", str(text), "--out", str(out)]
    # Muon multiplies in bfloat16, so that the last digit of a sum is soon seen.
    return [
        *given,
        *MODEL.split(),
        "--batch-size",
        "8",
        "--optimizer",
        "adamw",
        "--seed",
        "1",
        *more,
    ]


def environment() -> dict[str, str]:
    # A free port for the processes to meet; one thread each, or two processes fight for two cores.
    return os.environ | {"OMP_NUM_THREADS": "1", "MASTER_PORT": "0"}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),  # type: ignore[arg-type]
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


def records(out: Path) -> list[dict[str, float]]:
    history: dict[str, list[dict[str, float]]] = checkpoints.load(out).state["history"]
    return history["records"]


@pytest.fixture(scope="module")
def alone(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    assert run(ALONE, text, out, "--steps", "50").returncode == 0
    return out


@pytest.mark.parametrize("flag", [[], ["--fsdp"]], ids=["ddp", "fsdp"])
def test_two_processes_lose_what_one_loses(
    text: Path, alone: Path, tmp_path: Path, flag: list[str]
) -> None:
    done = run(TORCHRUN, text, tmp_path, "--steps", "50", *flag)
    assert done.returncode == 0, done.stderr
    ours, theirs = records(tmp_path), records(alone)
    assert len(ours) == len(theirs) >= 20
    for one, other in zip(ours, theirs, strict=True):
        for name in ("train_loss", "val_loss", "grad_norm"):
            assert one[name] == pytest.approx(other[name], abs=1e-5)
    # One process speaks and writes for both.
    assert json.loads(done.stdout.strip().splitlines()[-1])["steps"] == 50
    assert done.stdout.count('"val_loss"') == 1


UNEQUAL = """
import os
import sys
import torch
from gptlab import GPT, TrainSettings, from_text, preset, train
from gptlab.objective import LanguageModelling
from gptlab.runtime.processes import leave

class Unequal(LanguageModelling):
    def batch(self, step, settings):
        x, y = super().batch(step, settings)
        for row in range(len(y)):
            y[row, row * row % 17 :] = -100  # the first row of each batch counts nothing
        return x, y

corpus = from_text(open(sys.argv[1]).read(), "char")
torch.manual_seed(0)
shape = {"n_layer": 2, "n_embd": 32, "n_head": 2, "n_ctx": 16, "band": 4, "init_std": 0.02}
model = GPT(preset("gpt3-tiny", vocab_size=corpus.tokenizer.vocab_size, **shape))
kind, shard = sys.argv[3], "--fsdp" in sys.argv
settings = TrainSettings(20, 8, 2, kind, 2e-3, warmup=5, device="cpu", shard=shard)
train(model, Unequal(corpus, 16), settings, out=sys.argv[2], progress=False)
leave()
os._exit(0)  # see the end of gptlab.__main__
"""


@pytest.mark.parametrize("flag", [[], ["--fsdp"]], ids=["ddp", "fsdp"])
@pytest.mark.parametrize(("kind", "close"), [("adamw", 1e-5), ("muon", 1e-3)])
def test_processes_with_unequal_numbers_of_targets_learn_as_one(
    text: Path, tmp_path: Path, flag: list[str], kind: str, close: float
) -> None:
    """Every other row goes to one process, and rows differ in how many targets count."""
    script = tmp_path / "unequal.py"
    script.write_text(UNEQUAL)
    for name, runner in (("alone", ALONE), ("two", TORCHRUN)):
        more = flag if name == "two" else []
        line = [*runner, str(script), str(text), str(tmp_path / name), kind, *more]
        root = str(Path(__file__).parents[2])
        done = subprocess.run(
            line, env=environment() | {"PYTHONPATH": root}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    for one, other in zip(records(tmp_path / "two"), records(tmp_path / "alone"), strict=True):
        for name in ("train_loss", "val_loss", "grad_norm"):
            assert one[name] == pytest.approx(other[name], abs=close)
    left, right = (checkpoints.load(tmp_path / name) for name in ("two", "alone"))
    for what in ("weights", "optimizer"):
        for name, value in getattr(right, what).items():
            torch.testing.assert_close(getattr(left, what)[name], value, atol=10 * close, rtol=1e-3)


def test_a_sharded_run_resumes_where_it_stopped(text: Path, alone: Path, tmp_path: Path) -> None:
    length = ("--steps", "50", "--save-every", "20")
    first = run(TORCHRUN, text, tmp_path, *length, "--fsdp")
    assert first.returncode == 0, first.stderr
    newest = tmp_path / "step-00000050"
    (newest / "checkpoint.json").unlink()  # as if the run had been cut off after step 40
    again = run(
        TORCHRUN, text, tmp_path, "--steps", "50", "--save-every", "20", "--fsdp", "--resume"
    )
    assert again.returncode == 0, again.stderr
    assert records(tmp_path)[-1]["val_loss"] == pytest.approx(
        records(alone)[-1]["val_loss"], abs=1e-5
    )


def test_a_batch_that_cannot_be_shared_is_refused(text: Path, tmp_path: Path) -> None:
    done = run(TORCHRUN, text, tmp_path, "--steps", "2", "--batch-size", "3")
    assert done.returncode != 0
    assert "batch_size is 3; 2 processes and accumulate 1 need a multiple of 2" in done.stderr


def test_a_killed_worker_ends_the_run_and_it_resumes(text: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    length = ("--steps", "300", "--save-every", "25")
    assert run(ALONE, text, whole, *length).returncode == 0
    with subprocess.Popen(
        command(TORCHRUN, text, cut, *length),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 120
        while not checkpoints.has_checkpoint(cut) and time.monotonic() < deadline:
            time.sleep(0.02)
        workers = psutil.Process(running.pid).children(recursive=True)
        workers = [w for w in workers if "gptlab" in " ".join(w.cmdline())]
        victim = max(workers, key=lambda worker: worker.pid)
        victim.send_signal(signal.SIGKILL)
        _, errors = running.communicate(timeout=120)
    assert running.returncode != 0
    assert "SIGKILL" in errors or "lost the others" in errors
    assert checkpoints.load(cut).step < 300
    assert run(ALONE, text, cut, *length, "--resume").returncode == 0
    # Sums in another order: the weights drift apart by more than the losses do.
    expected, resumed = records(whole)[-1]["val_loss"], records(cut)[-1]["val_loss"]
    assert resumed == pytest.approx(expected, abs=1e-3)
