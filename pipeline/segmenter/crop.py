"""The square window around a box that a segmenter looks at, and the way back to the photo.

Pure functions of arrays. Windows are never stretched; what lies beyond the photo is filled
with a neutral colour. Nothing here makes a float array of the photo's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[Any]  # uint8; OpenCV's stubs promise less
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
NEUTRAL = (124, 116, 104)  # SAM's mean colour: zero after normalisation
_STEPS = 512.0  # logits are resized as int16 in steps of 1/512
_LIMIT = 32000


@dataclass(frozen=True, slots=True)
class Window:
    """A square of `side` photo pixels whose top left corner is (x, y); may leave the photo."""

    x: int
    y: int
    side: int

    def to_window(self, xy: Floats, size: int) -> Floats:
        """Photo pixels (..., 2) to pixels of the window resized to `size`."""
        moved: Floats = (xy - np.array([self.x, self.y], np.float32)) * np.float32(size / self.side)
        return moved

    def inside(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """The rows and columns of a photo (H, W) that the window covers; empty beside it."""
        rows, columns = (
            slice(min(max(start, 0), length), max(min(start + self.side, length), 0))
            for start, length in ((self.y, shape[0]), (self.x, shape[1]))
        )
        return rows, columns


def window_around(box: Floats, shape: tuple[int, int], margin: float = 0.15) -> Window:
    """The square around `box` (xyxy pixels) with `margin` of its longer side on each side.

    It is never wider than the photo's longer side, as long as the box fits, and is moved into
    the photo where that costs no margin.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    longer = max(x1 - x0, y1 - y0)
    side = int(np.ceil(max(longer * (1 + 2 * margin), 16.0)))
    side = max(min(side, max(shape)), int(np.ceil(longer)))
    x = _place((x0 + x1) / 2, side, shape[1])
    y = _place((y0 + y1) / 2, side, shape[0])
    return Window(x, y, side)


def whole_photo(shape: tuple[int, int]) -> Window:
    """The square that holds all of a photo (H, W), centred."""
    side = max(shape)
    return Window((shape[1] - side) // 2, (shape[0] - side) // 2, side)


def _place(centre: float, side: int, extent: int) -> int:
    start = round(centre - side / 2)
    if side <= extent:
        return min(max(start, 0), extent - side)
    return start


def input_size(
    side: int, *, smallest: int = 512, largest: int = 1024, cell: float = 5.0, step: int = 64
) -> int:
    """Side of the network's input so that one of its pixels is at most `cell` photo pixels,
    a multiple of `step` between `smallest` and `largest`."""
    wanted = int(np.ceil(side / cell / step)) * step
    return int(min(max(wanted, smallest), largest))


def extract(rgb: Bytes, window: Window, size: int) -> Bytes:
    """The window's content, uint8 (size, size, 3)."""
    rows, columns = window.inside(rgb.shape[:2])
    part = rgb[rows, columns]
    filled = cv2.copyMakeBorder(
        part,
        rows.start - window.y,
        window.y + window.side - rows.stop,
        columns.start - window.x,
        window.x + window.side - columns.stop,
        cv2.BORDER_CONSTANT,
        value=NEUTRAL,
    )
    return _resize(filled, size)


def extract_mask(mask: Bools, window: Window, size: int) -> Floats:
    """A photo-sized bool mask within the window as coverage, float32 (size, size) in [0, 1]."""
    rows, columns = window.inside(mask.shape)
    full = np.zeros((window.side, window.side), np.uint8)
    part = mask[rows, columns].view(np.uint8) * np.uint8(255)
    full[
        rows.start - window.y : rows.stop - window.y,
        columns.start - window.x : columns.stop - window.x,
    ] = part
    coverage: Floats = _resize(full, size).astype(np.float32) / np.float32(255)
    return coverage


def _resize(array: Bytes, size: int) -> Bytes:
    shrink = size < array.shape[0]
    method = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    return cv2.resize(array, (size, size), interpolation=method)


def paste(logits: Floats, window: Window, shape: tuple[int, int]) -> Bools:
    """Threshold logits (s, s) of the window at 0, at the photo's own resolution: bool (H, W)."""
    mask = np.zeros(shape, np.bool_)
    mask[window.inside(shape)] = _enlarged(logits, window, shape) > 0
    return mask


def paste_soft(logits: Floats, window: Window, shape: tuple[int, int]) -> Bytes:
    """255 times the probability that logits (s, s) of the window stand for: uint8 (H, W)."""
    values = np.arange(-_LIMIT, _LIMIT + 1) / _STEPS
    table = np.rint(255 / (1 + np.exp(-values))).astype(np.uint8)
    soft = np.zeros(shape, np.uint8)
    soft[window.inside(shape)] = table[_enlarged(logits, window, shape).astype(np.int32) + _LIMIT]
    return soft


def _enlarged(logits: Floats, window: Window, shape: tuple[int, int]) -> NDArray[np.int16]:
    """The part of the window within the photo at its own resolution, in `_STEPS` of a logit."""
    steps = np.clip(logits * _STEPS, -_LIMIT, _LIMIT).astype(np.int16)
    large = cv2.resize(steps, (window.side, window.side), interpolation=cv2.INTER_LINEAR)
    rows, columns = window.inside(shape)
    part = large[
        rows.start - window.y : rows.stop - window.y,
        columns.start - window.x : columns.stop - window.x,
    ]
    return np.asarray(part, np.int16)
