"""What has to be known of the glasses in a photo to place them on a canvas.

Small and JSON-able, so that a batch can measure every photo of a product before it places one.
All coordinates are x, y in pixels of the photo, (0, 0) its upper left corner: the first pixel
reaches from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.compose import window_of
from pipeline.errors import ValidationError
from pipeline.types import Bools, Floats

Point = tuple[float, float]
Box = tuple[float, float, float, float]

HALF = 0.5
"""More opaque than this is glasses; less is the softness of their edge."""
_ROUNDING = 0.1
"""Pixels by which the hull may be off, but for its outermost corners, for fewer corners."""
_GRAIN = 0.1
"""A lens this much smaller than the largest is a speck of the mask, not a lens."""
_LOOK = 256
"""Longest side of the reduced matte in which symmetry is measured, in pixels."""
SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class Lens:
    """One lens: its centre of gravity, in pixels of the photo, and its area in pixels."""

    x: float
    y: float
    area: float


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the glasses are in their photo.

    Attributes:
        size: width and height of the photo.
        hull: corners of the convex hull of what is more than half opaque, to fractions of a
            pixel; empty where nothing is. It gives the exact box at every rotation.
        lenses: from left to right; empty where the segmenter knows none.
        symmetry: how well the matte covers its mirror image about the line midway between two
            lenses, as an IoU; 0 unless there are two lenses.
        touches: the borders of the photo that the glasses reach, of `SIDES`.
    """

    size: tuple[int, int]
    hull: tuple[Point, ...]
    lenses: tuple[Lens, ...] = ()
    symmetry: float = 0.0
    touches: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValidationError(f"Extent.size must be positive, not {self.size}")
        if 0 < len(self.hull) < 3 or not np.isfinite(self.hull).all():
            raise ValidationError("Extent.hull must be empty or three or more finite points")
        if not set(self.touches) <= set(SIDES):
            raise ValidationError(f"Extent.touches must be of {SIDES}, not {self.touches}")

    @property
    def is_empty(self) -> bool:
        """Whether there are no glasses at all."""
        return not self.hull

    @property
    def box(self) -> Box:
        """x0, y0, x1, y1 of the glasses; y1 is their baseline. Zeros where there are none."""
        return self.turned(0.0)

    def turned(self, degrees: float) -> Box:
        """Return the box after turning the photo clockwise about its upper left corner."""
        if self.is_empty:
            return 0.0, 0.0, 0.0, 0.0
        points = np.array(self.hull) @ rotation(degrees).T
        x0, y0 = points.min(axis=0)
        x1, y1 = points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def to_dict(self) -> dict[str, Any]:
        """Return what `json.dumps` takes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Extent:
        """Read what `to_dict` gave, also after a way through JSON.

        Raises:
            ValidationError: keys or values are not an Extent's.
        """
        try:
            width, height = told["size"]
            return cls(
                size=(int(width), int(height)),
                hull=tuple((float(x), float(y)) for x, y in told["hull"]),
                lenses=tuple(Lens(**lens) for lens in told["lenses"]),
                symmetry=float(told["symmetry"]),
                touches=tuple(told["touches"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValidationError(f"not an Extent: {error!r}") from error


def rotation(degrees: float) -> NDArray[np.float64]:
    """Return the matrix (2, 2) that turns x, y clockwise as seen, y pointing down."""
    angle = math.radians(degrees)
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def measure(alpha: Floats, lenses: Bools | None = None) -> Extent:
    """Measure where the glasses are.

    Args:
        alpha: float32 (H, W) in [0, 1], the matte.
        lenses: bool (H, W), the lens areas where the segmenter knows them; of several pairs, all
            together.

    Raises:
        ValidationError: the sizes differ.
    """
    if lenses is not None and lenses.shape != alpha.shape:
        raise ValidationError(f"lenses {lenses.shape} and alpha {alpha.shape} differ in size")
    height, width = alpha.shape
    inside = alpha > HALF
    window = rows, columns = window_of(inside)
    if rows.stop == 0:
        return Extent((width, height), ())
    top, left = rows.start, columns.start
    found = () if lenses is None else _lenses(lenses[window], left, top)
    flush = (left == 0, top == 0, columns.stop == width, rows.stop == height)
    return Extent(
        size=(width, height),
        hull=_hull(alpha, inside[window], left, top),
        lenses=found,
        symmetry=_symmetry(alpha[window], found, left, top) if len(found) == 2 else 0.0,
        touches=tuple(side for side, touching in zip(SIDES, flush, strict=True) if touching),
    )


def _hull(alpha: Floats, inside: Bools, left: int, top: int) -> tuple[Point, ...]:
    """The hull of where alpha crosses one half, between the outermost pixels and their neighbours.

    inside: the window of alpha > 0.5 that starts at (left, top), tight.
    """
    points = np.concatenate(
        [
            _crossings(alpha, inside, left, top),
            _crossings(alpha.T, inside.T, top, left)[:, ::-1],
        ]
    )
    hull = cv2.convexHull(np.ascontiguousarray(points, np.float32))[:, 0]
    fewer = cv2.approxPolyDP(hull, _ROUNDING, True)[:, 0]
    # The outermost corners stay: the glasses stand on the lowest, and presets measure the box.
    outermost = hull[np.concatenate([hull.argmin(axis=0), hull.argmax(axis=0)])]
    fewer = cv2.convexHull(np.concatenate([fewer, outermost]))[:, 0]
    hull = fewer if len(fewer) >= 3 else hull
    return tuple((round(float(x), 2), round(float(y), 2)) for x, y in hull)


def _crossings(alpha: Floats, inside: Bools, left: int, top: int) -> NDArray[np.float64]:
    """The outermost crossings of each row of `inside`, x and y, float64 (2 N, 2)."""
    lines = np.flatnonzero(inside.any(axis=1))
    first = inside[lines].argmax(axis=1) + left
    last = left + inside.shape[1] - 1 - inside[lines, ::-1].argmax(axis=1)
    rows = lines + top
    ends = []
    for at, step in ((first, -1), (last, 1)):
        beyond = at + step
        outside = (beyond < 0) | (beyond >= alpha.shape[1])
        near = alpha[rows, at].astype(np.float64)
        far = alpha[rows, np.where(outside, at, beyond)].astype(np.float64)
        share = np.full(len(at), HALF)  # the border of the photo is half a pixel from the centre
        np.divide(near - HALF, near - far, out=share, where=~outside)
        ends.append(np.column_stack([at + 0.5 + step * share, rows + 0.5]))
    return np.concatenate(ends)


def _lenses(mask: Bools, left: int, top: int) -> tuple[Lens, ...]:
    count, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:count, cv2.CC_STAT_AREA]
    if not len(areas):
        return ()
    found = [
        Lens(round(float(x) + 0.5 + left, 2), round(float(y) + 0.5 + top, 2), float(area))
        for (x, y), area in zip(centres[1:count], areas, strict=True)
        if area >= _GRAIN * areas.max()
    ]
    return tuple(sorted(found, key=lambda lens: lens.x))


def _symmetry(alpha: Floats, lenses: tuple[Lens, ...], left: int, top: int) -> float:
    """IoU of the matte and its mirror image about the bisector of the lens centres."""
    one, two = lenses
    shrink = min(1.0, _LOOK / max(alpha.shape))
    small = cv2.resize(alpha, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    room = max(small.shape)
    small = cv2.copyMakeBorder(small, room, room, room, room, cv2.BORDER_CONSTANT, value=0)
    along = np.array([two.x - one.x, two.y - one.y])
    along /= np.linalg.norm(along)
    middle = np.array([(one.x + two.x) / 2 - left, (one.y + two.y) / 2 - top])
    centre = middle * shrink + room - 0.5
    mirror = np.eye(2) - 2 * np.outer(along, along)
    matrix = np.column_stack([mirror, centre - mirror @ centre])
    other = cv2.warpAffine(small, matrix, small.shape[::-1])
    common, either = np.minimum(small, other).sum(), np.maximum(small, other).sum()
    return round(float(common / either), 4) if either else 0.0
