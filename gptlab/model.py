"""The GPT, whole: token ids in, logits out. One class; its config makes it GPT-1, GPT-2 or GPT-3.

It knows nothing about text: a tokenizer stands before it, sampling behind it. How one looks inside
is said in `gptlab.tracing`, how it reads on from a cache or past padding in
`gptlab.runtime.reading`.

Letters in shapes: B batch, H heads, T tokens, D width of a head, C = H · D = n_embd,
V = vocab_size.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptlab.config import GPTConfig
from gptlab.runtime.cache import KeyValueCache
from gptlab.runtime.fast_attention import fast_attend
from gptlab.runtime.linear import Linear
from gptlab.runtime.modes import evaluating
from gptlab.runtime.reading import Reading
from gptlab.tracing import Head, Patch, Recorder, Trace


class CausalSelfAttention(nn.Module):
    """Multi-head causal self-attention (Vaswani et al. 2017, section 3.2.2), one layer of a GPT."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        """Make the projections of the given layer (its number decides whether it is banded)."""
        super().__init__()
        self.layer = layer
        self.n_head = config.n_head
        self.band = config.layer_band(layer)
        self.dropout = config.dropout
        # Queries, keys and values of all heads come from one matrix product.
        self.c_attn = Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.resid_dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, reading: Reading | None = None) -> Tensor:
        """Mix each token with the ones before it: (B, T, C) → (B, T, C)."""
        qkv = self.c_attn(x).unflatten(-1, (3, self.n_head, -1))  # (B, T, 3, H, D)
        qkv = qkv.permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        dropout = self.dropout if self.training else 0.0
        if reading is None:
            q, k, v = qkv
            heads = fast_attend(q, k, v, self.band, dropout)  # (B, H, T, D)
        else:
            heads = reading.attend(self.layer, qkv, self.band, dropout)
        joined = heads.transpose(1, 2).flatten(-2)  # (B, T, C)
        out = self.c_proj(joined)
        # Calling dropouts that do nothing took 8 % of the time of generating with a small model.
        return self.resid_dropout(out) if self.training else out


class MLP(nn.Module):
    """Two linear layers with a GELU between them, four times as wide inside.

    All three papers' code uses the tanh form of GELU (Hendrycks & Gimpel 2016, section 2).
    """

    def __init__(self, config: GPTConfig) -> None:
        """Make the layers C → 4C → C."""
        super().__init__()
        self.c_fc = Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.c_proj = Linear(4 * config.n_embd, config.n_embd, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token on its own: (B, T, C) → (B, T, C)."""
        x = self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))
        return self.dropout(x) if self.training else x


class Block(nn.Module):
    """Attention, then an MLP, each added to the residual stream."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        """Make block number ``layer``, counted from 0."""
        super().__init__()
        self.layer = layer
        self.norm = config.norm
        self.ln_1 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config, layer)
        self.ln_2 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, reading: Reading | None = None) -> Tensor:
        """Carry the residual stream through the block: (B, T, C) → (B, T, C)."""
        if self.norm == "pre":
            x = x + self.attn(self.ln_1(x), reading)
            x = x if reading is None else reading.show(f"{self.layer}.mid", x)
            x = x + self.mlp(self.ln_2(x))
        else:
            x = self.ln_1(x + self.attn(x, reading))
            x = x if reading is None else reading.show(f"{self.layer}.mid", x)
            x = self.ln_2(x + self.mlp(x))
        return x if reading is None else reading.show(f"{self.layer}.out", x)


class GPT(nn.Module):
    """A decoder-only Transformer language model.

    The initial weights come from torch's global generator: call ``torch.manual_seed`` first to get
    the same model twice. Built under ``torch.device("meta")`` it has shapes but no memory, which is
    how the papers' largest sizes are counted.
    """

    def __init__(self, config: GPTConfig) -> None:
        """Make a model with random weights, N(0, ``init_std``): 0.02 in GPT-1 (section 4.1)."""
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_ctx, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.ln_f = (
            nn.LayerNorm(config.n_embd, bias=config.bias) if config.final_norm else nn.Identity()
        )
        self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tie_weights:
            self.lm_head.weight = self.wte.weight
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        # Every block adds twice to the residual stream; without the scale its variance grows with
        # depth (GPT-2, section 2.3).
        residual_scale = 1 / math.sqrt(2 * self.config.n_layer)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0.0, self.config.init_std)
                if self.config.residual_init_scale and name.endswith("c_proj.weight"):
                    weight.mul_(residual_scale)
            elif name.endswith("bias"):
                weight.zero_()

    def hidden(self, tokens: Tensor, reading: Reading | None = None) -> Tensor:
        """Turn ids into the vectors that the output layer reads, or a task's head.

        Args:
            tokens: ids (B, T). With a cache, only those the cache has not seen.
            reading: how to read where it is not simply from the start.

        Returns:
            vectors (B, T, C).

        Raises:
            ValueError: if the sequence, cache included, is longer than ``n_ctx``, or empty.
        """
        if tokens.dim() != 2 or tokens.size(-1) == 0:
            raise ValueError(
                f"tokens has shape {tuple(tokens.shape)}; it must be (batch, tokens), with at "
                f"least one token."
            )
        start = 0 if reading is None else reading.start
        end = start + tokens.size(-1)
        if end > self.config.n_ctx:
            raise ValueError(
                f"the sequence has {end} tokens, but n_ctx is {self.config.n_ctx}; cut it to the "
                f"last {self.config.n_ctx}, or use a model with a longer context."
            )
        positions = torch.arange(start, end, device=tokens.device)  # (T,)
        if reading is not None:
            positions = reading.positions(positions)  # (T,) or (B, T)
        x = self.wte(tokens) + self.wpe(positions)  # (B, T, C)
        x = self.drop(x) if self.training else x
        x = x if reading is None else reading.show("embed", x)
        for block in self.h:
            x = block(x, reading)
        x = self.ln_f(x)
        if reading is not None:
            reading.advance(end)
            x = reading.show("final", x)
        return x

    @overload
    def forward(
        self, tokens: Tensor, targets: None = None, reading: Reading | None = None
    ) -> Tensor: ...
    @overload
    def forward(
        self, tokens: Tensor, targets: Tensor, reading: Reading | None = None
    ) -> tuple[Tensor, Tensor]: ...
    def forward(
        self, tokens: Tensor, targets: Tensor | None = None, reading: Reading | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Predict the next token at every position.

        Args:
            tokens: ids (B, T); see `hidden`, for errors too.
            targets: the ids (B, T) that should have come next; -100 marks a position that does
                not count.
            reading: see `hidden`.

        Returns:
            logits (B, T, V), or (logits, loss) where targets are given; the loss is the mean
            cross-entropy in nats over the targets that count, 0 where none does.
        """
        logits = self.lm_head(self.hidden(tokens, reading))  # (B, T, V)
        if targets is None:
            return logits
        # A sum over thousands of tokens in bfloat16 would lose the digits that matter.
        exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
        total = F.cross_entropy(exact.flatten(0, 1), targets.flatten(), reduction="sum")
        return logits, total / (targets != -100).sum().clamp(min=1)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.wte.weight.device

    def new_cache(self) -> KeyValueCache:
        """Return an empty key-value cache for generating with this model."""
        return KeyValueCache(self.config)

    def num_parameters(self, embeddings: bool = True) -> int:
        """Count the weights; a tied output layer counts once.

        Args:
            embeddings: count token and position embeddings too. Kaplan et al. 2020 leave them out.
        """
        total = sum(weight.numel() for weight in self.parameters())
        if embeddings:
            return total
        return total - self.wte.weight.numel() - self.wpe.weight.numel()

    def trace(
        self,
        tokens: Tensor,
        ablate: Collection[Head] = (),
        patch: Mapping[str, Patch] | None = None,
    ) -> Trace:
        """Run the model once, without dropout, and keep what it computed inside.

        Args:
            tokens: the ids of one sequence, (T,) or (1, T).
            ablate: heads whose output is set to zero, as (layer, head) pairs.
            patch: {name: tensor or function} to replace the tensor at a named point; names and
                shapes are listed in `gptlab.tracing`.

        Raises:
            ValueError: for more than one sequence, a head or name that does not exist, or a patch
                of the wrong shape; the message names what there is.
        """
        tokens = tokens.reshape(1, -1) if tokens.dim() == 1 else tokens
        if tokens.dim() != 2 or tokens.size(0) != 1:
            raise ValueError(
                f"tokens has shape {tuple(tokens.shape)}; a trace follows one sequence, (T,) or "
                f"(1, T)."
            )
        recorder = Recorder(self.config, ablate, patch)
        with evaluating(self), torch.no_grad():
            logits = self(tokens.to(self.device), reading=Reading(tap=recorder))
        return recorder.trace(tokens, logits)
