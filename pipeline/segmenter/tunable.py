"""Public checkpoints, segment-anything's and MobileSAM's, fine-tuned on a user's own labels.

*Segment Anything* (Kirillov et al., ICCV 2023), *MobileSAM* (Zhang et al., 2023). The image
encoder stays as published, and its prompt encoder and mask decoder learn, as in *SAM-Adapter*
(Chen et al., ICCV Workshops 2023), which tunes the decoder beside a frozen encoder. *MedSAM*
(Ma et al., Nature Communications 2024) also tunes the encoder, with over a million labels.

What is written has the layout of the published file, so that whatever reads one reads the other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.errors import WeightsError
from pipeline.segmenter.prompt_encoder import CORNER_A, CORNER_B, NEGATIVE, POSITIVE
from pipeline.segmenter.sam import kind_of_width, load_sam, new_sam, read_state
from pipeline.segmenter.weights_io import sha256_of

FILES = {
    "vit_b": "vit_b.pth",
    "vit_l": "vit_l.pth",
    "vit_h": "vit_h.pth",
    "mobile_sam": "mobile_sam.pt",
}
"""Kinds of `segmenter.kind` that can be fine-tuned, and what their files are called."""
REMEDY = (
    "--init takes a compact model (.safetensors), segment-anything's sam_vit_b, _l or _h (.pth) "
    "or MobileSAM's mobile_sam.pt"
)


class TunableSam(nn.Module):
    """A SAM with a frozen image encoder behind the interface that `CompactSam` trains with.

    It answers with one mask, the whole glasses, as the adapter of its kind would.
    """

    def __init__(self, kind: str, sam: nn.Module) -> None:
        super().__init__()
        self.kind = kind
        self.sam: Any = sam
        self.size = int(sam.prompt_encoder.input_image_size[0])  # type: ignore[union-attr,index]
        self.sam.image_encoder.requires_grad_(False)
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.sam.pixel_mean.device
        return device

    @property
    def frozen(self) -> nn.Module:
        """The part that never changes, which copies of the model may share."""
        encoder: nn.Module = self.sam.image_encoder
        return encoder

    def train(self, mode: bool = True) -> Self:
        """As for any module, but the encoder keeps evaluating: MobileSAM's has batch norms."""
        super().train(mode)
        self.frozen.eval()
        return self

    def preprocess(self, x: Tensor) -> Tensor:
        """Normalise (..., 3, S, S) in 0..255."""
        normal: Tensor = (x.float() - self.sam.pixel_mean) / self.sam.pixel_std
        return normal

    @torch.no_grad()
    def encode(self, x: Tensor) -> list[Tensor]:
        """Preprocessed (B, 3, S, S) -> image embedding, and the crops themselves, from which
        `decode` reads S.

        Resized as `crop.extract` resizes. One after the other, so that what fits in memory when
        photos are cut out fits here as well.
        """
        large = x
        if x.shape[-1] != self.size:
            side = (self.size, self.size)
            large = F.interpolate(x, side, mode="bicubic", antialias=True)
        return [torch.cat([self.sam.image_encoder(one[None]) for one in large]), x]

    def decode(
        self,
        encoded: list[Tensor],
        coords: Tensor,
        labels: Tensor,
        masks: Tensor | None = None,
        has_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The mask of the glasses for each prompt: logits (B, 1, S, S) and quality (B, 1).

        Prompts are in pixels of the crop: coords (B, K, 2) with labels (B, K) of 1, 0, 2 and 3
        for the box's corners, and -1 for nothing; masks (B, 1, h, w) logits, of which those
        count that `has_mask` (B,) names; all where None.
        """
        embedding, crops = encoded
        side = crops.shape[-1]
        coords = coords.float() * (self.size / side)
        embedding = embedding.expand(len(coords), -1, -1, -1)
        counts = [masks is not None] * len(coords) if has_mask is None else has_mask.tolist()
        logits, quality = [], []
        for i, counted in enumerate(counts):  # prompts have different parts
            prior = masks[i : i + 1] if masks is not None and counted else None
            answer = self._answer(embedding[i : i + 1], coords[i], labels[i], prior)
            logits.append(answer[0])
            quality.append(answer[1])
        small = torch.cat(logits).float()
        large = F.interpolate(small, (side, side), mode="bilinear", align_corners=False)
        return large, torch.cat(quality)

    def _answer(
        self, embedding: Tensor, coords: Tensor, labels: Tensor, prior: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """One prompt's logits (1, 1, s, s) and quality (1, 1)."""
        told = (labels == POSITIVE) | (labels == NEGATIVE)
        points = (coords[told][None], labels[told][None]) if told.any() else None
        corners = torch.cat([coords[labels == c] for c in (CORNER_A, CORNER_B)], dim=-1)
        box = corners if len(corners) else None
        encoder = self.sam.prompt_encoder
        # In half precision positions would be off by pixels.
        with torch.autocast(coords.device.type, enabled=False):
            sparse, dense = encoder(points=points, boxes=box, masks=self._fitted(prior))
            positions = encoder.get_dense_pe()
        several = box is None and prior is None and int(told.sum()) < 2
        several = several and self.kind != "mobile_sam"  # as the adapters ask
        logits, quality = self.sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=positions,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
        best = quality[0].argmax()
        return logits[:, best][:, None], quality[:, best][:, None]

    def _fitted(self, prior: Tensor | None) -> Tensor | None:
        """A mask input of any size at the size that SAM takes."""
        if prior is None:
            return None
        side = tuple(self.sam.prompt_encoder.mask_input_size)
        if prior.shape[-1] > side[1]:
            return F.interpolate(prior.float(), side, mode="area")
        return F.interpolate(prior.float(), side, mode="bilinear", align_corners=False)


def load_tunable(path: Path) -> TunableSam:
    """A public checkpoint, told by what it holds.

    Raises:
        WeightsError: missing, unreadable, or of a model that cannot be fine-tuned.
    """
    try:
        kind = _kind_of(read_state(path), path)
    except WeightsError as error:
        raise WeightsError(f"{error}; {REMEDY}") from error
    if kind != "mobile_sam":
        return TunableSam(kind, load_sam(kind, path, torch.device("cpu")))
    from pipeline.segmenter.ultralytics import load_mobile_sam

    return TunableSam(kind, load_mobile_sam(path))


def new_tunable(kind: str) -> TunableSam:
    """One of `FILES` with random weights, for a run's own checkpoint to fill."""
    if kind != "mobile_sam":
        return TunableSam(kind, new_sam(kind))
    from pipeline.segmenter.ultralytics import new_mobile_sam

    return TunableSam(kind, new_mobile_sam())


def _kind_of(state: Mapping[str, Tensor], path: Path) -> str:
    """Which of `FILES` a state dictionary belongs to."""
    if "image_encoder.patch_embed.seq.0.c.weight" in state:
        return "mobile_sam"
    if any(name.startswith(("tracker.", "detector.")) for name in state):
        raise WeightsError(f"{path} is a SAM 3 checkpoint, which cannot be fine-tuned here")
    if any(name.startswith("sam_mask_decoder.") for name in state):
        raise WeightsError(f"{path} is a SAM 2 checkpoint, which cannot be fine-tuned here")
    positions = state.get("image_encoder.pos_embed")
    kind = None if positions is None else kind_of_width(int(positions.shape[-1]))
    if kind is None or "mask_decoder.mask_tokens.weight" not in state:
        raise WeightsError(f"{path} is no checkpoint of segment-anything or MobileSAM")
    return kind


def save_tunable(model: TunableSam, path: Path) -> str:
    """Write the weights as the published file holds them and return the SHA-256."""
    state = {name: value.detach().cpu().contiguous() for name, value in _state(model).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)
    return sha256_of(path)


def _state(model: TunableSam) -> Mapping[str, Tensor]:
    state: Mapping[str, Tensor] = model.sam.state_dict()
    return state
