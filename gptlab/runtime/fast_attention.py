"""Attention, fast: the same output as `gptlab.attention.attend`, without the weights.

Dense attention goes to torch's fused kernel, banded attention costs O(T · band) instead of O(T²).
No weights are held, except where a CPU works on few keys in bfloat16.

Letters in shapes: B batch, H heads, T tokens, D width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.attention import attend, causal_mask

#: Up to so many keys a CPU is sooner with the written-out path in bfloat16: torch's fused kernel is
#: up to four times as slow there, most of it in the backward pass (torch 2.13).
_WRITTEN_OUT = 512


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
        mask: takes the place of the causal mask, where rows have padding.

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
