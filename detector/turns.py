"""A second try for photos that lie on their side, stand on their head or are askew."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.letterbox import GREY, fit_size, resize
from detector.types import EYEGLASSES, Detections, Detector, check_photo

_LONGEST = 1280
"""Pixels of the longer side; a larger photo is shrunk before it is turned."""


class Turning:
    """A detector that turns the photo where it is not sure of any glasses in it; see `Detector`.

    Cameras held upright say so in EXIF or not at all, and glasses lie on a table any way round. Of
    several turns that show glasses, the surest counts.

    Args:
        detector: looks at the photo, upright and turned.
        turns: degrees counter-clockwise; none leaves the detector's answer as it is.
        least: score from which on a find in a turned photo counts. The more looks, the more chances
            to take another thing for glasses.
        enough: score of glasses in the photo as it is from which on it is not turned.
    """

    def __init__(
        self, detector: Detector, turns: Sequence[float], least: float = 0.0, enough: float = 0.0
    ) -> None:
        self._detector, self._turns = detector, tuple(turns)
        self._least, self._enough = least, enough

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Boxes in one uint8 (H, W, 3) RGB photo, inside it, best first."""
        check_photo(rgb)
        upright = self._detector.detect(rgb)
        pairs = upright.only(EYEGLASSES)
        if not self._turns or (pairs.scores >= self._enough).any():
            return upright
        height, width = rgb.shape[:2]
        small = rgb
        if max(height, width) > _LONGEST:
            small = resize(rgb, fit_size((height, width), _LONGEST))
        found = max((self._turned(small, turn) for turn in self._turns), key=_surest)
        sure = found.scores >= self._least
        if not (sure & (found.labels == EYEGLASSES)).any():
            return upright
        back = np.array([width / small.shape[1], height / small.shape[0]] * 2)
        return Detections.of(found.boxes[sure] * back, found.scores[sure], found.labels[sure])

    def _turned(self, rgb: NDArray[np.uint8], turn: float) -> Detections:
        size = rgb.shape[0], rgb.shape[1]
        matrix, (height, width) = turned(turn, size)
        seen = cv2.warpAffine(rgb, matrix, (width, height), borderValue=(GREY, GREY, GREY))
        found = self._detector.detect(np.asarray(seen, np.uint8))
        boxes = turned_back(found.boxes, matrix, size)
        # A box in the corners that turning added has nothing of the photo in it.
        kept = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        return Detections(boxes[kept], found.scores[kept], found.labels[kept])


def turned(degrees: float, size: tuple[int, int]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """How to turn a photo of `size` (H, W) counter-clockwise.

    Returns:
        The affine matrix (2, 3) from the photo's pixels to those of the turned one, and its size.
    """
    height, width = size
    middle = (width - 1) / 2, (height - 1) / 2
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, degrees, 1.0), np.float64)
    cos, sin = np.abs(matrix[0, :2])
    new = round(height * cos + width * sin), round(width * cos + height * sin)
    matrix[:, 2] += [(new[1] - width) / 2, (new[0] - height) / 2]
    return matrix, new


def turned_back(
    boxes: NDArray[np.float32], matrix: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """The upright boxes, within the photo, around boxes in a turned photo.

    Args:
        boxes: float32 (N, 4), x0 y0 x1 y1 in pixels of the turned photo.
        matrix: float64 (2, 3), from the photo to the turned one.
        size: (H, W) of the photo.

    Returns:
        float32 (N, 4); those that lie beside the photo have no area.
    """
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]] - 0.5  # edges, not centres, of pixels
    inverse = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    placed = corners @ inverse[:, :2].T + inverse[:, 2] + 0.5
    sides = np.concatenate([placed.min(axis=1), placed.max(axis=1)], axis=1)
    height, width = size
    return np.asarray(np.clip(sides, 0, [width, height] * 2), np.float32)


def _surest(found: Detections) -> float:
    """The best score of glasses, 0 for none."""
    pairs = found.only(EYEGLASSES)
    return float(pairs.scores[0]) if len(pairs) else 0.0
