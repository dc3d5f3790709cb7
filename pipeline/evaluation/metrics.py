"""How well a mask of glasses agrees with hand-made truth; arrays only.

The figures are those of the project's yardstick ``eval/score.py``, to the last digit; the work is
done on the window that holds both masks, which makes a 12-megapixel pair about ten times faster.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.errors import ValidationError
from pipeline.types import Bools, Bytes

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
    window = _window(truth | pred)
    truth, pred = truth[window], pred[window]
    edge, pred_edge = _inner_band(truth, band), _inner_band(pred, band)
    thin = _thin_parts(truth)
    gaps = _hull(truth) & ~truth
    wrong = int(np.count_nonzero(pred & ~truth))
    return {
        "iou": _share(truth & pred, truth | pred),
        "boundary": _share(edge & pred_edge, edge | pred_edge),
        "thin": _share(thin & pred, thin),
        "gaps": _share(gaps & ~pred, gaps),
        "tight": max(0.0, 1.0 - wrong / int(np.count_nonzero(truth))),
    }


def _share(part: Bools, whole: Bools) -> float:
    return int(np.count_nonzero(part)) / max(int(np.count_nonzero(whole)), 1)


def _window(mask: Bools) -> tuple[slice, slice]:
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _disk(radius: int) -> Bytes:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(kernel, np.uint8)


def _padded(mask: Bools, radius: int) -> Bytes:
    sides = (radius, radius, radius, radius)
    return np.asarray(cv2.copyMakeBorder(mask.view(np.uint8), *sides, cv2.BORDER_CONSTANT))


def _inner_band(mask: Bools, radius: int) -> Bools:
    """Return the part of `mask` within `radius` of the background; outside is background."""
    eroded = cv2.erode(_padded(mask, radius), _disk(radius))
    return np.asarray(mask & (eroded[radius:-radius, radius:-radius] == 0))


def _thin_parts(truth: Bools) -> Bools:
    ys, xs = np.nonzero(truth)
    diagonal = float(np.hypot(np.ptp(xs) + 1, np.ptp(ys) + 1))
    radius = max(1, round(THIN * diagonal))
    opened = cv2.morphologyEx(_padded(truth, radius), cv2.MORPH_OPEN, _disk(radius))
    return np.asarray(truth & (opened[radius:-radius, radius:-radius] == 0))


def _hull(mask: Bools) -> Bools:
    ys, xs = np.nonzero(mask)
    hull = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.column_stack([xs, ys]).astype(np.int32)), 1)
    return hull.view(np.bool_)
