"""What shadow lies on the white: none, the photo's own (`pipeline.canvas.contact`), or a drawn one.

A shadow is neutral and lies behind the glasses. It is kept as what share of the white it takes
away, in the window where it takes any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from pipeline.compose import window_of
from pipeline.errors import ValidationError
from pipeline.types import Bools, Floats

ShadowKind = Literal["none", "natural", "soft"]

_FLAT = 0.06
"""Height of the drawn shadow by that of the glasses."""
_LIFT = 0.14
"""Share of the glasses' height within which the shadow of what hangs above the ground fades."""
_FOOT = 0.08
"""A foot is what is lowest within this share of the glasses' width to either side."""
_BESIDE = 0.3
"""... or sticks out from what is this far to both sides of it."""
_CONTACT, _AMBIENT = (0.42, 0.007), (0.30, 0.03)
"""Darkness and blur (as a share of the glasses' width) of the two layers: where the glasses touch
the ground, and the light that they keep off around there."""
_WORK = 800
"""Longest side of the reduced window in which the shadow is drawn, in pixels."""
_NOTHING = cv2.BORDER_CONSTANT
_FAINT = 1 / 600
"""Less than this does not change an 8-bit white."""
_RAMP = 0.02
"""Width of the ramp to white at the canvas' border, by the shorter side."""


@dataclass(frozen=True, slots=True, eq=False)
class Darkness:
    """A shadow.

    Attributes:
        plane: float32 (h, w) in [0, 1], the share of white that it takes away; nothing beyond.
        origin: x, y of its first pixel in the picture.
    """

    plane: Floats
    origin: tuple[int, int]

    def __post_init__(self) -> None:
        if self.plane.ndim != 2 or self.plane.dtype != np.float32:
            raise ValidationError(
                f"Darkness.plane must be float32 (h, w), not {self.plane.dtype} {self.plane.shape}"
            )

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that `plane` covers."""
        x, y = self.origin
        height, width = self.plane.shape
        return slice(y, y + height), slice(x, x + width)


def soft(alpha: Floats) -> Darkness | None:
    """Draw the shadow of glasses that stand on a pale ground under wide light.

    Their feet, such as the lower rims and the temple tips, need not be level in the picture, as a
    camera mostly looks down on the ground: each throws its shadow where it stands. The shadow is
    the squashed silhouette of what is near the ground there, blurred twice.

    Args:
        alpha: float32 (H, W), the matte, upright on its canvas.

    Returns:
        The shadow, or None where there are no glasses.
    """
    rows, columns = window_of(alpha)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if not height:
        return None
    room = int(3 * _AMBIENT[1] * width) + 2
    rows = slice(rows.start, min(alpha.shape[0], rows.stop + room))
    columns = slice(max(0, columns.start - room), min(alpha.shape[1], columns.stop + room))
    part = alpha[rows, columns]
    shrink = min(1.0, _WORK / max(part.shape))
    size = max(1, round(part.shape[1] * shrink)), max(1, round(part.shape[0] * shrink))
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)
    drawn = _drawn(small, height * shrink, width * shrink)
    large = cv2.resize(drawn, part.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return Darkness(np.asarray(large, np.float32), (columns.start, rows.start))


def _drawn(alpha: Floats, height: float, width: float) -> Floats:
    """The shadow of glasses of this height and width."""
    ground, ink = _standing(alpha, height, width)
    away = np.abs(np.arange(len(alpha), dtype=np.float32)[:, None] - ground)
    flat = np.asarray(ink * np.clip(_FLAT * height / 2 + 0.5 - away, 0, 1), np.float32)
    layers = [
        strength * cv2.GaussianBlur(flat, (0, 0), max(0.5, blur * width), borderType=_NOTHING)
        for strength, blur in (_CONTACT, _AMBIENT)
    ]
    return np.asarray(layers[0] + layers[1], np.float32)


def _standing(alpha: Floats, height: float, width: float) -> tuple[Floats, Floats]:
    """The row of the ground under each column, and how dark the shadow of the glasses is there.

    A foot is near the lower hull of the glasses, on which they would stand in a side view, or goes
    down further than what is to both sides of it.
    """
    solid: Bools = np.asarray(alpha > 0.5)
    some: Bools = np.asarray(solid.any(axis=0))
    if not some.any():
        return np.zeros(len(some), np.float32), np.zeros(len(some), np.float32)
    last = len(alpha) - 1 - solid[::-1].argmax(axis=0)
    low = np.where(some, last, -4 * height).astype(np.float32)
    ground = _widest(low, _FOOT * width)
    at = np.flatnonzero(some)
    hull = cv2.convexHull(np.column_stack([at, low[at]]).astype(np.float32))[:, 0]
    hull = hull[np.argsort(hull[:, 0])]
    middle = np.interp(hull[:, 0], hull[[0, -1], 0], hull[[0, -1], 1])
    lower = hull[hull[:, 1] >= middle - 1e-3]
    line = np.interp(np.arange(len(low)), lower[:, 0], lower[:, 1]).astype(np.float32)
    slope = _LIFT * height
    level = np.exp(-np.maximum(line - ground, 0) / slope)
    opened = _widest(-_widest(-low, _BESIDE * width), _BESIDE * width)
    foot = step(ground - _widest(opened, _FOOT * width), 0.05 * height, 0.15 * height)
    ink = some * np.exp(np.minimum(low - ground, 0) / slope) * np.maximum(level, foot)
    return ground, np.asarray(ink, np.float32)


def _widest(line: Floats, reach: float) -> Floats:
    """The largest value within `reach` to either side."""
    kernel = np.ones((1, 2 * max(1, round(reach)) + 1), np.uint8)
    return np.asarray(cv2.dilate(line[None], kernel)[0], np.float32)


def faded(darkness: Darkness, size: tuple[int, int]) -> Darkness:
    """Let a shadow run out before the border of the canvas, which must stay white.

    Args:
        darkness: on the canvas.
        size: width and height of the canvas.
    """
    ramps = []
    for window, length in zip(darkness.window, size[::-1], strict=True):
        steps = np.arange(window.start, window.stop, dtype=np.float32)
        away = np.minimum(steps, length - 1 - steps)
        ramps.append(step(away, 1.0, 2.0 + _RAMP * min(size)))
    plane = darkness.plane * ramps[0][:, None]
    plane *= ramps[1]
    plane[plane < _FAINT] = 0
    rows, columns = window_of(plane)
    x, y = darkness.origin
    return Darkness(plane[rows, columns], (x + columns.start, y + rows.start))


def step(values: Floats, low: float, high: float) -> Floats:
    """Return 0 below `low`, 1 above `high`, and a smooth way between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
