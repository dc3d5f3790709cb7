"""Which holes of a mask are lens and which are gaps.

A lens belongs to the glasses although one sees through it; a gap does not. Size never decides: a
reflection that a model took for background is smaller than most gaps, and a clear lens that it
missed is larger. So, for each hole that the mask encloses:

*With the model's lens map* a hole is filled when most of it is lens by that map, or when it lies
within the outline (convex, as lenses are) of a lens and borders on lens; the less it does of the
one, the more of the other. All other holes stay.

*Without one* (or with an empty one) the surroundings, the shape and the colour decide. A hole is
filled when

- glasses surround it widely on all sides, while most gaps have a thin part on one side; and it
  does not look like a gap, which has the background's colour in a border of another one; or
- it is one of the two that look like lenses: a good share of the silhouette, convex, compact, not
  a triangle or a sliver, and the second of a size with the first. A hole that does not have the
  colour of the background, so that one does not simply see through it, passes with less.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bools, Bytes

_MOSTLY = 0.5
_PARTLY = 0.25
_ALL_ROUND = 0.98
_REACH = 0.03  # of the diagonal: wider than rims and temples
_SPECK = 0.002  # of the silhouette: smaller lens areas are noise
_SECOND = 0.3  # of the larger lens: the far one of a pair, seen from the side
_UNLIKE = 20.0  # CIELAB distance from which two colours are told apart at a glance
_RARE = 0.02


@dataclass(frozen=True, slots=True)
class _LensShape:
    """What a hole must be to pass for a lens.

    Attributes:
        area: least share of the silhouette.
        solidity: least share of its convex hull.
        compact: least and largest share of its tightest rectangle: 0.5 is a triangle, 1 a box.
        aspect: least ratio of that rectangle's sides.
    """

    area: float
    solidity: float
    compact: tuple[float, float]
    aspect: float


_SEE_THROUGH = _LensShape(area=0.05, solidity=0.93, compact=(0.68, 0.96), aspect=0.25)
_TINTED = _LensShape(area=0.03, solidity=0.88, compact=(0.6, 0.98), aspect=0.15)


def fill_lens_holes(mask: Bools, lens: Bools | None, rgb: Bytes) -> Bools:
    """Fill the holes within lenses and leave the gaps open.

    Args:
        mask: bool (H, W), the glasses, with background around them.
        lens: bool (H, W), the lens areas where the model knows them, else None.
        rgb: uint8 (H, W, 3), sRGB.

    Returns:
        bool (H, W), a superset of `mask`.
    """
    mask = np.ascontiguousarray(mask)
    holes = _enclosed(mask)
    if not holes.stats:
        return mask
    silhouette = mask | (holes.labels > 0)
    if lens is not None and np.count_nonzero(lens) >= _SPECK * np.count_nonzero(silhouette):
        fill = _within_lenses(holes, np.ascontiguousarray(lens), silhouette)
    else:
        background = _colours(rgb, ~silhouette)
        fill = _surrounded(holes, mask, rgb, background)
        fill |= _lens_like(holes, silhouette, rgb, background)
    chosen = np.zeros(holes.count + 1, np.bool_)
    chosen[list(fill)] = True
    return np.asarray(mask | chosen[holes.labels])


@dataclass(frozen=True, slots=True)
class _Holes:
    """Labels, int32 (H, W), of `count` areas, and of the holes among them x, y, w, h, area."""

    labels: NDArray[np.int32]
    count: int
    stats: dict[int, tuple[int, int, int, int, int]]

    def cut(self, index: int, margin: int) -> tuple[slice, slice]:
        x, y, w, h, _ = self.stats[index]
        return (
            slice(max(0, y - margin), y + h + margin),
            slice(max(0, x - margin), x + w + margin),
        )


def _enclosed(mask: Bools) -> _Holes:
    """Label the background; areas that touch the border of the array are outside."""
    height, width = mask.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (~mask).view(np.uint8), connectivity=4
    )
    holes: dict[int, tuple[int, int, int, int, int]] = {}
    outside = np.zeros(count, np.bool_)
    for index in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[index])
        outside[index] = x == 0 or y == 0 or x + w == width or y + h == height
        if not outside[index]:
            holes[index] = (x, y, w, h, area)
    if outside.any():
        labels[outside[labels]] = 0
    return _Holes(np.asarray(labels, np.int32), count - 1, holes)


def _within_lenses(holes: _Holes, lens: Bools, silhouette: Bools) -> set[int]:
    hulls = _hulls(lens, _SPECK * np.count_nonzero(silhouette))
    fill = set()
    for index, (*_, area) in holes.stats.items():
        cut = holes.cut(index, 3)
        hole = holes.labels[cut] == index
        ring = cv2.dilate(hole.view(np.uint8), np.ones((5, 5), np.uint8)).view(np.bool_) & ~hole
        known = np.count_nonzero(lens[cut] & hole) >= _MOSTLY * area
        inside = np.count_nonzero(hulls[cut] & hole) / area
        bordered = np.count_nonzero(lens[cut] & ring) / np.count_nonzero(ring)
        if known or (bordered >= _PARTLY and inside + bordered >= 1):
            fill.add(index)
    return fill


def _hulls(lens: Bools, least: float) -> Bools:
    """Return the convex hull of each lens area larger than `least` pixels."""
    result = np.zeros(lens.shape, np.uint8)
    found, _ = cv2.findContours(lens.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for outline in found:
        if cv2.contourArea(outline) >= least:
            cv2.fillConvexPoly(result, cv2.convexHull(outline), 1)
    return result.view(np.bool_)


def _surrounded(
    holes: _Holes, mask: Bools, rgb: Bytes, background: NDArray[np.float32]
) -> set[int]:
    """Return the holes deep within the glasses that do not look like gaps."""
    reach = max(3, round(_REACH * _diagonal(mask)))
    fill = set()
    for index in holes.stats:
        cut = holes.cut(index, reach)
        hole = holes.labels[cut] == index
        away = cv2.distanceTransform((~hole).view(np.uint8), cv2.DIST_L2, 3)
        ring = (away > 0) & (away <= reach)
        if np.count_nonzero(mask[cut] & ring) < _ALL_ROUND * np.count_nonzero(ring):
            continue
        border = mask[cut] & ring & (away <= max(3, reach / 3))
        see_through = not _unlike(_colours(rgb[cut], hole), background)
        if not (see_through and _unlike(_colours(rgb[cut], border), background)):
            fill.add(index)
    return fill


def _lens_like(
    holes: _Holes, silhouette: Bools, rgb: Bytes, background: NDArray[np.float32]
) -> set[int]:
    """Return the one or two holes that look most like a pair of lenses."""
    total = np.count_nonzero(silhouette)
    lenses: list[tuple[int, int]] = []
    for index, (*_, area) in holes.stats.items():
        if area < _TINTED.area * total:
            continue
        cut = holes.cut(index, 1)
        hole = holes.labels[cut] == index
        wanted = _TINTED if _unlike(_colours(rgb[cut], hole), background) else _SEE_THROUGH
        if area >= wanted.area * total and _has_shape(hole, area, wanted):
            lenses.append((area, index))
    lenses.sort(reverse=True)
    return {index for area, index in lenses[:2] if area >= _SECOND * lenses[0][0]}


def _has_shape(hole: Bools, area: int, wanted: _LensShape) -> bool:
    found, _ = cv2.findContours(hole.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = np.concatenate(found)
    hull = cv2.convexHull(outline)
    # Outlines run through pixel centres: half a pixel on each side belongs to the area.
    hull_area = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1
    _, (width, height), _ = cv2.minAreaRect(hull)
    short, long = min(width, height) + 1, max(width, height) + 1
    least, most = wanted.compact
    return (
        area >= wanted.solidity * hull_area
        and least <= area / (short * long) <= most
        and short >= wanted.aspect * long
    )


def _colours(rgb: Bytes, where: Bools) -> NDArray[np.float32]:
    """Return the colours, CIELAB (N, 3), of at most some thousand pixels."""
    places = np.flatnonzero(where)
    if not len(places):
        return np.zeros((1, 3), np.float32)
    places = places[:: max(1, len(places) // 4096)]
    sample = rgb[np.unravel_index(places, where.shape)].astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(sample[None], cv2.COLOR_RGB2LAB)[0], np.float32)


def _unlike(colours: NDArray[np.float32], background: NDArray[np.float32]) -> bool:
    """Say whether the median of `colours` is rare in a background, which may be uneven."""
    away = np.linalg.norm(background - np.median(colours, axis=0), axis=1)
    return bool(np.mean(away < _UNLIKE) < _RARE)


def _diagonal(mask: Bools) -> float:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(np.hypot(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))
