"""Boxes that fit what a mask shows.

A detector's box is a guess at stride 8 and more, often short of a temple's tip; the mask that it
led to knows the ends of the glasses much better.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import overlap
from pipeline.types import Bools

Box = NDArray[np.float32]
_STRAY = 0.01  # of the mask: smaller pieces count only within the box
_ALIKE = 0.5  # IoU below which a mask shows something else than the box


def fit_box(mask: Bools, box: Box, slack: float = 0.0) -> Box:
    """The box around a mask, or `box` where the mask shows something else.

    Args:
        mask: bool (H, W), what was found for `box`.
        box: float32 (4,), x0 y0 x1 y1 in pixels of `mask`.
        slack: of its width and height, by how much its sides may be off and stay.

    Returns:
        float32 (4,), whole pixels where it is the mask's.
    """
    outlines, _ = cv2.findContours(
        np.ascontiguousarray(mask).view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not outlines:
        return box
    places = np.array([cv2.boundingRect(outline) for outline in outlines], np.float32)
    corners = np.hstack([places[:, :2], places[:, :2] + places[:, 2:]])
    areas = np.array([cv2.contourArea(outline) for outline in outlines])
    inside = (corners[:, :2] >= box[:2]).all(axis=1) & (corners[:, 2:] <= box[2:]).all(axis=1)
    kept = corners[inside | (areas >= _STRAY * areas.sum())]
    fitted = np.concatenate([kept[:, :2].min(axis=0), kept[:, 2:].max(axis=0)])
    if overlap(fitted, box[None])[0] < _ALIKE:
        return box
    off = np.abs(fitted - box) > slack * np.tile(box[2:] - box[:2], 2)
    return np.where(off, fitted, box)
