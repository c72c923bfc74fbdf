"""Attention, twice: written out to be read and seen, and fast to be trained.

The written-out path (`attend`) returns the weights and is what chapter 3.1 builds. The fast path
(`fast_attend`) returns no weights, and holds none except where a CPU works on few keys in bfloat16;
its banded form costs O(T · band) instead of O(T²).
Both compute the same function, and the tests hold them equal.

Letters in shapes: B batch, H heads, T tokens, D width of a head, C = H · D width of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptlab.config import GPTConfig
from gptlab.runtime.cache import KeyValueCache
from gptlab.runtime.linear import Linear

#: Up to so many keys a CPU is sooner with the written-out path in bfloat16: torch's fused kernel is
#: up to four times as slow there, most of it in the backward pass (torch 2.13).
_WRITTEN_OUT = 512

#: Called with a name and a tensor at the points worth looking at; returns the tensor to go on with.
Tap = Callable[[str, Tensor], Tensor]


def causal_mask(n_query: int, n_key: int | None = None, band: int | None = None) -> Tensor:
    """Say which key each query may look at.

    Queries are the last ``n_query`` of ``n_key`` tokens, so query i stands at position
    n_key - n_query + i. It sees itself and the tokens before it; with a band of w, only itself and
    the w - 1 tokens before it.

    Args:
        n_query: number of queries.
        n_key: number of keys, by default as many as queries.
        band: width of the band in tokens, or None for no limit.

    Returns:
        Boolean tensor (n_query, n_key), True where the query may look.

    Raises:
        ValueError: if there are fewer keys than queries, or the band is below 1.
    """
    n_key = n_query if n_key is None else n_key
    if n_key < n_query:
        raise ValueError(f"{n_query} queries need at least as many keys, but there are {n_key}.")
    if band is not None and band < 1:
        raise ValueError(f"band is {band}; a token sees at least itself, so band must be ≥ 1.")
    query = torch.arange(n_key - n_query, n_key)[:, None]  # (n_query, 1)
    key = torch.arange(n_key)[None, :]  # (1, n_key)
    allowed = key <= query
    return allowed if band is None else allowed & (key > query - band)


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention, written out (Vaswani et al. 2017, equation 1).

    Args:
        q: queries (..., n_query, D).
        k: keys (..., n_key, D).
        v: values (..., n_key, D).
        mask: boolean (n_query, n_key) or broadcastable, True where a query may look; None for all.
        scale: factor on the scores, by default 1/√D.
        dropout: probability of dropping a weight before the values are mixed.

    Returns:
        output (..., n_query, D) and weights (..., n_query, n_key), whose rows sum to 1.
    """
    scale = 1 / math.sqrt(q.size(-1)) if scale is None else scale
    scores = q @ k.transpose(-2, -1) * scale  # (..., n_query, n_key)
    if mask is not None:
        scores = scores.masked_fill(~mask.to(scores.device), float("-inf"))
    weights = scores.softmax(dim=-1)
    return F.dropout(weights, dropout) @ v, weights


def padded_mask(padding: Tensor, n_query: int, n_key: int, end: int, band: int | None) -> Tensor:
    """Say which key each query may look at where rows begin with padding.

    Args:
        padding: how many tokens at the start of each row are padding (B,).
        n_query: number of queries, the last of the keys.
        n_key: number of keys.
        end: number of tokens so far, those included that a banded layer has forgotten.
        band: width of the band in tokens, or None for no limit.

    Returns:
        Boolean tensor (B, 1, n_query, n_key).
    """
    key = torch.arange(end - n_key, end, device=padding.device)  # (n_key,)
    real = key >= padding[:, None]  # (B, n_key)
    allowed = causal_mask(n_query, n_key, band).to(padding.device) & real[:, None, :]
    # A padding token sees itself, or its weights would be 0/0; nobody looks at what it becomes.
    itself = key == key[-n_query:, None]  # (n_query, n_key)
    return (allowed | itself)[:, None]


def fast_attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    band: int | None = None,
    dropout: float = 0.0,
    mask: Tensor | None = None,
) -> Tensor:
    """Causal attention without the weights: the same output as `attend` under `causal_mask`.

    Queries are the last of the keys, as in `causal_mask`, so that a key-value cache can be longer
    than the new part.

    Args:
        q: queries (B, H, n_query, D).
        k: keys (B, H, n_key, D).
        v: values (B, H, n_key, D).
        band: width of the band in tokens, or None for dense attention.
        dropout: probability of dropping a weight.
        mask: `padded_mask` where rows have padding; it takes the place of the causal mask.

    Returns:
        output (B, H, n_query, D).
    """
    n_query, n_key = q.size(-2), k.size(-2)
    if mask is None and band is not None and band < n_key:
        if n_query == n_key:
            return _banded(q, k, v, band, dropout)
        mask = causal_mask(n_query, n_key, band).to(q.device)
    elif mask is None and 1 < n_query < n_key:
        mask = causal_mask(n_query, n_key).to(q.device)
    return _mix(q, k, v, mask, dropout)


def _mix(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """Attend by torch's fused kernel, or written out where that is sooner: (B, H, n_query, D).

    Without a mask, as many queries as keys are causal, and a single new token sees everything.
    """
    causal = mask is None and q.size(-2) == k.size(-2)
    short = q.size(-2) > 1 and k.size(-2) <= _WRITTEN_OUT
    if short and q.dtype == torch.bfloat16 and q.device.type == "cpu":
        return attend(q, k, v, causal_mask(q.size(-2)) if causal else mask, dropout=dropout)[0]
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, dropout_p=dropout
    )


def _banded(q: Tensor, k: Tensor, v: Tensor, band: int, dropout: float) -> Tensor:
    """Banded attention in blocks of queries: O(T · band).

    A query looks no further back than band - 1 tokens, so a block of b queries needs its own keys
    and the w before it, where w is the band in whole blocks. These windows overlap, and are views:
    copying their keys and values took a third of the time.
    """
    n_token = q.size(-2)
    size = min(64, max(16, band // 2))  # b; tried from 8 to 256, for bands from 32 to 256
    back = -(-band // size) * size  # w
    mask = causal_mask(min(back, n_token), band=band).to(q.device)
    first = _mix(q[..., :back, :], k[..., :back, :], v[..., :back, :], mask, dropout)
    n_block = -(-(n_token - back) // size)  # N, of the queries after the first w
    if n_block <= 0:
        return first  # (B, H, T, D)
    if pad := back + n_block * size - n_token:
        q, k, v = (F.pad(part, (0, 0, 0, pad)) for part in (q, k, v))
    q, k, v = (part.flatten(0, 1) for part in (q, k, v))  # (B·H, w+N·b, D)
    queries = q[:, back:].unflatten(1, (n_block, size))  # (B·H, N, b, D)
    keys = _Windows.apply(k, size, back + size)  # (B·H, N, w+b, D)
    values = _Windows.apply(v, size, back + size)  # (B·H, N, w+b, D)
    # The queries of a block are the last b of its w + b keys.
    mask = causal_mask(size, back + size, band).to(q.device)
    rest = _mix(queries, keys, values, mask, dropout)  # (B·H, N, b, D)
    rest = rest.flatten(1, 2).unflatten(0, first.shape[:2])  # (B, H, N·b, D)
    return torch.cat([first, rest], dim=-2)[..., :n_token, :]  # (B, H, T, D)


class _Windows(torch.autograd.Function):
    """Windows of rows (R, T, D), one every ``size`` tokens, as a view: (R, N, length, D).

    `Tensor.unfold` does the same; its backward pass took twice as long as adding whole slices.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, size: int, length: int) -> Tensor:
        ctx.size, ctx.shape = size, rows.shape
        return rows.unfold(1, length, size).transpose(-1, -2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        n_block, length = grad.shape[1:3]
        out = grad.new_zeros(ctx.shape)  # (R, T, D)
        for start in range(0, length, ctx.size):  # the windows' first blocks, second blocks, …
            part = out[:, start : start + n_block * ctx.size].unflatten(1, (n_block, ctx.size))
            part += grad[:, :, start : start + ctx.size]
        return out, None, None


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

    def forward(
        self,
        x: Tensor,
        past_key_values: KeyValueCache | None = None,
        tap: Tap | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """Mix each token with the ones before it: (B, T, C) → (B, T, C).

        Args:
            x: the tokens' vectors.
            past_key_values: cache to read and extend; ``x`` then holds only the new tokens.
            tap: called with each inner tensor by name; turns on the written-out path.
            padding: how many tokens at the start of each row are padding (B,).
        """
        qkv = self.c_attn(x).unflatten(-1, (3, self.n_head, -1))  # (B, T, 3, H, D)
        qkv = qkv.permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        end = x.size(1)
        if past_key_values is None:
            q, k, v = qkv
        else:
            end += past_key_values.length
            q, (k, v) = qkv[0], past_key_values.extend(self.layer, qkv[1:])
        if tap is None:
            mask = None
            if padding is not None:
                mask = padded_mask(padding, x.size(1), k.size(-2), end, self.band)
            dropout = self.dropout if self.training else 0.0
            heads = fast_attend(q, k, v, self.band, dropout, mask)
        else:
            heads = self._attend_and_tell(q, k, v, tap)
        joined = heads.transpose(1, 2).flatten(-2)  # (B, T, C)
        out = self.c_proj(joined)
        return self.resid_dropout(out) if self.training else out

    def _attend_and_tell(self, q: Tensor, k: Tensor, v: Tensor, tap: Tap) -> Tensor:
        """Take the written-out path, showing each step to the tap: → (B, H, T, D)."""
        q = tap(f"{self.layer}.queries", q)
        k = tap(f"{self.layer}.keys", k)
        v = tap(f"{self.layer}.values", v)
        mask = causal_mask(q.size(-2), k.size(-2), self.band)
        _, weights = attend(q, k, v, mask)
        weights = tap(f"{self.layer}.attention", weights)  # (B, H, n_query, n_key)
        return tap(f"{self.layer}.heads", weights @ v)
