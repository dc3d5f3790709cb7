"""Which of several pairs is meant: the lenses that the detector found, as points."""

from __future__ import annotations

import numpy as np

from detector.types import Detections, intersection
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
    common = np.stack([intersection(lens, pairs.boxes) for lens in lenses.boxes])
    areas = np.prod(lenses.boxes[:, 2:] - lenses.boxes[:, :2], axis=1)
    held = common >= _HELD * areas[:, None]
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
