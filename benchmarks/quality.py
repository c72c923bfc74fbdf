"""Time to quality: how long until the loss is where the ordinary loop ends.

The ordinary loop is `transformers` at a constant rate of 1e-3 with 100 updates of warm-up, as a
well-known recipe for laptops has it. Ours runs with the command line's defaults, Muon among them,
and fewer updates.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from benchmarks.harness import Row
from benchmarks.training import peer, shape, update
from gptlab.config import GPTConfig
from gptlab.corpora import Corpus, python_docs
from gptlab.huggingface import from_transformers
from gptlab.model import GPT
from gptlab.objective import evaluate
from gptlab.settings import TrainSettings
from gptlab.training import train

#: layers, width, heads, context, batch size, updates of the ordinary loop, those of ours to try
#: until one is good enough, the share of the time that was aimed for
SHAPES = (
    (4, 128, 4, 64, 12, 2000, (700, 800, 1000), 1 / 3.5),
    (6, 384, 6, 256, 8, 240, (80, 100, 120), 1 / 3.5),
)


def rows() -> Iterator[Row]:
    """Yield one comparison a size."""
    corpus = python_docs("char", max_bytes=1_000_000)
    for n_layer, n_embd, n_head, n_ctx, batch_size, their_steps, tried, share in SHAPES:
        config = shape(corpus, n_layer, n_embd, n_head, n_ctx)
        their_loss, their_seconds = theirs(config, corpus, batch_size, their_steps)
        for steps in tried:
            torch.manual_seed(1)
            settings = TrainSettings(
                steps, batch_size, optimizer="muon", warmup=min(100, steps // 3), device="cpu"
            )
            began = time.perf_counter()
            history = train(GPT(config), corpus, settings, progress=False)
            seconds = time.perf_counter() - began
            reached = history.val_loss <= their_loss
            if reached:
                break
        yield Row(
            f"Time to the ordinary loop's loss, {n_layer} layers, width {n_embd}",
            f"{seconds:.0f} s, {history.val_loss:.3f} nats after {steps} updates",
            f"{their_seconds:.0f} s, {their_loss:.3f} nats after {their_steps}",
            their_seconds / seconds if reached else 0.0,
            1 / share,
        )


def theirs(config: GPTConfig, corpus: Corpus, batch_size: int, steps: int) -> tuple[float, float]:
    """Return the validation loss that the ordinary loop ends at, and its seconds."""
    model = peer(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    began = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 100)
        update(model, optimizer, *corpus.batch(step, batch_size, config.n_ctx, seed=1))
    seconds = time.perf_counter() - began
    return evaluate(from_transformers(model), corpus), seconds
