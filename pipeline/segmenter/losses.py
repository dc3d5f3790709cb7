"""What training asks of the masks: focal and dice losses, and an honest quality.

All take logits (B, M, S, S) in the order of `decoder.MASK_NAMES` and soft targets in [0, 1]; M
is 4, or 1 for a model that knows the whole glasses alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

PLANES = (0, 0, 1, 2)  # glasses, frame, lens: the target plane of each mask
MASK_SHARES = (1.0, 0.4, 0.8, 0.8)


@dataclass(frozen=True, slots=True)
class LossShares:
    """How much each loss counts."""

    focal: float = 4.0
    dice: float = 1.0
    quality: float = 0.5
    gamma: float = 1.0


def focal_loss(logits: Tensor, p: Tensor, target: Tensor, weight: Tensor, gamma: float) -> Tensor:
    """Focal loss (Lin et al., ICCV 2017) for soft targets (Li et al., NeurIPS 2020): the
    cross-entropy times |target - p|^gamma, weighted mean over pixels: (B, M).

    `p` is the logits' sigmoid, `weight` is (B, 1, S, S).
    """
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    with torch.no_grad():
        factor = (target - p).abs_()
        if gamma != 1.0:
            factor = factor**gamma
        factor *= weight
        total = weight.sum(dim=(-1, -2))
    return (entropy * factor).sum(dim=(-1, -2)) / total


def dice_loss(p: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - Dice over weighted pixels (Milletari et al., 3DV 2016) of probabilities: (B, M)."""
    weighted = p * weight
    both = (weighted * target).sum(dim=(-1, -2))
    sizes = weighted.sum(dim=(-1, -2)) + (target * weight).sum(dim=(-1, -2))
    return 1 - (2 * both + 50) / (sizes + 50)


@torch.no_grad()
def true_iou(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of the thresholded masks, (B, M) in [0, 1]; two empty masks agree."""
    on, truth = logits > 0, target > 0.5
    inside = (on & truth).sum(dim=(-1, -2)).float()
    union = (on | truth).sum(dim=(-1, -2)).float()
    return torch.where(union > 0, inside / union.clamp(min=1), torch.ones_like(union))


def segmentation_loss(
    logits: Tensor,
    quality: Tensor,
    planes: Tensor,
    weight: Tensor,
    shares: LossShares,
    parts: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The whole loss (scalar) and the true IoU (B, M).

    `planes` is (B, 3, S, S): glasses, frame, lens; `weight` is (B, 1, S, S). Where `parts`, bool
    (B,), is False, nothing is asked of the masks of frame and lenses.
    """
    logits = logits.float()
    count = logits.shape[1]
    target = planes[:, list(PLANES[:count])]
    counts = torch.ones_like(quality, dtype=torch.float32)
    if parts is not None:
        counts[:, 2:] = parts.float()[:, None]
    share = logits.new_tensor(MASK_SHARES[:count]) * counts
    p = torch.sigmoid(logits)
    focal = focal_loss(logits, p, target, weight, shares.gamma)
    dice = dice_loss(p, target, weight)
    iou = true_iou(logits, target)
    masks = ((shares.focal * focal + shares.dice * dice) * share).sum() / share.sum()
    error = (F.mse_loss(quality.float(), iou, reduction="none") * counts).sum() / counts.sum()
    return masks + shares.quality * error, iou
