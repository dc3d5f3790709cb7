"""From the photo's pixels to the canvas': one plane, turned, scaled and shifted to fractions of a
pixel.

Planes hold what lies on the white (coverage, or ink: what the colour takes away from white), so
beyond their borders they are 0 and resampling them is resampling premultiplied colour. The values
are sRGB's, as everywhere where eyecut lays colour over white: so a canvas shrunk from a large
photo is the canvas that the shrunk photo would have given, and equals its transparent cut-out
laid over white by any other program.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.canvas.extent import rotation
from pipeline.canvas.place import Placement
from pipeline.types import Floats

Window = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels."""
_REACH = 2
"""Pixels that the wider kernel reaches, in those of the coarser grid."""


def landing(window: Window, placement: Placement) -> Window:
    """Return the part of the canvas that a window of the photo may colour."""
    x0, y0, x1, y1 = window
    corners = np.array([[x0, x1, x0, x1], [y0, y0, y1, y1], [1, 1, 1, 1]], np.float64)
    points = placement.matrix @ corners
    reach = _REACH * max(1.0, placement.scale) + 1
    low, high = np.floor(points.min(axis=1) - reach), np.ceil(points.max(axis=1) + reach)
    most = np.array(placement.size)
    (x0, y0), (x1, y1) = np.clip(low, 0, most), np.clip(high, 0, most)
    return int(x0), int(y0), int(x1), int(y1)


def resample(plane: Floats, origin: tuple[int, int], placement: Placement, into: Window) -> Floats:
    """Return a window of the canvas: the plane turned, where it must be, then scaled and shifted.

    Shrinking averages over all pixels that a pixel of the canvas covers, with Pillow's Hamming
    kernel, which has no negative lobes: those would be clipped at white and so thicken wires.
    Enlarging takes the bicubic one, which has a single negative lobe, so that no ring shows on
    the white beside an edge, as it does with Lanczos'.

    Args:
        plane: float32 (h, w), 0 beyond its borders.
        origin: x, y of its first pixel in the photo.
        placement: from the photo to the canvas.
        into: the window, not empty.

    Returns:
        float32 (y1 - y0, x1 - x0); may overshoot the range of `plane`.
    """
    if placement.rotation:
        plane, origin = _turn(plane, origin, placement.rotation)
    x0, y0, x1, y1 = into
    where = np.array([[x0, y0], [x1, y1]], np.float64)
    box = (where - placement.shift) / placement.scale - origin
    size = np.array(plane.shape[::-1])
    before = np.maximum(0, np.ceil(-box[0])).astype(int) + 1
    after = np.maximum(0, np.ceil(box[1] - size)).astype(int) + 1
    (left, top), (right, bottom) = before.tolist(), after.tolist()
    padded = cv2.copyMakeBorder(plane, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    (bx0, by0), (bx1, by1) = (box + before).tolist()
    kernel = Image.Resampling.HAMMING if placement.scale < 1 else Image.Resampling.BICUBIC
    picture = Image.fromarray(padded).resize((x1 - x0, y1 - y0), kernel, box=(bx0, by0, bx1, by1))
    return np.asarray(picture)


def _turn(plane: Floats, origin: tuple[int, int], degrees: float) -> tuple[Floats, tuple[int, int]]:
    """Turn a plane clockwise about the photo's upper left corner, at the photo's own scale."""
    height, width = plane.shape
    left, top = origin
    turn = rotation(degrees)
    xs, ys = (left, left + width), (top, top + height)
    corners = turn @ np.array([[x, y] for x in xs for y in ys], np.float64).T
    low: NDArray[np.int64] = np.floor(corners.min(axis=1)).astype(np.int64) - _REACH
    high: NDArray[np.int64] = np.ceil(corners.max(axis=1)).astype(np.int64) + _REACH
    # OpenCV counts from the centre of the first pixel.
    shift = turn @ (np.array(origin) + 0.5) - low - 0.5
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    turned = cv2.warpAffine(
        plane, np.column_stack([turn, shift]), size, flags=cv2.INTER_CUBIC, borderValue=0
    )
    return np.asarray(turned, np.float32), (int(low[0]), int(low[1]))
