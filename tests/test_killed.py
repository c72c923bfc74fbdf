"""SIGKILL at fifty random moments, while saving too: the run goes on as if nothing had happened."""

import multiprocessing
import os
import random
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from gptlab import checkpoints
from gptlab.training import TrainSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="needs a fork server"),
]

KILLS = 50
# A checkpoint every second update: much of the time goes into writing.
SETTINGS = TrainSettings(
    steps=600, batch_size=2, learning_rate=2e-3, warmup=5, save_every=2, device="cpu"
)


def work(out: str) -> None:
    """What the process does that is killed: start the run, or go on with it."""
    from gptlab.config import preset
    from gptlab.corpora import from_text
    from gptlab.model import GPT
    from gptlab.training import train

    torch.set_num_threads(1)
    text = "".join("abcdefgh"[(i * i + i // 8) % 8] for i in range(6000))
    corpus = from_text(text, tokenizer="char")
    torch.manual_seed(0)
    shape = {"n_ctx": 16, "n_embd": 16, "n_layer": 1, "n_head": 2, "dropout": 0.1}
    model = GPT(preset("gpt2-tiny", vocab_size=corpus.tokenizer.vocab_size, **shape))
    resume = checkpoints.has_checkpoint(out)
    train(model, corpus, SETTINGS, out=out, resume=resume, progress=False)


def test_fifty_kills_change_nothing(tmp_path: Path) -> None:
    server = multiprocessing.get_context("forkserver")  # imports torch once, not fifty times
    server.set_forkserver_preload(["gptlab.training", "gptlab.corpora", __name__])
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cut.mkdir()
    undisturbed = server.Process(target=work, args=(str(whole),))
    began = time.monotonic()
    undisturbed.start()
    undisturbed.join(240)
    seconds = time.monotonic() - began
    assert undisturbed.exitcode == 0

    dice = random.Random(0)
    kills, while_saving = 0, 0
    while kills < KILLS:
        process = server.Process(target=work, args=(str(cut),))
        before = set(cut.iterdir())
        process.start()
        # From its first save on: kills while it still reads the text would prove little.
        while set(cut.iterdir()) == before and process.is_alive():
            time.sleep(0.001)
        # On average, fifty such stretches do not reach the end.
        time.sleep(dice.uniform(0, 0.8 * seconds / KILLS))
        if not process.is_alive():
            break
        process.kill()
        process.join()
        kills += 1
        while_saving += any(cut.glob(".saving-*"))
    last = server.Process(target=work, args=(str(cut),))
    last.start()
    last.join(240)
    assert last.exitcode == 0
    print(f"{kills} kills, {while_saving} of them while a checkpoint was being written")
    assert kills >= KILLS // 2 and while_saving

    expected, survived = checkpoints.load(whole), checkpoints.load(cut)
    assert survived.step == SETTINGS.steps
    assert survived.state["settings"] == expected.state["settings"] == asdict(SETTINGS)
    for name, weight in expected.weights.items():
        assert torch.equal(survived.weights[name], weight), name
    for name, moment in expected.optimizer.items():
        assert torch.equal(survived.optimizer[name], moment), name
    losses = [
        [(r["step"], r["train_loss"], r["val_loss"]) for r in run.state["history"]["records"]]
        for run in (expected, survived)
    ]
    assert losses[0] == losses[1]
    assert not list(cut.glob(".saving-*"))
