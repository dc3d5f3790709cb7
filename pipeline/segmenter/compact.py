"""The compact segmenter's network: segment-anything's prompt encoder and mask decoder over a
small hybrid image encoder, for square crops of any size that is a multiple of 64.

Kept from *Segment Anything* (Kirillov et al., ICCV 2023): prompt tokens with random Fourier
positions, the two-way transformer, mask tokens with hypernetworks, the predicted quality.
Changed for thin frames and small processors:

- the encoder is plain 3x3 convolutions down to stride 16, which processors run fastest, and a
  few attention blocks at stride 32 that see the whole crop (a temple and a cable look alike
  from near by);
- features of strides 2, 4 and 8 are fused while the masks are upscaled, as in HQ-SAM (Ke et
  al., NeurIPS 2023) and SAM 2 (Ravi et al., 2024), and the masks come out at stride 1 by
  sub-pixel rearrangement (Shi et al., CVPR 2016), so that a wire one pixel wide survives;
- boxes and points are also drawn into the dense prompt (as clicks are in RITM, Sofiiuk et al.,
  2021), which teaches obedience in far fewer steps than tokens alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

STRIDE = 16  # of the image embedding, as in SAM
SIZE_STEP = 64  # crops are a multiple of this: stride 32 with an even grid
NO_POINT, NEGATIVE, POSITIVE, CORNER_A, CORNER_B = -1, 0, 1, 2, 3
MASK_NAMES = ("glasses", "glasses", "frame", "lens")  # single-mask token, then the three


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
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation and, unless told not to, ReLU."""

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


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., CVPR 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvNorm(width, width), ConvNorm(width, width, act=False))
        nn.init.zeros_(self.body[1][1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x), inplace=True)


class WideMix(nn.Module):
    """Depthwise 7x7 and two 1x1 convolutions around a shortcut (ConvNeXt, Liu et al., 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(width, width, 7, groups=width, act=False),
            ConvNorm(width, 2 * width, 1),
            ConvNorm(2 * width, width, 1, act=False),
        )
        nn.init.zeros_(self.body[2][1].weight)

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
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        tokens = (x + self.position(x)).flatten(2).transpose(1, 2)
        qkv = self.qkv(self.norm1(tokens)).view(b, h * w, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        tokens = tokens + self.project(seen)
        tokens = tokens + self.mlp(self.norm2(tokens))
        return tokens.transpose(1, 2).reshape(b, c, h, w)


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


class GridPromptEncoder(PromptEncoder):  # type: ignore[misc]
    """segment-anything's prompt encoder for a grid whose size changes from crop to crop.

    Boxes may come as such or as points labelled 2 and 3 (top left, bottom right), so that one
    batch can mix boxes, points and both.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__(embed_dim, (32, 32), (512, 512), mask_in_chans=16)
        self.drawn = nn.Sequential(nn.Conv2d(3, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, embed_dim, 1))

    def set_size(self, size: int) -> None:
        """Choose the side of the input in pixels; positions and mask inputs follow."""
        grid = size // STRIDE
        self.input_image_size = (size, size)
        self.image_embedding_size = (grid, grid)
        self.mask_input_size = (4 * grid, 4 * grid)

    def _embed_points(self, points: Tensor, labels: Tensor, pad: bool) -> Tensor:
        if pad:
            points = F.pad(points, (0, 0, 0, 1))
            labels = F.pad(labels, (0, 1), value=NO_POINT)
        embedding = self.pe_layer.forward_with_coords(points + 0.5, self.input_image_size)
        kinds = torch.cat([self.not_a_point_embed.weight, *(e.weight for e in self.point_embeddings)])
        kind = kinds[labels.long() + 1]
        return torch.where(labels[..., None] == NO_POINT, kind, embedding + kind)

    def forward(
        self,
        points: tuple[Tensor, Tensor] | None,
        boxes: Tensor | None,
        masks: Tensor | None,
        has_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Embed prompts for B masks.

        Arguments:
          points: coordinates (B, K, 2) as (x, y) pixels of the input and labels (B, K) of
            1 foreground, 0 background, 2 and 3 box corners, -1 nothing.
          boxes: (B, 4) xyxy pixels of the input.
          masks: (B, 1, 4h, 4w) logits for an embedding of (h, w).
          has_mask: (B,) bool, which of `masks` count; all where None.

        Returns sparse (B, K', embed_dim) and dense (B, embed_dim, h, w) embeddings.
        """
        bs = self._get_batch_size(points, boxes, masks)
        coords = torch.zeros((bs, 0, 2), device=self._get_device())
        labels = torch.zeros((bs, 0), dtype=torch.long, device=self._get_device())
        if points is not None:
            coords, labels = points[0].float(), points[1].long()
        if boxes is not None:
            corners = labels.new_tensor([CORNER_A, CORNER_B]).expand(bs, 2)
            coords = torch.cat([coords, boxes.reshape(bs, 2, 2).float()], dim=1)
            labels = torch.cat([labels, corners], dim=1)
        sparse = self._embed_points(coords, labels, pad=True)
        dense = self.no_mask_embed.weight.reshape(1, -1, 1, 1)
        if masks is not None:
            embedded = self._embed_masks(masks)
            if has_mask is None:
                dense = embedded
            else:
                dense = torch.where(has_mask[:, None, None, None], embedded, dense)
        return sparse, dense + self.drawn(self._draw(coords, labels))

    def _draw(self, coords: Tensor, labels: Tensor) -> Tensor:
        """Draw prompts as (B, 3, h, w): share of each cell inside the box, and soft discs at
        the positive and the negative points."""
        h, w = self.image_embedding_size
        cells = coords / STRIDE
        ys = torch.arange(h, device=coords.device, dtype=torch.float32)
        xs = torch.arange(w, device=coords.device, dtype=torch.float32)
        a = _pick(cells, labels, CORNER_A)
        b = _pick(cells, labels, CORNER_B)
        across = (torch.minimum(b[:, :1], xs + 1) - torch.maximum(a[:, :1], xs)).clamp(0, 1)
        down = (torch.minimum(b[:, 1:], ys + 1) - torch.maximum(a[:, 1:], ys)).clamp(0, 1)
        maps = [down[:, :, None] * across[:, None, :]]
        near_x = torch.exp(-((xs + 0.5 - cells[..., :1]) ** 2) / 2)
        near_y = torch.exp(-((ys + 0.5 - cells[..., 1:]) ** 2) / 2)
        for kind in (POSITIVE, NEGATIVE):
            chosen = (labels == kind).float()[..., None]
            maps.append(torch.einsum("bkh,bkw->bhw", near_y * chosen, near_x).clamp(max=1))
        return torch.stack(maps, dim=1)


def _pick(cells: Tensor, labels: Tensor, kind: int) -> Tensor:
    """Sum of the points of one kind: (B, 2), zero where there is none."""
    return (cells * (labels == kind).float()[..., None]).sum(dim=1)


class FusedUpscaling(nn.Module):
    """Stride 16 to mask features at stride 1, fusing the encoder's strides 8, 4 and 2.

    Returns (B, 4, mask_dim, S/2, S/2): the four sub-pixels of each cell of stride 2.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        inside = (config.embed_dim, *reversed(config.widths[:2]), config.stem)
        self.mask_dim = config.mask_dim
        self.mix = nn.Sequential(WideMix(config.embed_dim), WideMix(config.embed_dim))
        self.shrink = nn.ModuleList(
            ConvNorm(a, b, 1, act=False) for a, b in zip(inside[:-1], inside[1:], strict=True)
        )
        self.lateral = nn.ModuleList(ConvNorm(c, c, 1, act=False) for c in inside[1:])
        self.fuse = nn.ModuleList(
            nn.Sequential(ConvNorm(c, c), Residual(c)) for c in inside[1:]
        )
        last = inside[-1]
        self.out = nn.Sequential(ConvNorm(last, 2 * last), nn.Conv2d(2 * last, 4 * self.mask_dim, 1))

    def forward(self, x: Tensor, features: list[Tensor]) -> Tensor:
        x = self.mix(x)
        for shrink, lateral, fuse, skip in zip(
            self.shrink, self.lateral, self.fuse, reversed(features), strict=True
        ):
            up = F.interpolate(shrink(x), scale_factor=2.0, mode="bilinear")
            x = fuse(F.relu(up + lateral(skip), inplace=True))
        x = self.out(x)
        b, _, h, w = x.shape
        return x.view(b, 4, self.mask_dim, h, w)


class FineMaskDecoder(MaskDecoder):  # type: ignore[misc]
    """segment-anything's mask decoder whose upscaling also sees the encoder's fine features."""

    def __init__(self, config: CompactConfig) -> None:
        dim = config.embed_dim
        transformer = TwoWayTransformer(
            depth=config.transformer_depth, embedding_dim=dim, num_heads=8, mlp_dim=4 * dim
        )
        super().__init__(transformer_dim=dim, transformer=transformer, iou_head_hidden_dim=dim)
        self.output_upscaling = FusedUpscaling(config)
        count = self.num_mask_tokens
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(dim, dim, config.mask_dim, 3) for _ in range(count)
        )
        self.mask_bias = nn.Parameter(torch.full((count,), -1.5))
        self.iou_prediction_head = MLP(dim + count, dim, count, 3, sigmoid_output=True)

    def forward(  # noqa: PLR0913
        self,
        image_embeddings: Tensor,
        image_pe: Tensor,
        sparse_prompt_embeddings: Tensor,
        dense_prompt_embeddings: Tensor,
        multimask_output: bool,
        features: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """As `MaskDecoder.forward`, with the encoder's features of strides 2, 4 and 8.

        Returns mask logits (B, M, S, S) and predicted IoU (B, M): M = 3 (glasses, frame,
        lenses) for `multimask_output`, else 1 (glasses).
        """
        logits, quality = self.predict_all(
            image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings, features
        )
        chosen = slice(1, None) if multimask_output else slice(0, 1)
        return logits[:, chosen], quality[:, chosen]

    def predict_all(
        self, embedding: Tensor, pe: Tensor, sparse: Tensor, dense: Tensor, features: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """All four masks, `MASK_NAMES` in order: logits (B, 4, S, S) and quality (B, 4)."""
        count = sparse.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(count, -1, -1), sparse], dim=1)
        src = embedding + dense  # an embedding of one image serves all its prompts
        b, c, h, w = src.shape
        hs, src = self.transformer(src, pe.expand(b, -1, -1, -1), tokens)
        src = src.transpose(1, 2).reshape(b, c, h, w)
        fine = self.output_upscaling(src, [f.expand(b, -1, -1, -1) for f in features])
        hyper = torch.stack(
            [mlp(hs[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        parts = torch.einsum("bmc,bscn->bmsn", hyper, fine.flatten(3))
        parts = parts.reshape(b, -1, *fine.shape[-2:])
        logits = F.pixel_shuffle(parts, 2) + self.mask_bias[:, None, None]
        evidence = expected_iou(logits.detach()).to(hs.dtype)
        return logits, self.iou_prediction_head(torch.cat([hs[:, 0], evidence], dim=1))


def expected_iou(logits: Tensor) -> Tensor:
    """What the IoU would be if the probabilities were right: (B, M, H, W) -> (B, M) in [0, 1]."""
    p = torch.sigmoid(logits[..., ::2, ::2].float())
    on = (p > 0.5).float()
    inside = (p * on).sum(dim=(-1, -2))
    return inside / (torch.maximum(p, on).sum(dim=(-1, -2)) + 1)


class CompactSam(Sam):  # type: ignore[misc]
    """Encoder, prompt encoder and mask decoder in segment-anything's own frame.

    Takes square inputs of any side that is a multiple of `SIZE_STEP`.
    """

    def __init__(self, config: CompactConfig | None = None) -> None:
        self_config = config or CompactConfig()
        super().__init__(
            image_encoder=HybridEncoder(self_config),
            prompt_encoder=GridPromptEncoder(self_config.embed_dim),
            mask_decoder=FineMaskDecoder(self_config),
        )
        self.config = self_config

    def preprocess(self, x: Tensor) -> Tensor:
        """Normalise (..., 3, H, W) in 0..255 and pad right and below to a square whose side is
        a multiple of `SIZE_STEP`."""
        x = (x.float() - self.pixel_mean) / self.pixel_std
        h, w = x.shape[-2:]
        side = -(-max(h, w) // SIZE_STEP) * SIZE_STEP
        return F.pad(x, (0, side - w, 0, side - h))

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Preprocessed (B, 3, S, S) -> image embedding and fine features."""
        x = x.contiguous(memory_format=torch.channels_last)
        embedding: tuple[Tensor, list[Tensor]] = self.image_encoder(x)
        return embedding

    def decode(  # noqa: PLR0913
        self,
        embedding: Tensor,
        features: list[Tensor],
        coords: Tensor,
        labels: Tensor,
        masks: Tensor | None = None,
        has_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """All four masks for prompts as `GridPromptEncoder` takes them: logits (B, 4, S, S)
        and quality (B, 4)."""
        self.prompt_encoder.set_size(embedding.shape[-1] * STRIDE)
        sparse, dense = self.prompt_encoder((coords, labels), None, masks, has_mask)
        result: tuple[Tensor, Tensor] = self.mask_decoder.predict_all(
            embedding, self.prompt_encoder.get_dense_pe(), sparse, dense, features
        )
        return result

    def postprocess_masks(
        self, masks: Tensor, input_size: tuple[int, ...], original_size: tuple[int, ...]
    ) -> Tensor:
        """Cut the padding off and resize to the image: (B, M, S, S) -> (B, M, H, W)."""
        masks = masks[..., : input_size[0], : input_size[1]]
        return F.interpolate(masks.float(), original_size, mode="bilinear", align_corners=False)


def build_compact(checkpoint: str | None = None) -> CompactSam:
    """The compact model with random weights, or those of a safetensors file."""
    if checkpoint is None:
        return CompactSam().eval()
    from pipeline.segmenter.weights_io import load_compact

    return load_compact(checkpoint)
