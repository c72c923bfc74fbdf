"""The key-value cache: what attention keeps of the tokens read so far, for `past_key_values`.

Letters in shapes: B batch, H heads, T tokens, D width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        return self.buffer[..., self.start : self.end, :]  # (2, B, H, kept, D)


class KeyValueCache:
    """Keys and values of the tokens read so far, one pair a layer.

    A banded layer keeps only the band: older tokens can never be looked at again. A new token is
    written behind the others, into room made for twice as many, because copying all of them for
    each token took a third of the time of generating. Written in place, they carry no gradient.
    """

    def __init__(self, config: GPTConfig) -> None:
        """Start empty, for a model of this config."""
        self.length = 0
        self._bands = [config.layer_band(layer) for layer in range(config.n_layer)]
        self._layers: list[_Kept | None] = [None] * config.n_layer

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add a layer's new keys and values (B, H, n_new, D); return all the new tokens can see."""
        new = k.size(-2)
        kept = self._layers[layer]
        if kept is None or kept.end + new > kept.buffer.size(-2):
            kept = self._layers[layer] = _roomier(kept, k)
        kept.buffer[0, ..., kept.end : kept.end + new, :] = k
        kept.buffer[1, ..., kept.end : kept.end + new, :] = v
        kept.end += new
        k, v = kept.seen.unbind()
        band = self._bands[layer]
        if band is not None:
            kept.start = max(kept.start, kept.end - band)
        return k, v


def _roomier(kept: _Kept | None, k: Tensor) -> _Kept:
    """Move what is kept into a buffer with room for it, for new keys k, and for as many again."""
    old = 0 if kept is None else kept.end - kept.start
    room = 2 * (old + k.size(-2))
    buffer = k.new_empty(2, *k.shape[:-2], room, k.size(-1))  # (2, B, H, room, D)
    if kept is not None:
        buffer[..., :old, :] = kept.seen
    return _Kept(buffer, 0, old)
