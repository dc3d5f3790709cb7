"""Matte to canvas: colour over pure white."""

from __future__ import annotations

import numpy as np

from pipeline.errors import ValidationError
from pipeline.types import Bytes, Cutout, Floats, Matte

WHITE = 255


def over_white(foreground: Bytes, alpha: Floats) -> Bytes:
    """Lay the foreground over pure white.

    Args:
        foreground: uint8 (H, W, 3), sRGB.
        alpha: float32 (H, W) in [0, 1].

    Returns:
        uint8 (H, W, 3), exactly 255 wherever alpha is 0.

    Raises:
        ValidationError: the sizes differ.
    """
    _check_sizes(foreground, alpha)
    canvas = np.full(foreground.shape, WHITE, np.uint8)
    rows, columns = window_of(alpha)
    part = alpha[rows, columns, None]
    ink = np.float32(WHITE) - foreground[rows, columns]
    ink *= part
    canvas[rows, columns] = np.rint(np.float32(WHITE) - ink)
    return canvas


def to_cutout(matte: Matte) -> Cutout:
    """Return colour and matte in one array; white wherever alpha is 0.

    White, because some programs show the colour of transparent pixels.
    """
    rgba = np.full((*matte.alpha.shape, 4), WHITE, np.uint8)
    rgba[..., 3] = 0
    rows, columns = window_of(matte.alpha)
    opacity = np.rint(matte.alpha[rows, columns] * WHITE).astype(np.uint8)
    window = rgba[rows, columns]
    window[..., 3] = opacity
    np.copyto(window[..., :3], matte.foreground[rows, columns], where=opacity[..., None] > 0)
    return Cutout(rgba)


def to_bytes(alpha: Floats) -> Bytes:
    """Return the matte as 8 bits: uint8 (H, W), 255 where opaque."""
    result = np.zeros(alpha.shape, np.uint8)
    rows, columns = window_of(alpha)
    result[rows, columns] = np.rint(alpha[rows, columns] * WHITE)
    return result


def window_of(alpha: Floats) -> tuple[slice, slice]:
    """Return the rows and columns that hold all of the matte; empty slices if there is none."""
    rows = np.flatnonzero(alpha.any(axis=1))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    span = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = np.flatnonzero(alpha[span].any(axis=0))
    return span, slice(int(columns[0]), int(columns[-1]) + 1)


def _check_sizes(foreground: Bytes, alpha: Floats) -> None:
    if foreground.shape != (*alpha.shape, 3):
        raise ValidationError(
            f"foreground {foreground.shape} and alpha {alpha.shape} are not of one size"
        )
