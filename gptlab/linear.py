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
        one = x.numel() == self.in_features and x.device.type == "cpu"
        if not one or self._parts == 1 or torch.is_grad_enabled() or torch.get_num_threads() == 1:
            return super().forward(x)
        row = x.reshape(1, 1, -1).expand(self._parts, -1, -1)  # (parts, 1, in)
        blocks = self.weight.view(self._parts, -1, self.in_features)  # (parts, out / parts, in)
        # A row from the left: a column from the right takes a path half as fast.
        out = torch.bmm(row, blocks.transpose(1, 2)).view(*x.shape[:-1], self.out_features)
        return out if self.bias is None else out + self.bias
