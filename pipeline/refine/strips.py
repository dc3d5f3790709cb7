"""The band around an outline, unrolled: a strip whose rows cross the outline and whose columns
run along it. In a strip every edge lies the same way, however the outline turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.refine.contour import Outline
from pipeline.types import Floats

WIDTH = 32
"""Pixels of a strip across the outline, one apart; the outline runs through the middle."""
OVERLAP = 16
"""Rows by which the ends of a closed outline's strip go on around it."""
OFFSETS = np.arange(WIDTH, dtype=np.float64) - (WIDTH - 1) / 2
REACH = (WIDTH - 1) / 2
_SHORT = 8  # points; shorter outlines have no direction worth the name
_BLOCK = 1024  # rows read at once
_AROUND = 5  # pixels from which one takes its value of which no row tells
_ASTRAY = 2.0  # pixels by which a row's normal may mistake how far away a pixel is


@dataclass(frozen=True, slots=True)
class Strips:
    """Where the strips of several outlines lie, one below the other.

    Attributes:
        points: complex128 (L,), x + iy of the outline in each row, in pixels.
        normals: complex128 (L,), unit vectors out of the glasses.
        own: bool (L,), False in the rows that repeat an outline's other end.
    """

    points: NDArray[np.complex128]
    normals: NDArray[np.complex128]
    own: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.points)

    def read(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the strip of an image, uint8 (H, W) or (H, W, C): (L, WIDTH) or (L, WIDTH, C)."""
        blocks = [
            cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for x, y in self._places()
        ]
        return np.asarray(np.concatenate(blocks), np.uint8)

    def _places(self) -> Iterator[tuple[Floats, Floats]]:
        for start in range(0, len(self), _BLOCK):
            rows = slice(start, start + _BLOCK)
            places = self.points[rows, None] + OFFSETS * self.normals[rows, None]
            yield places.real.astype(np.float32), places.imag.astype(np.float32)


def unroll(outlines: list[Outline]) -> Strips | None:
    """Lay a strip along each outline, a row a pixel; None where all are too short.

    Args:
        outlines: smooth and closed, the glasses on the right hand of their direction.
    """
    parts = [_rows(outline) for outline in outlines if len(outline) >= _SHORT]
    if not parts:
        return None
    return Strips(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rows(
    outline: Outline,
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.bool_]]:
    """Points a pixel apart with their normals, both ends carried on around."""
    steps = np.abs(np.diff(outline, append=outline[:1]))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(_SHORT, round(float(along[-1])))
    wanted = np.arange(count) * along[-1] / count
    points = np.interp(wanted, along, np.append(outline, outline[:1]))
    tangent = np.roll(points, -2) - np.roll(points, 2)
    length = np.abs(tangent)
    tangent = np.divide(tangent, length, out=np.ones_like(tangent), where=length > 1e-6)
    around = np.arange(-OVERLAP, count + OVERLAP) % count
    own = np.zeros(len(around), np.bool_)
    own[OVERLAP:-OVERLAP] = True
    return points[around], (tangent * 1j)[around], own


def roll_up(strips: Strips, values: Floats, fallback: Floats, reach: float = REACH) -> Floats:
    """Lay a strip's values back into the picture: each pixel takes those of the outline nearest.

    Args:
        strips: where the values lie.
        values: float32 (L, WIDTH).
        fallback: float32 (H, W), the outlines' coverage; it stands beyond the strips.
        reach: pixels from the outline up to which the strips count, no more than `REACH`.

    Returns:
        float32 (H, W).
    """
    height, width = fallback.shape
    rows = np.flatnonzero(strips.own)
    xs = np.clip(np.rint(strips.points.real[rows]).astype(int), 0, width - 1)
    ys = np.clip(np.rint(strips.points.imag[rows]).astype(int), 0, height - 1)
    free = np.ones(fallback.shape, np.uint8)
    free[ys, xs] = 0
    distance, labels = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    row_of = np.zeros(int(labels.max()) + 1, np.int64)
    row_of[labels[ys, xs]] = rows
    where = np.nonzero(distance < reach)
    row = row_of[labels[where]]
    away = (where[1] + 1j * where[0]) - strips.points[row]
    across = (away * np.conj(strips.normals[row])).real
    # At a kink the nearest row may cross the outline askew, or the other way round, and then says
    # nothing of a pixel whose side and distance are others. Its neighbours tell.
    apart = np.where(fallback[where] > 0.5, -distance[where], distance[where])
    straight = np.abs(across - apart) <= _ASTRAY
    across = across + REACH
    inside = straight & (across >= 0) & (across <= WIDTH - 1)
    result = fallback.copy()
    row, across = row[inside], across[inside]
    left = np.minimum(across.astype(int), WIDTH - 2)
    share = (across - left).astype(np.float32)
    mixed = values[row, left] * (1 - share) + values[row, left + 1] * share
    result[where[0][inside], where[1][inside]] = mixed
    left_out = where[0][~inside], where[1][~inside]
    told = np.ones(fallback.shape, np.float32)
    told[left_out] = 0
    result[left_out] = _from_neighbours(result, told)[left_out]
    return result


def _from_neighbours(values: Floats, told: Floats) -> Floats:
    """Return the mean of those around that are told, the value itself where there are none."""
    size = (_AROUND, _AROUND)
    share = cv2.blur(told, size)
    mean = cv2.blur(values * told, size) / np.maximum(share, 1e-6)
    return np.where(share > 1e-3, mean, values)
