"""segment-anything's mask decoder with fine features and masks at the input's own size."""

from __future__ import annotations

import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.segmenter.blocks import ConvNorm, Residual, WideMix
from pipeline.segmenter.encoder import CompactConfig

# What the masks mean: that of the single-mask token, then the three.
MASK_NAMES = ("glasses", "glasses", "frame", "lens")


class FusedUpscaling(nn.Module):
    """Stride 16 to masks at stride 1, fusing the encoder's strides 8, 4 and 2."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        inside = (config.embed_dim, *reversed(config.widths[:2]), config.stem)
        self.mask_dim = config.mask_dim
        self.mix = nn.Sequential(*(WideMix(config.embed_dim) for _ in range(config.mix_depth)))
        self.shrink = nn.ModuleList(
            ConvNorm(a, b, 1, act=False) for a, b in zip(inside[:-1], inside[1:], strict=True)
        )
        self.lateral = nn.ModuleList(ConvNorm(c, c, 1, act=False) for c in inside[1:])
        self.fuse = nn.ModuleList(nn.Sequential(ConvNorm(c, c), Residual(c)) for c in inside[1:])
        last = inside[-1]
        self.out = nn.Sequential(
            ConvNorm(last, 2 * last), nn.Conv2d(2 * last, 4 * self.mask_dim, 1)
        )

    def forward(self, x: Tensor, features: list[Tensor], masks: Tensor) -> Tensor:
        """Logits (B, M, S, S) of the masks whose weights on the features are (B, M, mask_dim)."""
        x = self.mix(x)
        for shrink, lateral, fuse, skip in zip(
            self.shrink, self.lateral, self.fuse, reversed(features), strict=True
        ):
            up = F.interpolate(shrink(x), scale_factor=2.0, mode="bilinear")
            x = fuse(F.relu(up + lateral(skip), inplace=True))
        hidden, last = self.out
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        x = hidden(x)
        # Both layers are linear, so the masks come at once; the features, four sub-pixels of each
        # cell, would be the largest tensor of all.
        layer = last.weight.view(4, self.mask_dim, -1)
        weight = torch.einsum("bmc,sck->bmsk", masks, layer).flatten(1, 2)
        bias = torch.einsum("bmc,sc->bms", masks, last.bias.view(4, self.mask_dim)).flatten(1)
        cells = torch.baddbmm(bias[..., None], weight, x.flatten(2))
        return F.pixel_shuffle(cells.view(*cells.shape[:2], *x.shape[-2:]), 2)


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

    def forward(
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
        hyper = torch.stack(
            [mlp(hs[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        features = [f.expand(b, -1, -1, -1) for f in features]
        logits = self.output_upscaling(src, features, hyper) + self.mask_bias[:, None, None]
        evidence = expected_iou(logits.detach()).to(hs.dtype)
        return logits, self.iou_prediction_head(torch.cat([hs[:, 0], evidence], dim=1))


def expected_iou(logits: Tensor) -> Tensor:
    """What the IoU would be if the probabilities were right: (B, M, H, W) -> (B, M) in [0, 1]."""
    p = torch.sigmoid(logits[..., ::2, ::2].float())
    on = (p > 0.5).float()
    inside = (p * on).sum(dim=(-1, -2))
    return inside / (torch.maximum(p, on).sum(dim=(-1, -2)) + 1)
