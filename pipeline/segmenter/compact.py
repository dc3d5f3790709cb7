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
  2021), which teaches obedience in far fewer steps than tokens alone;
- as in RITM they and the previous mask are drawn into the image encoder, too, from stride 4 on:
  cells of 16 pixels are too wide to tell whose of two frames that cross a wire is. What is seen at
  strides 2 and 4 serves all prompts of an image, the rest is done again for each.
"""

from __future__ import annotations

import torch
from segment_anything.modeling import Sam
from torch import Tensor
from torch.nn import functional as F

from pipeline.segmenter.decoder import FineMaskDecoder
from pipeline.segmenter.encoder import HINT_STRIDE, CompactConfig, HybridEncoder
from pipeline.segmenter.prompt_encoder import GridPromptEncoder

PRIOR_LIMIT = 8.0  # mask inputs are logits within this
HINT_GAIN = 8.0  # few channels that say little by themselves: so their weights need not grow large
SIZE_STEP = 64  # sides of crops are multiples: stride 32 with an even grid


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

    def encode(self, x: Tensor) -> list[Tensor]:
        """What can be seen of preprocessed (B, 3, S, S) before the prompt is known."""
        begun: list[Tensor] = self.image_encoder.begin(
            x.contiguous(memory_format=torch.channels_last)
        )
        return begun

    def decode(
        self,
        encoded: list[Tensor],
        coords: Tensor,
        labels: Tensor,
        masks: Tensor | None = None,
        has_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """All four masks for prompts as `GridPromptEncoder` takes them: logits (B, 4, S, S)
        and quality (B, 4)."""
        self.prompt_encoder.set_size(encoded[-1].shape[-1] * HINT_STRIDE)
        # In half precision positions would be off by pixels.
        with torch.autocast(coords.device.type, enabled=False):
            sparse, dense = self.prompt_encoder((coords, labels), None, masks, has_mask)
            positions = self.prompt_encoder.get_dense_pe()
            hints = self.hints(coords, labels, masks, has_mask)
        embedding, features = self.image_encoder.finish(encoded, hints)
        result: tuple[Tensor, Tensor] = self.mask_decoder.predict_all(
            embedding, positions, sparse, dense, features
        )
        return result

    def hints(
        self, coords: Tensor, labels: Tensor, masks: Tensor | None, has_mask: Tensor | None
    ) -> Tensor:
        """Prompts as `decode` takes them, drawn for the image encoder: (B, HINTS, S/4, S/4) of
        box, points and points to avoid in [0, 1], and the mask in [-1, 1], all times HINT_GAIN."""
        drawn: Tensor = self.prompt_encoder.draw(coords, labels, HINT_STRIDE)
        mask = drawn.new_zeros((len(drawn), 1, *drawn.shape[-2:]))
        if masks is not None:
            counts = drawn.new_ones(len(drawn)) if has_mask is None else has_mask.to(drawn)
            mask = masks.to(drawn) * counts[:, None, None, None] / PRIOR_LIMIT
        hints = torch.cat([drawn, mask], dim=1) * HINT_GAIN
        return hints.contiguous(memory_format=torch.channels_last)

    def postprocess_masks(
        self, masks: Tensor, input_size: tuple[int, ...], original_size: tuple[int, ...]
    ) -> Tensor:
        """Cut the padding off and resize to the image: (B, M, S, S) -> (B, M, H, W)."""
        masks = masks[..., : input_size[0], : input_size[1]]
        return F.interpolate(masks.float(), original_size, mode="bilinear", align_corners=False)


def build_compact(checkpoint: str | None = None) -> CompactSam:
    """The compact model with random weights, or those of a safetensors file."""
    if checkpoint is None:
        model = CompactSam()
        model.eval()
        return model
    from pipeline.segmenter.weights_io import load_compact

    return load_compact(checkpoint)
