"""The model that comes with the package: how it was trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from gptlab import checkpoints
from gptlab.config import preset
from gptlab.corpora import Corpus, python_docs
from gptlab.experiments.terms import replace_checkpoint
from gptlab.heads import head_scores
from gptlab.model import GPT
from gptlab.objective import Batch, LanguageModelling, evaluate
from gptlab.runtime.device import describe_machine
from gptlab.settings import TrainSettings
from gptlab.training import train

#: All documentation that is at hand wherever gptlab is.
SOURCES = ("python", "numpy", "matplotlib", "torch")


class WithRepeats(LanguageModelling):
    """Language modelling, with one row in eight of random tokens said again and again.

    Only what the context tells counts in them. So heads that copy from the context come early; from
    text alone they come too, after several times as many tokens. Each row has a period of its own,
    or a head could learn to look a fixed way back, whatever stands there.
    """

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        """Return tokens and targets, (B, n_ctx) each."""
        x, y = super().batch(step, settings)
        draw = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        for row in range(len(x) // 8):
            period = int(torch.randint(self.n_ctx // 16, self.n_ctx // 2 + 1, (), generator=draw))
            once = torch.randint(self.tokenizer.vocab_size, (period,), generator=draw)
            said = once.repeat(self.n_ctx // period + 2)[: self.n_ctx + 1]  # (n_ctx + 1,)
            x[row], y[row] = said[:-1], said[1:]
            y[row, : period - 1] = -100  # nobody can know these
        return x, y


def train_bundled(folder: Path, steps: int = 3000) -> None:
    """Train the bundled model and leave only what is needed to use it."""
    corpus = python_docs("bpe", 4096, sources=SOURCES)
    torch.manual_seed(1)
    shape = {"n_layer": 6, "n_head": 8, "n_embd": 256, "n_ctx": 256}
    model = GPT(preset("gpt2-tiny", vocab_size=corpus.tokenizer.vocab_size, **shape))
    settings = TrainSettings(steps, batch_size=16, optimizer="muon", save_every=200)
    run = folder / "run"
    resume = checkpoints.has_checkpoint(run)
    history = train(model, WithRepeats(corpus, 256), settings, out=run, resume=resume)
    if history.interrupted:
        return
    measured = {
        "val_loss": history.val_loss,
        "val_bits_per_byte": history.val_bits_per_byte,
        "tokens": history.records[-1]["tokens"],
        "seconds": history.seconds,
        "corpus": corpus.describe(),
        "val_bits_per_byte_python": _on_python(model, corpus),
        "heads": {name: scores.max().item() for name, scores in head_scores(model).items()},
        "machine": describe_machine(),
        "curve": history.records,
    }
    half = model.to(torch.bfloat16)  # half the size; what it loses is in the fourth digit
    replace_checkpoint(folder, half, corpus.tokenizer, steps, measured)
    shutil.rmtree(run)


def _on_python(model: GPT, corpus: Corpus) -> float:
    """Return bits per byte on the validation part of Python's own documentation alone."""
    python = python_docs(corpus.tokenizer)
    return python.bits_per_byte(evaluate(model, python))
