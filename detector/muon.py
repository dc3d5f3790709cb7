"""Muon for what is a matrix in a network, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from detector.devices import has_bfloat16

_MOMENTUM = 0.95
_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: steep at zero, singular values end near 1
_ROUNDS = 5
_SIZE_OF_ADAMW = 0.2


class Muon(torch.optim.AdamW):
    """Muon (Jordan et al., 2024) for groups of parameters with `muon` set, AdamW (Loshchilov and
    Hutter, ICLR 2019) for the others.

    The gradient's mean over some steps is made orthogonal, so that every direction of a layer
    moves as far, also those that few examples speak for. The steps are scaled to the size of
    AdamW's (Liu et al., 2025, *Muon is scalable for LLM training*), so that all groups take the
    same rate and decay.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of all groups; see `torch.optim.Optimizer`."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group.get("muon")]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group.get("muon"):
                self._step_matrices(group)
        return loss

    def _step_matrices(self, group: dict[str, Any]) -> None:
        rate = group["lr"]
        half = bool(group["params"]) and has_bfloat16(group["params"][0].device)
        for p in group["params"]:
            grad = p.grad
            if grad is None:
                continue
            state = self.state[p]
            if "momentum" not in state:
                # Without a step AdamW takes no state back from a checkpoint.
                state.update(step=torch.tensor(0.0), momentum=torch.zeros_like(p))
            momentum = state["momentum"].lerp_(grad, 1 - _MOMENTUM)
            blend = grad.lerp(momentum, _MOMENTUM).flatten(1)
            update = orthogonal(blend.bfloat16() if half else blend).reshape(p.shape)
            scale = _SIZE_OF_ADAMW * max(p.shape[0], p[0].numel()) ** 0.5
            p.mul_(1 - rate * group["weight_decay"]).add_(update, alpha=-rate * scale)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix (N, M) with its singular values moved to about 1, by Newton-Schulz steps.

    In the matrix's own precision; bfloat16 serves, but processors without instructions for it need
    longer for these steps in it than for all else in training.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(_ROUNDS):
        square = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(square, square, square, beta=b, alpha=c), wide, beta=a)
    return wide if wide.shape == matrix.shape else wide.T


def grouped(params: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Groups for `Muon`: layers' weights and dense filters, then the rest, depthwise filters among
    it, whose rows have nothing to do with each other."""
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for p in params:
        (matrices if p.ndim in (2, 4) and p.shape[1] > 1 else rest).append(p)
    return [
        {"params": matrices, "weight_decay": weight_decay, "muon": True},
        {"params": rest, "weight_decay": weight_decay, "muon": False},
    ]
