"""Where the glasses go on the canvas: scale, rotation and position.

All angles of one product share scale and baseline, so that a spin does not jump: the scale is the
largest at which each of them fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.canvas.extent import Box, Extent, rotation
from pipeline.canvas.preset import CanvasPreset, Fill
from pipeline.errors import ValidationError

Limit = Literal["fill", "upscaling", "room"]

TILT = 15.0
"""Degrees up to which lens centres tell how a camera was held. More is no slip of the hand: the
glasses lie or lean, and the picture is meant to show that."""
EVEN = 0.75
"""Least area of the smaller lens by the larger in a front view; nearer lenses look larger."""
SYMMETRY = 0.8
"""Least `Extent.symmetry` of a front view. The lens centres of glasses that are turned and seen
from above are tilted too, by perspective; levelling those would tip the glasses over. Such a view
is sheared and shows one temple, so it does not cover its own mirror image."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a photo lands on its canvas.

    Attributes:
        size: width and height of the canvas in pixels.
        scale: pixels of the canvas by pixels of the photo.
        rotation: degrees, clockwise.
        shift: where the photo's upper left corner lands, x and y in pixels of the canvas.
        box: where the glasses land, x0, y0, x1, y1; y1 is the baseline.
        fill: share of the canvas that the largest member of the group takes up, see `Fill`.
        limit: what held the scale: the share to fill, the most enlargement, or the room above the
            baseline.
    """

    size: tuple[int, int]
    scale: float = 1.0
    rotation: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    box: Box = (0.0, 0.0, 0.0, 0.0)
    fill: float = 0.0
    limit: Limit = "fill"

    def __post_init__(self) -> None:
        if min(self.size) < 1 or not self.scale > 0:
            raise ValidationError(f"Placement needs a size and a scale, not {self.size}")
        numbers = (self.scale, self.rotation, *self.shift, *self.box, self.fill)
        if not all(map(math.isfinite, numbers)):
            raise ValidationError(f"Placement must be finite, not {numbers}")

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Float64 (2, 3): takes (x, y, 1) of the photo to x, y of the canvas; corners of pixels
        are whole numbers in both.
        """
        return np.column_stack([self.scale * rotation(self.rotation), self.shift])

    @property
    def moves_nothing(self) -> bool:
        """Whether every pixel of the photo stays what and where it is."""
        return self.scale == 1 and self.rotation == 0 and self.shift == (0, 0)


def place(extent: Extent, preset: CanvasPreset, group: Sequence[Extent] = ()) -> Placement:
    """Find where the glasses of one photo go.

    Args:
        extent: of this photo.
        preset: the canvas.
        group: all photos of the product, this one among them or not; its photos must be taken at
            one distance and be of one resolution, or the shared scale means nothing.

    Returns:
        The placement. Glasses that there are none of are placed as if they were a point.
    """
    turn = roll(extent) if preset.straighten else 0.0
    if preset.is_source or preset.fill is None:
        return _in_place(extent, turn)
    turned = [
        member.turned(roll(member) if preset.straighten else 0.0)
        for member in (extent, *group)
        if not member.is_empty
    ]
    widest = max((x1 - x0 for x0, _, x1, _ in turned), default=0.0)
    tallest = max((y1 - y0 for _, y0, _, y1 in turned), default=0.0)
    size = preset.size or _size_around(widest, tallest, preset, preset.fill)
    scale, limit = _scale(widest, tallest, size, preset, preset.fill)
    x0, y0, x1, y1 = (scale * value for value in extent.turned(turn))
    width, height = size
    bottom = (height + scale * tallest) / 2 if preset.baseline is None else preset.baseline * height
    shift = (width - x0 - x1) / 2, bottom - y1
    return Placement(
        size=size,
        scale=scale,
        rotation=turn,
        shift=shift,
        box=(x0 + shift[0], y0 + shift[1], x1 + shift[0], bottom),
        fill=max(scale * widest / width, scale * tallest / height),
        limit=limit,
    )


def roll(extent: Extent) -> float:
    """Return by how many degrees, clockwise, a photo must turn for its lenses to stand level.

    0 where it is no front view: see `TILT`, `EVEN` and `SYMMETRY`.
    """
    if len(extent.lenses) != 2:
        return 0.0
    one, two = extent.lenses
    small, large = sorted((one.area, two.area))
    tilt = math.degrees(math.atan2(two.y - one.y, two.x - one.x))
    front = abs(tilt) <= TILT and small >= EVEN * large and extent.symmetry >= SYMMETRY
    return -tilt if front else 0.0


def _in_place(extent: Extent, turn: float) -> Placement:
    """The photo's own canvas; turned about the middle of the glasses, which stay on it if they
    can.
    """
    x0, y0, x1, y1 = extent.box
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    shift = middle - rotation(turn) @ middle
    box = np.array(extent.turned(turn)).reshape(2, 2)
    room = np.array(extent.size)
    if turn:
        least, most = -box[0], room - box[1]
        shift = np.where(least <= most, np.clip(shift, least, most), shift)
    else:
        shift = np.zeros(2)
    (x0, y0), (x1, y1) = (box + shift).tolist()
    width, height = extent.size
    return Placement(
        size=extent.size,
        rotation=turn,
        shift=(float(shift[0]), float(shift[1])),
        box=(x0, y0, x1, y1),
        fill=max((x1 - x0) / width, (y1 - y0) / height),
    )


def _height_share(preset: CanvasPreset) -> float:
    """The share of the canvas' height between the margin and the baseline."""
    bottom = 1 - preset.margin if preset.baseline is None else preset.baseline
    return bottom - preset.margin


def _size_around(
    widest: float, tallest: float, preset: CanvasPreset, fill: Fill
) -> tuple[int, int]:
    """The canvas of the preset's aspect on which glasses of the photo's own scale fit."""
    aspect = preset.aspect or 1.0
    share = min(fill.target, _height_share(preset))
    width = max(widest / fill.target, tallest / share * aspect)
    longest = math.ceil(max(width, width / aspect))
    longest = min(max(longest, preset.least_side, 16), preset.most_side)
    shortest = max(1, round(longest / max(aspect, 1 / aspect)))
    return (longest, shortest) if aspect >= 1 else (shortest, longest)


def _scale(
    widest: float, tallest: float, size: tuple[int, int], preset: CanvasPreset, fill: Fill
) -> tuple[float, Limit]:
    """The scale, and what held it."""
    if not widest > 0 or not tallest > 0:
        return 1.0, "fill"
    width, height = size
    limits: dict[Limit, float] = {
        "fill": min(fill.target * width / widest, fill.target * height / tallest),
        "room": _height_share(preset) * height / tallest,
        "upscaling": preset.max_upscaling,
    }
    limit = min(limits, key=lambda name: limits[name])
    return limits[limit], limit
