"""The GPT: token ids in, logits out. One class; its config makes it GPT-1, GPT-2 or GPT-3.

It knows nothing about text: a tokenizer stands before it, sampling behind it.

Letters in shapes: B batch, T tokens, C = n_embd, V = vocab_size.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptlab.attention import CausalSelfAttention, Tap
from gptlab.config import GPTConfig
from gptlab.runtime.cache import KeyValueCache
from gptlab.runtime.linear import Linear

if TYPE_CHECKING:
    from pathlib import Path

    from gptlab.tracing import Head, Patch, Trace


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
        # Calling dropouts that do nothing took 8 % of the time of generating with a small model.
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

    def forward(
        self,
        x: Tensor,
        past_key_values: KeyValueCache | None = None,
        tap: Tap | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """Carry the residual stream through the block: (B, T, C) → (B, T, C)."""
        if self.norm == "pre":
            x = x + self.attn(self.ln_1(x), past_key_values, tap, padding)
            x = x if tap is None else tap(f"{self.layer}.mid", x)
            x = x + self.mlp(self.ln_2(x))
        else:
            x = self.ln_1(x + self.attn(x, past_key_values, tap, padding))
            x = x if tap is None else tap(f"{self.layer}.mid", x)
            x = self.ln_2(x + self.mlp(x))
        return x if tap is None else tap(f"{self.layer}.out", x)


class GPT(nn.Module):
    """A decoder-only Transformer language model.

    The initial weights come from torch's global generator: call ``torch.manual_seed`` first to get
    the same model twice. Built under ``torch.device("meta")`` it has shapes but no memory, which is
    how the papers' largest sizes are counted.
    """

    def __init__(self, config: GPTConfig) -> None:
        """Make a model with random weights, N(0, 0.02) as in GPT-1 (section 4.1)."""
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
                weight.normal_(0.0, 0.02)
                if self.config.residual_init_scale and name.endswith("c_proj.weight"):
                    weight.mul_(residual_scale)
            elif name.endswith("bias"):
                weight.zero_()

    @overload
    def forward(
        self,
        tokens: Tensor,
        targets: None = None,
        past_key_values: KeyValueCache | None = None,
        tap: Tap | None = None,
        padding: Tensor | None = None,
    ) -> Tensor: ...
    @overload
    def forward(
        self,
        tokens: Tensor,
        targets: Tensor,
        past_key_values: KeyValueCache | None = None,
        tap: Tap | None = None,
        padding: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]: ...
    def forward(
        self,
        tokens: Tensor,
        targets: Tensor | None = None,
        past_key_values: KeyValueCache | None = None,
        tap: Tap | None = None,
        padding: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Predict the next token at every position.

        Args:
            tokens: ids (B, T). With a cache, only those the cache has not seen.
            targets: the ids (B, T) that should have come next; -100 marks a position to leave out.
            past_key_values: cache from ``new_cache``, read and extended.
            tap: called with each inner tensor by name (see ``gptlab.tracing``).
            padding: how many tokens at the start of each row are padding (B,), for prompts of
                different lengths. The others neither see them nor count their positions.

        Returns:
            logits (B, T, V), or (logits, loss) where targets are given; the loss is the mean
            cross-entropy in nats per token.

        Raises:
            ValueError: if the sequence, cache included, is longer than ``n_ctx``, or empty.
        """
        start = 0 if past_key_values is None else past_key_values.length
        end = start + tokens.size(-1)
        if tokens.dim() != 2 or tokens.size(-1) == 0:
            raise ValueError(
                f"tokens has shape {tuple(tokens.shape)}; it must be (batch, tokens), with at "
                f"least one token."
            )
        if end > self.config.n_ctx:
            raise ValueError(
                f"the sequence has {end} tokens, but n_ctx is {self.config.n_ctx}; cut it to the "
                f"last {self.config.n_ctx}, or use a model with a longer context."
            )
        positions = torch.arange(start, end, device=tokens.device)  # (T,)
        if padding is not None:
            positions = (positions - padding[:, None]).clamp(min=0)  # (B, T)
        x = self.wte(tokens) + self.wpe(positions)  # (B, T, C)
        x = self.drop(x) if self.training else x
        x = x if tap is None else tap("embed", x)
        for block in self.h:
            x = block(x, past_key_values, tap, padding)
        if past_key_values is not None:
            past_key_values.length = end
        x = self.ln_f(x)
        x = x if tap is None else tap("final", x)
        logits = self.lm_head(x)  # (B, T, V)
        if targets is None:
            return logits
        # A sum over thousands of tokens in bfloat16 would lose the digits that matter.
        exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return logits, F.cross_entropy(exact.flatten(0, 1), targets.flatten())

    @classmethod
    def from_huggingface(cls, name: Path | str, revision: str = "main") -> GPT:
        """Return a model from a folder or the Hugging Face hub: see `gptlab.huggingface.load`.

        Raises:
            OSError: for a name that is neither cached nor, without a network, to be had.
            ValueError: for another architecture.
        """
        from gptlab.huggingface import load_model

        return load_model(name, revision)

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
        """Run one forward pass with everything kept: see `gptlab.tracing.trace`."""
        from gptlab.tracing import trace

        return trace(self, tokens, ablate, patch)
