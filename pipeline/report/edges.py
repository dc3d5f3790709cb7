"""A sheet for looking at edges: the most detailed places at 1:1 and 4x, on several grounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ValidationError
from pipeline.types import Bytes, Cutout, Floats

GROUNDS: Mapping[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "black": (0, 0, 0),
}
ENLARGED = 4
_GAP = 6
_PAGE = (200, 200, 208)  # unlike any ground


def busiest(alpha: Floats, side: int, count: int) -> list[tuple[int, int]]:
    """Return upper left corners, x and y, of the `side` x `side` windows with the longest edges.

    Hinges, bridges and temple tips have more edge to a window than rims. Windows do not overlap.

    Args:
        alpha: float32 (H, W) in [0, 1].
        side: of the windows, in pixels.
        count: at most so many; fewer where there are no more edges.

    Raises:
        ValidationError: the picture is smaller than a window.
    """
    height, width = alpha.shape
    if min(height, width) < side:
        raise ValidationError(f"a window of {side} pixels does not fit into {width} x {height}")
    inside = (alpha > 0.5).astype(np.uint8)
    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    half = (max(1, side // 2),) * 2
    near = cv2.boxFilter(edge, cv2.CV_32F, half, normalize=False, borderType=cv2.BORDER_CONSTANT)
    # Twice: what lies in the middle of a window counts more than what it cuts off.
    near = cv2.boxFilter(near, cv2.CV_32F, half, normalize=False, borderType=cv2.BORDER_CONSTANT)
    before, after = side // 2, side - side // 2
    lengths = near[before : height - after + 1, before : width - after + 1]
    found: list[tuple[int, int]] = []
    while len(found) < count and lengths.max() > 0:
        y, x = (int(v) for v in np.unravel_index(int(lengths.argmax()), lengths.shape))
        found.append((x, y))
        lengths[max(0, y - side + 1) : y + side, max(0, x - side + 1) : x + side] = 0
    return found


def on_ground(cutout: Cutout, colour: Sequence[int]) -> Bytes:
    """Lay a cut-out over one colour: uint8 (H, W, 3)."""
    alpha = cutout.rgba[..., 3:].astype(np.float32) / 255
    mixed = alpha * cutout.rgba[..., :3] + (1 - alpha) * np.asarray(colour, np.float32)
    return np.rint(mixed).astype(np.uint8)


def edge_sheet(cutout: Cutout, side: int = 320, count: int = 3) -> Bytes:
    """Show the busiest places: a row for each, 1:1 and its busiest part enlarged, ground by ground.

    Args:
        cutout: the glasses.
        side: of the windows, in pixels.
        count: rows at most.

    Returns:
        uint8 (rows, columns, 3), sRGB.
    """
    side = min(side, *cutout.rgba.shape[:2])
    alpha = np.multiply(cutout.rgba[..., 3], np.float32(1 / 255), dtype=np.float32)
    rows = []
    for x, y in busiest(alpha, side, count):
        part = Cutout(np.ascontiguousarray(cutout.rgba[y : y + side, x : x + side]))
        grounds = [on_ground(part, colour) for colour in GROUNDS.values()]
        near = slice(y, y + side), slice(x, x + side)
        ((left, top),) = busiest(alpha[near], max(1, side // ENLARGED), 1)
        rows.append(_row([*grounds, *(_enlarged(ground, left, top) for ground in grounds)]))
    if not rows:
        return np.full((side, side, 3), _PAGE, np.uint8)
    return _column(rows)


def _enlarged(ground: Bytes, left: int, top: int) -> Bytes:
    """A part of a window, each pixel a square, so that stair-steps show."""
    side = max(1, ground.shape[0] // ENLARGED)
    part = ground[top : top + side, left : left + side]
    return np.asarray(np.repeat(np.repeat(part, ENLARGED, axis=0), ENLARGED, axis=1), np.uint8)


def _row(cells: Sequence[Bytes]) -> Bytes:
    height = max(cell.shape[0] for cell in cells)
    gap = np.full((height, _GAP, 3), _PAGE, np.uint8)
    parts: list[NDArray[np.uint8]] = []
    for cell in cells:
        missing = np.full((height - cell.shape[0], cell.shape[1], 3), _PAGE, np.uint8)
        parts += [gap, np.concatenate([cell, missing])]
    return np.concatenate(parts[1:], axis=1)


def _column(rows: Sequence[Bytes]) -> Bytes:
    gap = np.full((_GAP, rows[0].shape[1], 3), _PAGE, np.uint8)
    parts = [part for row in rows for part in (gap, row)]
    return np.concatenate(parts[1:])
