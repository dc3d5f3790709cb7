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
    depths: tuple[int, int, int] = (3, 4, 6)
    context_width: int = 256  # at stride 32
    context_depth: int = 5
    embed_dim: int = 128
    transformer_depth: int = 2
    mask_dim: int = 8  # channels of the mask features at stride 1
    mix_depth: int = 3  # blocks at stride 16 between the transformer and the upscaling

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CompactConfig:
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**{"mix_depth": 2, **given})  # older files do not say


HINTS = 4  # channels that tell an image encoder what is asked: box, points to either side, mask
HINT_STRIDE = 4


class HybridEncoder(nn.Module):
    """Image encoder in two halves: what is seen of the image alone, and what is made of it once
    the prompt is known. Images are (B, 3, S, S) normalised floats, S a multiple of 64."""

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
        self.hints = nn.ModuleList(
            nn.Conv2d(HINTS, width, 3, stride, 1, bias=False)
            for width, stride in zip(config.widths, (1, 2), strict=False)
        )
        for hint in self.hints:
            nn.init.zeros_(hint.weight)  # type: ignore[arg-type]

    def begin(self, x: Tensor) -> list[Tensor]:
        """Features at strides 2 and 4, the same for all prompts."""
        fine = self.stem(x)
        return [fine, self.stages[0](fine)]

    def finish(
        self, begun: list[Tensor], hints: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Embedding (B, embed_dim, S/16, S/16) and features at strides 2, 4 and 8, for prompts
        drawn as (B, HINTS, S/4, S/4), or none; what was begun of one image serves them all."""
        fine, x = begun
        if hints is not None:
            x = x + self.hints[0](hints)
        features = [fine, x]
        x = self.stages[1](x)
        if hints is not None:
            x = x + self.hints[1](hints)
        features.append(x)
        x = self.stages[2](x)
        wide = F.interpolate(self.context(x), scale_factor=2.0, mode="bilinear")
        return self.neck(wide + self.lateral(x)), features
