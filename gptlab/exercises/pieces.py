"""A GPT put together from functions: a reader's own where they are right, else the package's.

`Pieces` are the five functions that chapter 3.1 asks for, `Assembled` is the GPT they make, on the
weights of a `gptlab.GPT`, and `train` moves those weights by the reader's training step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptlab import attention as written_out
from gptlab.config import GPTConfig
from gptlab.corpora import Corpus
from gptlab.model import GPT, Block
from gptlab.runtime.progress import bar, stop_request
from gptlab.runtime.reading import Reading
from gptlab.settings import TrainSettings, learning_rate_at, make_optimizers

Piece = Callable[..., Any]


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Return the output (…, T, D) of attention under a boolean mask (T, T), without the weights."""
    return written_out.attend(q, k, v, mask)[0]


def split_heads(x: Tensor, n_head: int) -> Tensor:
    """Deal the width out to the heads: (B, T, C) → (B, H, T, D)."""
    return x.unflatten(-1, (n_head, -1)).transpose(1, 2)


def norm_and_mlp(
    x: Tensor,
    gain: Tensor,
    shift: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    b_out: Tensor,
) -> Tensor:
    """Add a block's MLP to its stream: (T, C) → (T, C).

    Args:
        x: the stream.
        gain: LayerNorm's (C,), as is ``shift``.
        shift: see ``gain``.
        w_in: (C, 4C), with ``b_in`` (4C,).
        b_in: see ``w_in``.
        w_out: (4C, C), with ``b_out`` (C,).
        b_out: see ``w_out``.
    """
    inner = F.layer_norm(x, gain.shape, gain, shift) @ w_in + b_in  # (T, 4C)
    return x + F.gelu(inner, approximate="tanh") @ w_out + b_out


def train_step(model: nn.Module, x: Tensor, y: Tensor, optimizer: torch.optim.Optimizer) -> float:
    """Make one update from the batch x, y, (B, T) each; return its loss before, in nats a token."""
    optimizer.zero_grad()
    _, loss = model(x, y)
    loss.backward()
    optimizer.step()
    told: float = loss.item()
    return told


@dataclass(frozen=True)
class Pieces:
    """What a GPT is put together from and trained by; the package's own, unless others are given.

    Attributes:
        causal_mask: T → boolean (T, T), True where a query may look.
        attention: q, k, v (…, T, D) and a mask (T, T) → (…, T, D).
        split_heads: x (B, T, C) and the number of heads → (B, H, T, D).
        norm_and_mlp: x (T, C), then gain, shift, W_in, b_in, W_out, b_out → (T, C).
        train_step: model, x, y, optimizer → the loss as a float, after one update.
    """

    causal_mask: Piece = written_out.causal_mask
    attention: Piece = attention
    split_heads: Piece = split_heads
    norm_and_mlp: Piece = norm_and_mlp
    train_step: Piece = train_step


class Assembled(GPT):
    """A GPT whose blocks are computed by pieces, on weights named and drawn as `gptlab.GPT`'s.

    After the same ``torch.manual_seed`` both start from the same weights.
    """

    def __init__(self, config: GPTConfig, pieces: Pieces | None = None) -> None:
        """Make the model with random weights.

        Raises:
            ValueError: for a config whose blocks are not made of these pieces.
        """
        plain = config.replace(
            norm="pre", final_norm=True, attention=("dense",), dropout=0.0, bias=True
        )
        if wrong := plain.diff(config):
            raise ValueError(
                f"the pieces make a GPT-2 block without dropout; the config differs in "
                f"{', '.join(wrong)}."
            )
        super().__init__(config)
        self.pieces = pieces or Pieces()

    def hidden(self, tokens: Tensor, reading: Reading | None = None) -> Tensor:
        """Turn ids (B, T) into the vectors (B, T, C) that the output layer reads.

        Raises:
            ValueError: for a reading: the pieces know no cache, and are not looked into.
        """
        if reading is not None:
            raise ValueError("pieces read from the start, with no cache: use gptlab.GPT for that.")
        n_tokens = tokens.size(1)
        x = self.wte(tokens) + self.wpe.weight[:n_tokens]  # (B, T, C)
        mask = self.pieces.causal_mask(n_tokens).to(x.device)  # (T, T)
        for block in self.h:
            assert isinstance(block, Block)
            x = self._other_half(block, x + self._attend(block, x, mask))
        normed: Tensor = self.ln_f(x)
        return normed

    def _attend(self, block: Block, x: Tensor, mask: Tensor) -> Tensor:
        parts = block.attn.c_attn(block.ln_1(x)).chunk(3, dim=-1)  # (B, T, C) each
        q, k, v = (self.pieces.split_heads(part, self.config.n_head) for part in parts)
        heads = self.pieces.attention(q, k, v, mask)  # (B, H, T, D)
        mixed: Tensor = block.attn.c_proj(heads.transpose(1, 2).flatten(-2))
        return mixed

    def _other_half(self, block: Block, x: Tensor) -> Tensor:
        norm, first, second = block.ln_2, block.mlp.c_fc, block.mlp.c_proj
        rows = self.pieces.norm_and_mlp(
            x.flatten(0, 1),  # each token is on its own here, so the batch is more rows
            norm.weight,
            norm.bias,
            first.weight.T,
            first.bias,
            second.weight.T,
            second.bias,
        )
        out: Tensor = rows.view_as(x)
        return out


def train(
    model: GPT,
    step: Piece,
    corpus: Corpus,
    settings: TrainSettings,
    *,
    progress: bool = True,
) -> list[float]:
    """Train the model in place, where it is, and return the loss that each step gave.

    Batches, learning rates and optimizer are those of `gptlab.train` with the same settings. Ctrl-C
    (or the notebook's stop button) ends it after the current step.

    Args:
        model: trained in place, left in evaluation mode.
        step: makes one update; see `Pieces`.
        corpus: what to learn.
        settings: how to train.
        progress: show a bar with the loss and the time left.

    Raises:
        ValueError: for settings that ask for more in a step than the gradient and its update.
    """
    if settings.clip or settings.accumulate > 1 or settings.optimizer != "adamw":
        raise ValueError("a plain step has AdamW, clip 0 and accumulate 1; set them so.")
    settings = settings.for_model(model.config)
    (optimizer,) = make_optimizers(model, settings)
    losses: list[float] = []
    model.train()
    with stop_request() as stopping, bar(settings.steps, 0, progress, "Your pieces") as shown:
        while len(losses) < settings.steps and not stopping():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(len(losses), settings)
            x, y = corpus.batch(
                len(losses), settings.batch_size, model.config.n_ctx, settings.seed
            )  # (B, T) each
            losses.append(step(model, x.to(model.device), y.to(model.device), optimizer))
            shown.update(1)
            shown.set_postfix_str(f"loss {losses[-1]:.3f}", refresh=False)
    model.eval()
    return losses
