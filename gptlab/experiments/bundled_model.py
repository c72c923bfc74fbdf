"""The model that comes with the package: how it was trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from gptlab import checkpoints
from gptlab.config import preset
from gptlab.corpora import Corpus
from gptlab.experiments.terms import SHARED_RATE
from gptlab.model import GPT
from gptlab.runtime.device import describe_machine
from gptlab.settings import TrainSettings
from gptlab.training import train


def train_bundled(corpus: Corpus, folder: Path, steps: int = 4000) -> None:
    """Train the bundled model and leave only what is needed to use it."""
    torch.manual_seed(1)
    model = GPT(preset("gpt2-tiny", vocab_size=corpus.tokenizer.vocab_size))
    settings = TrainSettings(steps=steps, batch_size=16, learning_rate=SHARED_RATE, save_every=500)
    run = folder / "run"
    resume = checkpoints.has_checkpoint(run)
    history = train(model, corpus, settings, out=run, resume=resume)
    if history.interrupted:
        return
    measured = {
        "val_loss": history.val_loss,
        "val_bits_per_byte": history.val_bits_per_byte,
        "tokens": history.records[-1]["tokens"],
        "seconds": history.seconds,
        "corpus": corpus.describe(),
        "machine": describe_machine(),
    }
    for old in folder.glob("step-*"):
        shutil.rmtree(old)
    checkpoints.save(folder, model, corpus.tokenizer, step=steps, state=measured)
    shutil.rmtree(run)
