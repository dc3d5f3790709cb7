"""Batch normalisation while training."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn


def freeze_norms(model: nn.Module) -> None:
    """Let batch normalisation use and keep its running statistics until `model.train()`."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def frozen_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """`norm(conv(x))` by the running statistics, worked into the convolution's weights: the same
    answer and gradients without passes over the convolution's outputs."""
    assert norm.running_mean is not None and norm.running_var is not None
    assert conv.bias is None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale.view(-1, 1, 1, 1)
    bias = norm.bias - norm.running_mean * scale
    wide = conv.groups > 1 and x.device.type == "cpu" and torch.is_grad_enabled()
    # Processors take twice as long for a depthwise filter's gradient in half precision.
    with torch.autocast("cpu", enabled=False) if wide else nullcontext():
        out: Tensor = conv._conv_forward(x.float() if wide else x, weight, bias)
    return out
