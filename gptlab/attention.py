"""Attention, written out to be read and seen: who may look at whom, and what comes of looking.

The model attends by `gptlab.runtime.fast_attention` where nobody looks; the tests hold both equal.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


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
