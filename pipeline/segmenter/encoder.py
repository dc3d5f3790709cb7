"""The compact network's image encoder, and the sizes of the whole network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.segmenter.blocks import ContextBlock, ConvNorm, Residual


@dataclass(frozen=True, slots=True)
class CompactConfig:
    """Sizes of the network; travels in the weights file."""

    stem: int = 16
    widths: tuple[int, int, int] = (32, 96, 128)  # at strides 4, 8, 16
    depths: tuple[int, int, int] = (2, 3, 4)
    context_width: int = 256  # at stride 32
    context_depth: int = 3
    embed_dim: int = 128
    transformer_depth: int = 2
    mask_dim: int = 8  # channels of the mask features at stride 1

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CompactConfig:
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**given)


class HybridEncoder(nn.Module):
    """Image encoder: (B, 3, S, S) normalised floats, S a multiple of 64 ->
    embedding (B, embed_dim, S/16, S/16) and features at strides 2, 4 and 8."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.img_size = 512  # the usual input; any multiple of SIZE_STEP works
        widths = (config.stem, *config.widths)
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.stem, 6, 2, 2, bias=False),
            nn.BatchNorm2d(config.stem),
            nn.ReLU(inplace=True),
            ConvNorm(config.stem, config.stem),
        )
        self.stages = nn.ModuleList(
            nn.Sequential(ConvNorm(a, b, stride=2), *(Residual(b) for _ in range(n)))
            for a, b, n in zip(widths[:-1], widths[1:], config.depths, strict=True)
        )
        self.context = nn.Sequential(
            ConvNorm(widths[-1], config.context_width, stride=2),
            *(ContextBlock(config.context_width) for _ in range(config.context_depth)),
            ConvNorm(config.context_width, config.embed_dim, 1, act=False),
        )
        self.lateral = ConvNorm(widths[-1], config.embed_dim, 1, act=False)
        self.neck = nn.Sequential(nn.ReLU(inplace=True), Residual(config.embed_dim))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.stem(x)
        features = [x]
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        wide = F.interpolate(self.context(x), scale_factor=2.0, mode="bilinear")
        return self.neck(wide + self.lateral(x)), features[:3]
