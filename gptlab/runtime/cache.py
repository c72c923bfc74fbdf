"""The key-value cache: what attention keeps of the tokens read so far, for `past_key_values`.

Letters in shapes: B batch, H heads, T tokens, D width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gptlab.config import GPTConfig


@dataclass
class _Kept:
    """One layer's keys and values: the tokens ``start`` … ``end`` - 1 of a longer buffer."""

    buffer: Tensor  # (2, B, H, capacity, D)
    start: int
    end: int

    @property
    def seen(self) -> Tensor:
        return self.buffer.narrow(-2, self.start, self.end - self.start)  # (2, B, H, kept, D)


class KeyValueCache:
    """Keys and values of the tokens read so far, one pair a layer.

    A banded layer keeps only the band: older tokens can never be looked at again. A new token is
    written behind the others, into room made for as many again, because copying all of them for
    each token took a third of the time of generating. Written in place, they carry no gradient.
    """

    def __init__(self, config: GPTConfig) -> None:
        """Start empty, for a model of this config."""
        self.length = 0
        self._bands = [config.layer_band(layer) for layer in range(config.n_layer)]
        self._layers: list[_Kept | None] = [None] * config.n_layer

    def extend(self, layer: int, new: Tensor) -> Tensor:
        """Add a layer's new keys and values (2, B, H, n_new, D); return all the new tokens see."""
        kept, band, n_new = self._layers[layer], self._bands[layer], new.size(-2)
        if kept is not None and kept.end + n_new <= kept.buffer.size(-2):
            kept.buffer.narrow(-2, kept.end, n_new).copy_(new)
            kept.end += n_new
            seen = kept.seen
            if band is not None:
                kept.start = max(kept.start, kept.end - band)
        else:
            seen = new if kept is None else torch.cat([kept.seen, new], dim=-2)
            self._layers[layer] = _with_room(seen if band is None else seen[..., -band:, :])
        return seen  # (2, B, H, n, D)


def _with_room(tokens: Tensor) -> _Kept:
    """Copy keys and values (2, B, H, n, D) into a buffer with room for as many again."""
    n = tokens.size(-2)
    buffer = tokens.new_empty(*tokens.shape[:-2], 2 * n, tokens.size(-1))  # (2, B, H, 2n, D)
    buffer[..., :n, :] = tokens
    return _Kept(buffer, 0, n)
