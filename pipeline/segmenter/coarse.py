"""Training on the second look as it is used: with the network's own coarse answer for a guide.

`predictor.CompactModel` asks twice of a crop, first of a small view. A network that has only met
previous masks made from the truth believes its own mistakes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pipeline.fitting import fit_box
from pipeline.segmenter.compact import PRIOR_LIMIT, SIZE_STEP, CompactSam
from pipeline.segmenter.loader import Batch
from pipeline.segmenter.predictor import GLASSES, REFIT
from pipeline.segmenter.prompt_encoder import CORNER_A, CORNER_B, NEGATIVE, POSITIVE

_SHARE = 0.625
"""Side of the small view: 320 pixels of the 512 that most crops are looked at closely with."""


@torch.no_grad()
def guided(model: CompactSam, batch: Batch) -> Batch:
    """The batch with the network's answer to its small view as previous mask, and with boxes
    around that answer, as `CompactModel` has them. No gradient passes through."""
    side = int(batch.image.shape[-1])
    small = max(2, round(_SHARE * side / SIZE_STEP)) * SIZE_STEP
    if small >= side:
        return batch
    training = model.training
    model.eval()
    view = F.interpolate(batch.image.float(), (small, small), mode="area")
    encoded = model.encode(model.preprocess(view))
    prior = F.interpolate(as_logits(batch.prior), (small // 4, small // 4), mode="area")
    coords = batch.coords * (small / side)
    logits, _ = model.decode(encoded, coords, batch.labels, prior, batch.has_prior)
    model.train(training)
    answer = logits[:, GLASSES].float()
    quarter = F.interpolate(answer[:, None], (side // 4, side // 4), mode="bilinear")
    return replace(
        batch,
        coords=refitted(coords, batch.labels, (answer > 0).cpu().numpy()) * (side / small),
        prior=as_coverage(quarter),
        has_prior=torch.ones_like(batch.has_prior),
    )


def as_logits(prior: Tensor) -> Tensor:
    """Coverage of a previous mask, uint8, as the logits that the network takes."""
    return (prior.float() / 255 - 0.5) * (2 * PRIOR_LIMIT)


def as_coverage(logits: Tensor) -> Tensor:
    share = (logits / (2 * PRIOR_LIMIT) + 0.5).clamp(0, 1)
    return (share * 255).round().to(torch.uint8)


def refitted(coords: Tensor, labels: Tensor, on: NDArray[np.bool_]) -> Tensor:
    """Points (B, K, 2) with the corners of boxes moved to what was seen; where there are other
    points, the box stays."""
    moved = coords.clone()
    for row, (told, mask) in enumerate(zip(labels, on, strict=True)):
        corners = (told == CORNER_A) | (told == CORNER_B)
        if int(corners.sum()) == 2 and not ((told == POSITIVE) | (told == NEGATIVE)).any():
            box = coords[row, corners].reshape(4).cpu().numpy()  # the first corner comes first
            fitted = torch.from_numpy(np.asarray(fit_box(mask, box, REFIT), np.float32))
            moved[row, corners] = fitted.reshape(2, 2).to(coords)
    return moved
