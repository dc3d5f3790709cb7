"""Photo to network input and boxes back. Pure functions of arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

STRIDE = 32
GREY = 114  # the padding that YOLO networks are trained with


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a photo lies in its letterboxed input.

    Attributes:
        size: (H, W) of the photo in pixels.
        resized: (H, W) of the photo within the input.
        offset: (top, left) of the photo within the input.
    """

    size: tuple[int, int]
    resized: tuple[int, int]
    offset: tuple[int, int]

    def to_photo(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) xyxy from pixels of the input to pixels of the photo, clipped to it."""
        (height, width), (top, left) = self.size, self.offset
        scale_y, scale_x = height / self.resized[0], width / self.resized[1]
        shift = np.array([left, top, left, top], np.float32)
        scale = np.array([scale_x, scale_y, scale_x, scale_y], np.float32)
        limit = np.array([width, height, width, height], np.float32)
        moved: NDArray[np.float32] = (boxes - shift) * scale
        return np.clip(moved, 0, limit).astype(np.float32)


def fit_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(H, W) of a photo of `size` when its longer side becomes `longest`; neither falls below 1."""
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize (H, W, 3) to `size` (H, W): area averaging when shrinking, so that wires survive."""
    if image.shape[:2] == size:
        return image
    shrinking = size[0] * size[1] < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size[::-1], interpolation=how), np.uint8)


def letterbox(rgb: NDArray[np.uint8], longest: int) -> tuple[NDArray[np.uint8], Placement]:
    """Fit a photo into the smallest input whose sides are multiples of 32.

    Args:
        rgb: uint8 (H, W, 3).
        longest: the longer side of the resized photo, in pixels.

    Returns:
        The input, uint8 (h, w, 3), grey around the photo, and the photo's place in it.
    """
    size = (rgb.shape[0], rgb.shape[1])
    resized = fit_size(size, longest)
    padded = tuple(-(-side // STRIDE) * STRIDE for side in resized)
    offset = ((padded[0] - resized[0]) // 2, (padded[1] - resized[1]) // 2)
    canvas = np.full((*padded, 3), GREY, np.uint8)
    rows = slice(offset[0], offset[0] + resized[0])
    columns = slice(offset[1], offset[1] + resized[1])
    canvas[rows, columns] = resize(rgb, resized)
    return canvas, Placement(size, resized, offset)


def square_within(
    x: float, y: float, side: float, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The square (x0, y0, x1, y1) around a point, whole pixels, moved into a photo (H, W); where
    the photo is shorter than the square, the part ends with the photo."""
    height, width = size
    ends = []
    for centre, length in ((x, width), (y, height)):
        start = int(max(0.0, min(centre - side / 2, length - side)))
        ends.append((start, min(length, start + max(1, math.ceil(side)))))
    (x0, x1), (y0, y1) = ends
    return x0, y0, x1, y1
