"""How well a mask of glasses agrees with hand-made truth; arrays only.

The figures are those of the project's yardstick ``eval/score.py``, to the last digit; the work is
done on the window that holds both masks, which makes a 12-megapixel pair about ten times faster.
"""

from __future__ import annotations

import numpy as np

from pipeline.errors import ValidationError
from pipeline.evaluation.geometry import hull, inner_band, share, thin_parts, window
from pipeline.types import Bools

METRICS = ("iou", "boundary", "thin", "gaps", "tight")
BAND = 0.005
"""Width of the Boundary IoU's band, as a share of the picture's diagonal."""
THIN = 0.006
"""Half the width below which a part is thin, as a share of the diagonal of the glasses' box."""


def score(truth: Bools, pred: Bools) -> dict[str, float]:
    """Score a mask against the truth; every figure lies in [0, 1], higher is better.

    ``iou``: intersection over union. ``boundary``: Boundary IoU (Cheng et al., "Boundary IoU:
    Improving Object-Centric Image Segmentation Evaluation", CVPR 2021) with a band of 0.5 % of
    the diagonal. ``thin``: recall of the truth in parts thinner than 1.2 % of the glasses' box
    diagonal. ``gaps``: share of the see-through background within the convex hull that stays
    background. ``tight``: 1 - false-positive area / truth area.

    Args:
        truth: bool (H, W), with at least one pixel set.
        pred: bool (H, W).

    Raises:
        ValidationError: the shapes differ, or the truth is empty.
    """
    if truth.shape != pred.shape or truth.ndim != 2:
        raise ValidationError(f"truth is {truth.shape} but the prediction {pred.shape}")
    if not truth.any():
        raise ValidationError("the truth is empty: there is nothing to score against")
    band = max(1, round(BAND * float(np.hypot(*truth.shape))))
    where = window(truth | pred)
    truth, pred = truth[where], pred[where]
    edge, pred_edge = inner_band(truth, band), inner_band(pred, band)
    thin = thin_of(truth)
    gaps = hull(truth) & ~truth
    wrong = int(np.count_nonzero(pred & ~truth))
    return {
        "iou": share(truth & pred, truth | pred),
        "boundary": share(edge & pred_edge, edge | pred_edge),
        "thin": share(thin & pred, thin),
        "gaps": share(gaps & ~pred, gaps),
        "tight": max(0.0, 1.0 - wrong / int(np.count_nonzero(truth))),
    }


def thin_of(glasses: Bools) -> Bools:
    """The parts of a mask (H, W), not empty, that ``thin`` speaks of."""
    rows, columns = window(glasses)
    diagonal = float(np.hypot(columns.stop - columns.start, rows.stop - rows.start))
    return thin_parts(glasses, max(1, round(THIN * diagonal)))
