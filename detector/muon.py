"""Muon for what is a matrix in a network, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from detector import quiet  # noqa: F401  (before ultralytics)

# isort: split
from ultralytics.optim.muon import muon_update

_MOMENTUM = 0.95
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
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        for p in params:
            if "momentum" not in self.state[p]:
                # Without a step AdamW takes no state back from a checkpoint.
                self.state[p].update(step=torch.tensor(0.0), momentum=torch.zeros_like(p))
        momentum = [self.state[p]["momentum"] for p in params]
        updates = muon_update([p.grad for p in params], momentum, _MOMENTUM)
        rate = group["lr"]
        for p, update in zip(params, updates, strict=True):
            # The root of the longer side, of which `muon_update` has done this much already.
            done = max(1.0, p.shape[-2] / p.shape[-1]) ** 0.5
            scale = _SIZE_OF_ADAMW * max(p.shape[0], p[0].numel()) ** 0.5 / done
            p.mul_(1 - rate * group["weight_decay"]).add_(update, alpha=-rate * scale)


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
