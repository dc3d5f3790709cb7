"""A second look from nearer: tighter boxes, and fewer finds that are not glasses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.letterbox import square_within
from detector.types import EYEGLASSES, Detections, Detector, check_photo, overlap

FAINT = 0.03
"""What the first look reports down to: the second one decides."""
_CANDIDATES = 8  # bounds the time in a photo full of faint finds
_SAME = 0.4  # IoU above which the second look speaks of the same glasses
_DENIED = 0.01  # score of a second look that finds nothing


class CloserLook:
    """Looks at the whole photo, then at a part around each of the glasses that it found.

    Seen whole, glasses that fill a tenth of a photo are a smudge and their boxes are vague. In
    the part all glasses have much the same size. The score of both looks is their geometric mean,
    the box is the second one's. Glasses that fill the photo are looked at once.

    Args:
        far: looks at the photo; should report down to `FAINT`.
        near: looks at parts; likewise. May be `far`.
        confidence: detections below this score are dropped.
        iou: of two boxes that overlap more than this, the better one stays.
        room: side of the part, as a multiple of the longer side of the box.
    """

    def __init__(
        self,
        far: Detector,
        near: Detector,
        confidence: float = 0.25,
        iou: float = 0.6,
        room: float = 1.8,
    ) -> None:
        self._far, self._near = far, near
        self.confidence, self.iou, self.room = confidence, iou, room

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Boxes in one uint8 (H, W, 3) RGB photo, inside it, best first; see `Detector`."""
        check_photo(rgb)
        found = self._far.detect(rgb)
        boxes, scores = found.boxes.copy(), found.scores.copy()
        glasses = np.flatnonzero(found.labels == EYEGLASSES)
        for index in glasses[:_CANDIDATES]:
            boxes[index], scores[index] = self._again(rgb, boxes[index], float(scores[index]))
        scores[glasses[_CANDIDATES:]] = 0
        keep = scores >= self.confidence
        return suppress(Detections.of(boxes[keep], scores[keep], found.labels[keep]), self.iou)

    def _again(
        self, rgb: NDArray[np.uint8], box: NDArray[np.float32], score: float
    ) -> tuple[NDArray[np.float32], float]:
        size = (rgb.shape[0], rgb.shape[1])
        side = self.room * float((box[2:] - box[:2]).max())
        if side >= max(size):
            return box, score
        centre = (box[:2] + box[2:]) / 2
        x0, y0, x1, y1 = square_within(float(centre[0]), float(centre[1]), side, size)
        found = self._near.detect(np.ascontiguousarray(rgb[y0:y1, x0:x1])).only(EYEGLASSES)
        moved = found.boxes + np.array([x0, y0, x0, y0], np.float32)
        same = np.flatnonzero(overlap(box, moved) > _SAME)
        if not len(same):
            return box, float(np.sqrt(score * _DENIED))
        best = same[0]  # detections come best first
        return moved[best], float(np.sqrt(score * found.scores[best]))


def suppress(found: Detections, iou: float) -> Detections:
    """Drop boxes that overlap a better one of their class by more than `iou`."""
    kept: list[int] = []
    for index in range(len(found)):
        rivals = [k for k in kept if found.labels[k] == found.labels[index]]
        if (overlap(found.boxes[index], found.boxes[rivals]) <= iou).all():
            kept.append(index)
    return Detections(found.boxes[kept], found.scores[kept], found.labels[kept])
