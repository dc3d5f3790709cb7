"""Shapes in a mask that several figures rest on: window, bands, contour, hull, holes. Arrays only.

What lies outside an array counts as background, so a mask may be cut to its window first.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.rotation import row_ends
from pipeline.types import Bools, Bytes

_CROSS = np.asarray(cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.uint8)


def share(part: Bools, whole: Bools) -> float:
    """Area of `part` over area of `whole`; 0 where both are empty."""
    return int(np.count_nonzero(part)) / max(int(np.count_nonzero(whole)), 1)


def window(mask: Bools) -> tuple[slice, slice]:
    """Rows and columns of the smallest window that holds all of a mask (H, W), not empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def disk(radius: int) -> Bytes:
    """OpenCV's elliptic kernel, uint8 (2 radius + 1, 2 radius + 1)."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(kernel, np.uint8)


def padded(mask: Bools, width: int) -> Bytes:
    """`mask` as uint8 with `width` pixels of background around it."""
    sides = (width, width, width, width)
    return np.asarray(cv2.copyMakeBorder(mask.view(np.uint8), *sides, cv2.BORDER_CONSTANT))


def inner_band(mask: Bools, radius: int) -> Bools:
    """The part of `mask` within `radius` pixels of the background."""
    eroded = cv2.erode(padded(mask, radius), disk(radius))
    return np.asarray(mask & (eroded[radius:-radius, radius:-radius] == 0))


def square_band(mask: Bools, width: int) -> Bools:
    """The part of `mask` that `width` erosions with a square of 3 x 3 pixels take away.

    One such erosion takes what is one step of chessboard distance from the background, so one
    distance transform stands for all of them.
    """
    distance = cv2.distanceTransform(padded(mask, 1), cv2.DIST_C, 3)[1:-1, 1:-1]
    return np.asarray(mask & (distance <= width))


def contour(mask: Bools) -> Bools:
    """The pixels of `mask` that share an edge with the background."""
    return np.asarray(mask & (cv2.erode(padded(mask, 1), _CROSS)[1:-1, 1:-1] == 0))


def near(mask: Bools, distance: float) -> Bools:
    """The pixels whose centre lies within `distance` pixels of one of `mask`'s (Euclidean)."""
    reach = np.arange(-int(distance), int(distance) + 1)
    kernel = reach[:, None] ** 2 + reach[None, :] ** 2 <= distance**2
    return np.asarray(cv2.dilate(mask.view(np.uint8), kernel.astype(np.uint8)) != 0)


def thin_parts(mask: Bools, radius: int) -> Bools:
    """The part of `mask` where a disk of `radius` does not fit."""
    opened = cv2.morphologyEx(padded(mask, radius), cv2.MORPH_OPEN, disk(radius))
    return np.asarray(mask & (opened[radius:-radius, radius:-radius] == 0))


def hull(mask: Bools) -> Bools:
    """The convex hull of a mask, not empty."""
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(row_ends(mask)), 1)
    return filled.view(np.bool_)


def holes(mask: Bools) -> tuple[int, NDArray[np.int32]]:
    """Number the holes: background that is closed in, its pixels joined by their edges.

    Returns:
        How many there are, and int32 (H, W) with each hole's number from 1; 0 elsewhere.
    """
    closed = padded(mask, 1)
    cv2.floodFill(closed, None, (0, 0), (1,))  # from outside: what stays 0 is closed in
    count, numbers = cv2.connectedComponents(1 - closed, connectivity=4, ltype=cv2.CV_32S)
    return count - 1, np.asarray(numbers[1:-1, 1:-1], np.int32)


def contour_lines(mask: Bools) -> list[NDArray[np.float64]]:
    """The closed lines through the contour's pixels, around the mask and its holes.

    Returns:
        float64 (N, 2) each, x y of neighbouring pixels in order.
    """
    lines, _ = cv2.findContours(padded(mask, 1), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [line[:, 0].astype(np.float64) - 1 for line in lines]
