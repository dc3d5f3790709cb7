"""Batch normalisation while training."""

from __future__ import annotations

from torch import nn


def freeze_norms(model: nn.Module) -> None:
    """Let batch normalisation use and keep its running statistics until `model.train()`."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
