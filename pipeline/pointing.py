"""Which of several pairs is meant: the lenses that the detector found, as points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.types import Detections
from pipeline.types import Prompt

_HELD = 0.85  # share of a lens that the box of its pair holds; boxes may end a little early


def point_at(pairs: Detections, lenses: Detections) -> list[Prompt]:
    """A prompt for each pair: its box and, where there are several pairs, points at the middle of
    its own lenses, to take, and of the others', to leave.

    A lens is a pair's own where that pair's box alone holds it. Where boxes cross and several
    hold it, it says nothing of whose it is.

    Args:
        pairs: glasses.
        lenses: of the same photo.

    Returns:
        Prompts in the order of `pairs`.
    """
    if len(pairs) < 2 or not len(lenses):
        return [Prompt(box=box) for box in pairs.boxes]
    held = _shares(lenses.boxes, pairs.boxes) >= _HELD
    told = held.sum(axis=1) == 1
    corners = lenses.boxes[told]
    middles = np.asarray((corners[:, :2] + corners[:, 2:]) / 2, np.float32)
    if not len(middles):
        return [Prompt(box=box) for box in pairs.boxes]
    owner = held[told].argmax(axis=1)
    return [
        Prompt(box=box, points=middles, point_labels=(owner == index).astype(np.int64))
        for index, box in enumerate(pairs.boxes)
    ]


def _shares(parts: NDArray[np.float32], wholes: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of each part (N, 4) lies in each whole (M, 4), both xyxy: float32 (N, M)."""
    low = np.maximum(parts[:, None, :2], wholes[None, :, :2])
    high = np.minimum(parts[:, None, 2:], wholes[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    return np.asarray(common / np.prod(parts[:, 2:] - parts[:, :2], axis=1)[:, None], np.float32)
