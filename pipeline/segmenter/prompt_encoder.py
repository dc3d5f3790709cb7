"""segment-anything's prompt encoder for grids of any size."""

from __future__ import annotations

import torch
from segment_anything.modeling import PromptEncoder
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16  # of the image embedding, as in SAM
NO_POINT, NEGATIVE, POSITIVE, CORNER_A, CORNER_B = -1, 0, 1, 2, 3


class GridPromptEncoder(PromptEncoder):  # type: ignore[misc]
    """segment-anything's prompt encoder for a grid whose size changes from crop to crop.

    Boxes may come as such or as points labelled 2 and 3 (top left, bottom right), so that one
    batch can mix boxes, points and both.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__(embed_dim, (32, 32), (512, 512), mask_in_chans=16)
        self.drawn = nn.Sequential(
            nn.Conv2d(3, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, embed_dim, 1)
        )

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
        own = [self.not_a_point_embed.weight, *(e.weight for e in self.point_embeddings)]
        kind = torch.cat(own)[labels.long() + 1]
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
        return sparse, dense + self.drawn(self.draw(coords, labels))

    def draw(self, coords: Tensor, labels: Tensor, stride: int = STRIDE) -> Tensor:
        """Draw prompts as (B, 3, h, w), in cells of `stride` pixels: share of each cell inside
        the box, and soft discs, about a cell wide, at the positive and the negative points."""
        h, w = (side * STRIDE // stride for side in self.image_embedding_size)
        cells = coords / stride
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
