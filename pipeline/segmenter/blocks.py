"""Building blocks of the compact network; none depends on the size of the grid."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detector.norms import frozen_norm


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation and, unless told not to, ReLU.

    A normalisation that keeps its running statistics works through the convolution's weights: the
    same answer and gradients without passes over its outputs.
    """

    def __init__(
        self, cin: int, cout: int, k: int = 3, stride: int = 1, groups: int = 1, act: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(cin, cout, k, stride, (k - 1) // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout),
        ]
        if act:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)

    def forward(self, x: Tensor) -> Tensor:
        conv, norm = self[0], self[1]
        if isinstance(norm, nn.BatchNorm2d) and not norm.training:
            assert isinstance(conv, nn.Conv2d)
            x = frozen_norm(conv, norm, x)
        else:
            x = norm(conv(x))
        return F.relu(x, inplace=True) if len(self) > 2 else x

    @property
    def norm(self) -> nn.BatchNorm2d:
        """The normalisation."""
        norm = self[1]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., CVPR 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = ConvNorm(width, width, act=False)
        nn.init.zeros_(last.norm.weight)
        self.body = nn.Sequential(ConvNorm(width, width), last)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.relu(x + self.body(x), inplace=True)
        return out


class WideMix(nn.Module):
    """Depthwise 7x7 and two 1x1 convolutions around a shortcut (ConvNeXt, Liu et al., 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = ConvNorm(2 * width, width, 1, act=False)
        nn.init.zeros_(last.norm.weight)
        self.body = nn.Sequential(
            ConvNorm(width, width, 7, groups=width, act=False),
            ConvNorm(width, 2 * width, 1),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class ContextBlock(nn.Module):
    """Transformer block over a grid; a depthwise convolution tells it where things are, so it
    takes any grid size (conditional positions, Chu et al., ICLR 2023)."""

    def __init__(self, width: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.position = nn.Conv2d(width, width, 3, 1, 1, groups=width)
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        tokens = (x + self.position(x)).flatten(2).transpose(1, 2)
        qkv = self.qkv(self.norm1(tokens)).view(b, h * w, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        seen = _attend(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        tokens = tokens + self.project(seen)
        tokens = tokens + self.mlp(self.norm2(tokens))
        out: Tensor = tokens.transpose(1, 2).reshape(b, c, h, w)
        return out


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scaled dot-product attention; written out where a processor needs gradients, for those of
    torch's own take more than twice as long there."""
    if q.device.type == "cpu" and torch.is_grad_enabled():
        return torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2), dim=-1) @ v
    return F.scaled_dot_product_attention(q, k, v)


def fold_norms(module: nn.Module) -> None:
    """Fold each batch normalisation that follows a convolution into it, in place: the same answer
    in less time, for modules in evaluation mode that will not be trained again."""
    for part in module.modules():
        if not isinstance(part, nn.Sequential):
            continue
        for i, (conv, norm) in enumerate(pairwise(part)):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                part[i], part[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
