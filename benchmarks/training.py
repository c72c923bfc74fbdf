"""Training: the package's own loop against `transformers` in a loop of its own.

(a) is what many write first: GPT2LMHeadModel, eager, float32, AdamW as it comes. (b) has every
switch that gptlab's loop has on this machine: the fused AdamW, and bfloat16 where ours takes it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.harness import Row
from gptlab.config import GPTConfig, preset
from gptlab.corpora import Corpus, python_docs
from gptlab.model import GPT
from gptlab.runtime.device import Hardware, choose
from gptlab.settings import TrainSettings
from gptlab.training import train

#: layers, width, heads, context, batch size, updates a repeat
SHAPES = ((4, 128, 4, 64, 12, 40), (6, 384, 6, 256, 8, 4))


def rows() -> Iterator[Row]:
    """Yield two comparisons a shape."""
    corpus = python_docs("char", max_bytes=1_000_000)
    for n_layer, n_embd, n_head, n_ctx, batch_size, steps in SHAPES:
        config = shape(corpus, n_layer, n_embd, n_head, n_ctx)
        # The peer's loop stays on the CPU, so ours and the switches do too.
        settings = TrainSettings(
            steps, batch_size, warmup=2, eval_every=steps, eval_tokens=n_ctx, device="cpu"
        )
        hardware = choose("cpu", n_embd=n_embd)
        speeds: list[list[float]] = [[], [], []]
        for _ in range(5):
            speeds[0].append(ours(config, corpus, settings))
            speeds[1].append(theirs(config, corpus, settings))
            speeds[2].append(theirs(config, corpus, settings, hardware))
        mine, plain, same = (statistics.median(s) for s in speeds)
        size = f"{n_layer} layers, width {n_embd}, context {n_ctx}, batch {batch_size}"
        what = f"Training, {size} (tokens/s)"
        target = 1.5 if n_embd == 128 else 2.5
        figure = f"{mine:,.0f}, {hardware.precision}"
        yield Row(what, figure, f"{plain:,.0f}, (a)", mine / plain, target)
        yield Row(what, figure, f"{same:,.0f}, (b)", mine / same, 1.0)


def shape(corpus: Corpus, n_layer: int, n_embd: int, n_head: int, n_ctx: int) -> GPTConfig:
    """Return a GPT-2 of this size for the corpus."""
    return preset(
        "gpt2-tiny",
        vocab_size=corpus.tokenizer.vocab_size,
        n_layer=n_layer,
        n_embd=n_embd,
        n_head=n_head,
        n_ctx=n_ctx,
    )


def ours(config: GPTConfig, corpus: Corpus, settings: TrainSettings) -> float:
    """Return tokens a second of `gptlab.training.train`, all its bookkeeping included."""
    torch.manual_seed(0)
    # The last look reads all of the validation text, and is not what is timed.
    small = replace(corpus, val=corpus.val[: 4 * config.n_ctx])
    return train(GPT(config), small, settings, progress=False).tokens_per_second


def peer(config: GPTConfig) -> GPT2LMHeadModel:
    """Make the same shape in `transformers`."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.n_ctx,
            n_embd=config.n_embd,
            n_layer=config.n_layer,
            n_head=config.n_head,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=None,
        )
    ).train()


def update(
    model: GPT2LMHeadModel,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    hardware: Hardware | None = None,
) -> float:
    """Make one update of the ordinary loop; return the loss."""
    with hardware.autocast() if hardware else nullcontext():
        logits = model(x).logits
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), y.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def theirs(
    config: GPTConfig, corpus: Corpus, settings: TrainSettings, hardware: Hardware | None = None
) -> float:
    """Return tokens a second of the ordinary loop, with our switches where hardware is given."""
    model = peer(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=hardware is not None)
    began = time.perf_counter()
    for step in range(settings.steps):
        x, y = corpus.batch(step, settings.batch_size, config.n_ctx, seed=1)
        update(model, optimizer, x, y, hardware)
    tokens = settings.steps * settings.batch_size * config.n_ctx
    return tokens / (time.perf_counter() - began)
