"""Muon where the processor has no bfloat16: the same updates, their products in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Float32Muon(torch.optim.Muon):
    """`torch.optim.Muon`, which rounds to bfloat16, without the rounding.

    A processor that only imitates bfloat16 takes ten times as long for a whole training step of a
    model 128 wide. Settings and state are torch's own, so a run that was begun with the one can go
    on with the other.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one update, as torch's Muon does."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["adjust_lr_fn"] != "match_rms_adamw":
                raise ValueError(
                    f"adjust_lr_fn is {group['adjust_lr_fn']!r}; only match_rms_adamw is here."
                )
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)
        return loss

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        gradient, momentum = weight.grad, group["momentum"]
        assert gradient is not None
        memory = self.state[weight].setdefault("momentum_buffer", torch.zeros_like(gradient))
        memory.lerp_(gradient, 1 - momentum)
        update = gradient.lerp(memory, momentum) if group["nesterov"] else memory
        step = orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        # Liu et al. 2025, section 2.2: as large as AdamW's, whatever the shape.
        rate = group["lr"] * 0.2 * max(weight.shape) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(step, alpha=-rate)


def orthogonal(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Return a matrix with the same directions, each about equally strong.

    Each singular value s of the matrix, divided by its Frobenius norm, goes ``steps`` times through
    a·s + b·s³ + c·s⁵, which brings it near 1 (Jordan et al. 2024).

    Args:
        matrix: (m, n).
        coefficients: a, b, c.
        steps: how often.
        eps: least norm that is divided by.
    """
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.T if tall else matrix  # the smaller Gram matrix
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
