"""How a model reads where it is not simply from the start: on from a cache, past padding, watched.

The way through the model takes one `Reading` at most. None is the lesson: read from the first
token, keep nothing, tell nobody.

Letters in shapes: B batch, H heads, T tokens, D width of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gptlab.attention import attend, causal_mask
from gptlab.runtime.cache import KeyValueCache
from gptlab.runtime.fast_attention import fast_attend

#: Called with a name and a tensor at the points worth looking at (listed in `gptlab.tracing`);
#: returns the tensor to go on with.
Tap = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True)
class Reading:
    """How a batch is read.

    Attributes:
        past_key_values: what is kept of the tokens read before; read and extended.
        padding: how many tokens at the start of each row are padding (B,), for prompts of
            different lengths. The others neither see them nor count their positions.
        tap: called with each inner tensor by name; turns on the written-out path.
    """

    past_key_values: KeyValueCache | None = None
    padding: Tensor | None = None
    tap: Tap | None = None

    @property
    def start(self) -> int:
        """How many tokens were read before."""
        return 0 if self.past_key_values is None else self.past_key_values.length

    def positions(self, positions: Tensor) -> Tensor:
        """Count each row's positions from its first token: (T,) → (T,) or (B, T)."""
        if self.padding is None:
            return positions
        return (positions - self.padding[:, None]).clamp(min=0)

    def advance(self, end: int) -> None:
        """Note that the tokens before ``end`` have been read."""
        if self.past_key_values is not None:
            self.past_key_values.length = end

    def show(self, name: str, x: Tensor) -> Tensor:
        """Let the tap see a tensor; return what to go on with."""
        return x if self.tap is None else self.tap(name, x)

    def attend(self, layer: int, qkv: Tensor, band: int | None, dropout: float) -> Tensor:
        """Attend as a layer does, to the cache and past the padding.

        Args:
            layer: which, counted from 0.
            qkv: queries, keys and values of the new tokens (3, B, H, T, D).
            band: width of the band in tokens, or None for dense attention.
            dropout: probability of dropping a weight.

        Returns:
            what each head found (B, H, T, D).
        """
        n_query = qkv.size(-2)
        q, seen = qkv[0], qkv[1:]
        if self.past_key_values is not None:
            seen = self.past_key_values.extend(layer, seen)  # (2, B, H, n_key, D)
        k, v = seen
        mask = None
        if self.padding is not None:
            end = self.start + n_query
            mask = _padded_mask(self.padding, n_query, k.size(-2), end, band)
        if self.tap is None:
            return fast_attend(q, k, v, band, dropout, mask)
        q = self.tap(f"{layer}.queries", q)
        k = self.tap(f"{layer}.keys", k)
        v = self.tap(f"{layer}.values", v)
        if mask is None:
            mask = causal_mask(n_query, k.size(-2), band)
        _, weights = attend(q, k, v, mask)
        weights = self.tap(f"{layer}.attention", weights)  # (B, H, n_query, n_key)
        return self.tap(f"{layer}.heads", F.dropout(weights, dropout) @ v)


def _padded_mask(padding: Tensor, n_query: int, n_key: int, end: int, band: int | None) -> Tensor:
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
