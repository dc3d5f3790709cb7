"""Pictures turned a little, with boxes that fit as tightly as before.

A box turned with its picture says less and less of where its glasses end: by twenty degrees the box
around the turned box, or around the ellipse in it, is off by a quarter. The outlines of glasses and
lenses, where masks lie beside the pictures, give the boxes exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.dataset import Example, read_bgr
from detector.letterbox import GREY
from detector.pasting import mask_of
from detector.turns import turned
from detector.types import EYEGLASSES

Bytes = NDArray[Any]  # uint8; OpenCV's stubs promise less
Outline = NDArray[np.float32]
"""Corners (K, 2) of a convex outline, xy in fractions of the picture."""

_ROUND = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_SEEN = 0.25  # of a box: least share within the picture


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A picture's turn by so many degrees counter-clockwise, about the middle of a square with the
    picture's longer side."""

    degrees: float

    def picture(self, image: Bytes) -> Bytes:
        """The turned picture, uint8 (S, S, 3), on grey; `image` is (H, W, 3)."""
        side = max(image.shape[:2])
        matrix = self._matrix((image.shape[0], image.shape[1]))
        return cv2.warpAffine(image, matrix, (side, side), borderValue=(GREY, GREY, GREY))

    def example(self, example: Example, outlines: list[Outline], size: tuple[int, int]) -> Example:
        """The labels of the turned picture, which was (H, W) large: boxes around what is seen of
        `outlines`, one for each of the example's. Those of which little is left are dropped."""
        height, width = size
        side = max(size)
        matrix = self._matrix(size)
        frame = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
        boxes, kept = [], []
        for number, outline in enumerate(outlines):
            # Edges, not centres, of pixels.
            points = outline * np.array([width, height], np.float32) - 0.5
            moved = (points @ matrix[:, :2].T + matrix[:, 2] + 0.5).astype(np.float32)
            area, seen = cv2.intersectConvexConvex(cv2.convexHull(moved), frame)
            if area <= 0:
                continue
            low, high = seen.reshape(-1, 2).min(axis=0), seen.reshape(-1, 2).max(axis=0)
            if np.prod(high - low) >= _SEEN * np.prod(np.ptp(moved, axis=0)) > 0:
                boxes.append([*(low + high) / 2, *(high - low)])
                kept.append(number)
        found = np.array(boxes, np.float32).reshape(-1, 4) / np.float32(side)
        return replace(example, boxes=found, labels=example.labels[kept])

    def _matrix(self, size: tuple[int, int]) -> NDArray[np.float64]:
        matrix, (height, width) = turned(self.degrees, size)
        side = max(size)
        matrix[:, 2] += (side - width) / 2, (side - height) / 2
        return matrix


def outlines_of(example: Example) -> list[Outline]:
    """A convex outline for each box of a picture: that of what its mask has there, or, without
    masks and where a mask shows nothing, the ellipse in the box. Rows of lenses follow that of
    their glasses.

    Raises:
        DatasetError: a mask cannot be read.
    """
    outlines = [_ellipse(box) for box in example.boxes]
    pairs = np.flatnonzero(example.labels == EYEGLASSES)
    masks = [mask_of(example, i) for i in range(len(pairs))]
    if not all(path.is_file() for path in masks):
        return outlines
    ends = np.append(pairs, len(example.boxes))[1:]
    for number, end, path in zip(pairs, ends, masks, strict=True):
        mask = read_bgr(path)
        red, green = mask[..., 2], mask[..., 1]  # frame and lens, or the whole pair in both
        whole = red if np.array_equal(red, green) else cv2.add(red, green)
        hull = _hull(whole > 127)
        outlines[number] = outlines[number] if hull is None else hull
        corners = example.corners((mask.shape[0], mask.shape[1]))
        for lens in range(number + 1, end):
            outlines[lens] = _lens(mask, corners[lens], outlines[lens])
    return outlines


def _ellipse(box: NDArray[np.float32]) -> Outline:
    x, y, width, height = box
    around = np.column_stack([x + width / 2 * np.cos(_ROUND), y + height / 2 * np.sin(_ROUND)])
    return around.astype(np.float32)


def _lens(mask: Bytes, box: NDArray[np.float32], otherwise: Outline) -> Outline:
    """The hull of the lens in a box, of a mask in BGR: green is both lenses, blue the second, where
    they are told apart."""
    x0, y0 = np.floor(box[:2] + 0.5).astype(int)
    x1, y1 = np.floor(box[2:] + 0.5).astype(int)
    best, most = otherwise, 0.0
    for lens in (cv2.subtract(mask[..., 1], mask[..., 0]), mask[..., 0], mask[..., 1]):
        on = np.zeros(lens.shape, np.bool_)
        on[y0:y1, x0:x1] = lens[y0:y1, x0:x1] > 127
        hull = _hull(on)
        if hull is None:
            continue
        filled = float(np.prod(np.ptp(hull, axis=0))) * on.size
        if filled > most + 1:  # in doubt, that of one lens
            best, most = hull, filled
    return best


def _hull(on: NDArray[np.bool_]) -> Outline | None:
    """The hull of what is set in a mask (H, W)."""
    if not on.any():
        return None
    hull = cv2.convexHull(row_ends(on)).reshape(-1, 2)
    corners = np.concatenate([hull + [x, y] for x in (0, 1) for y in (0, 1)]).astype(np.float32)
    height, width = on.shape
    outline = cv2.convexHull(corners).reshape(-1, 2) / np.array([width, height], np.float32)
    return np.asarray(outline, np.float32)


def row_ends(on: NDArray[Any]) -> NDArray[np.int32]:
    """The first and the last pixel that is set of each row of a mask (H, W), (N, 2) xy: the hull of
    them is that of all that is set, of which there is far more."""
    rows = np.flatnonzero(on.any(axis=1))
    kept = on[rows] != 0
    left, right = kept.argmax(axis=1), on.shape[1] - 1 - kept[:, ::-1].argmax(axis=1)
    return np.column_stack([np.append(left, right), np.append(rows, rows)]).astype(np.int32)
