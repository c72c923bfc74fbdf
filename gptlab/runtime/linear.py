"""The linear layer of all models here: torch's, with every thread at work on a single token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Below so many weights, sharing the work out costs more than it saves (two cores, 2026).
_WORTH_SHARING = 100_000


class Linear(nn.Linear):
    """`torch.nn.Linear`; the same numbers, sooner where one vector goes through it on a CPU.

    Generating token by token, a layer multiplies one vector with its matrix, and waits for the
    weights to come from memory. torch leaves that product to one thread. Cut into blocks of
    rows it is a batch of products, which all threads share.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """Make the layer ``in_features`` → ``out_features``."""
        super().__init__(in_features, out_features, bias)
        self._parts = 1
        if in_features * out_features >= _WORTH_SHARING:
            self._parts = max(n for n in range(1, 33) if out_features % n == 0)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply and add: (..., in_features) → (..., out_features)."""
        if self._parts == 1 or x.shape != (1, 1, self.in_features) or not _can_share(x):
            return super().forward(x)
        row = x.expand(self._parts, -1, -1)  # (parts, 1, in)
        blocks = self.weight.view(self._parts, -1, self.in_features).mT  # (parts, in, out / parts)
        # A row from the left: a column from the right takes a path half as fast.
        if self.bias is None:
            out = torch.bmm(row, blocks)  # (parts, 1, out / parts)
        else:
            out = torch.baddbmm(self.bias.view(self._parts, 1, -1), row, blocks)
        return out.view(1, 1, -1)


def _can_share(x: Tensor) -> bool:
    """Whether several threads are there to share, and no gradient is wanted."""
    on_cpu = x.device.type == "cpu"
    return on_cpu and not torch.is_grad_enabled() and torch.get_num_threads() > 1
