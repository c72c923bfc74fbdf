"""Time to quality: how long until the loss is where the ordinary loop ends.

The ordinary loop is `transformers` at a constant rate of 1e-3 with 100 updates of warm-up, as a
well-known recipe for laptops has it. Ours runs with its defaults and fewer updates.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from benchmarks.harness import Row
from benchmarks.training import peer, update
from gptlab.config import GPTConfig, preset
from gptlab.corpora import Corpus, python_docs
from gptlab.huggingface import from_transformers
from gptlab.model import GPT
from gptlab.training import TrainSettings, evaluate, train

STEPS = 2000  # of the ordinary loop
TRIED = (600, 800, 1000, 1300)  # of ours, until one is good enough


def rows() -> Iterator[Row]:
    """Yield the comparison at the small size; the larger one takes an hour on two CPU cores."""
    corpus = python_docs("char", max_bytes=1_000_000)
    vocab_size = corpus.tokenizer.vocab_size
    config = preset("gpt2-tiny", vocab_size=vocab_size, n_layer=4, n_embd=128, n_head=4, n_ctx=64)
    their_loss, their_seconds = theirs(config, corpus)
    for steps in TRIED:
        torch.manual_seed(1)
        began = time.perf_counter()
        history = train(GPT(config), corpus, TrainSettings(steps, 12), progress=False)
        seconds = time.perf_counter() - began
        if history.val_loss <= their_loss or steps == TRIED[-1]:
            break
    reached = f"{seconds:.0f} s, {history.val_loss:.3f} nats after {steps} updates"
    other = f"{their_seconds:.0f} s, {their_loss:.3f} nats after {STEPS}"
    yield Row(
        "Time to the ordinary loop's loss, 4 layers, width 128",
        reached,
        other,
        their_seconds / seconds if history.val_loss <= their_loss else 0.0,
        1 / 0.7,
    )


def theirs(config: GPTConfig, corpus: Corpus) -> tuple[float, float]:
    """Return the validation loss that the ordinary loop ends at, and its seconds."""
    model = peer(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    began = time.perf_counter()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 100)
        update(model, optimizer, *corpus.batch(step, 12, config.n_ctx, seed=1))
    seconds = time.perf_counter() - began
    return evaluate(from_transformers(model), corpus), seconds
