"""One pair of glasses, one box: pieces that a network reported apart are put together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.types import Detections, intersection


def merge_pieces(found: Detections, share: float) -> Detections:
    """Replace boxes of one class that overlap much by the box around them all.

    A network that is unsure how far the temples reach answers with several boxes for one pair:
    the front, the front with one temple, the whole. Non-maximum suppression keeps the best-scored
    of them, which is often the front alone.

    Args:
        found: detections, best first.
        share: boxes are of one pair where they share more than this much of the smaller one's
            area, in [0, 1]; 1 merges none.

    Returns:
        Detections with the best score of each group, best first.
    """
    merged: list[tuple[NDArray[np.float32], float, int]] = []
    for label in np.unique(found.labels):
        group = found.only(int(label))
        left = list(range(len(group)))
        while left:
            # Compared with the best box alone, not with the growing one: no chains of pairs.
            best = left[0]
            own = [i for i in left if i == best or _shared(group, best, i) > share]
            hull = np.concatenate(
                [group.boxes[own, :2].min(axis=0), group.boxes[own, 2:].max(axis=0)]
            )
            merged.append((hull, float(group.scores[best]), int(label)))
            left = [i for i in left if i not in own]
    if not merged:
        return found
    boxes, scores, labels = (np.array(column) for column in zip(*merged, strict=True))
    return Detections.of(boxes, scores, labels)


def _shared(group: Detections, first: int, second: int) -> float:
    """Intersection of two boxes over the smaller one's area."""
    a, b = group.boxes[first], group.boxes[second]
    smaller = min(float(np.prod(a[2:] - a[:2])), float(np.prod(b[2:] - b[:2])))
    return float(intersection(a, b[None])[0]) / smaller
