"""Matte to pictures: colour over pure white, colour and matte in one, the photo marked."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np

from pipeline.errors import ValidationError
from pipeline.types import Bools, Bytes, Cutout, Floats, Matte, Picture, Words

Bits = Literal[8, 16]
_TYPES: dict[Bits, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16)}
_MARK = np.array([255, 0, 160], np.float32)
"""A colour that neither glasses nor backdrops have."""
_TINT = 0.25


def over_white(foreground: Picture, alpha: Floats, bits: Bits = 8) -> Picture:
    """Lay the foreground over pure white.

    Args:
        foreground: uint8 or uint16 (H, W, 3), sRGB.
        alpha: float32 (H, W) in [0, 1].
        bits: of the result.

    Returns:
        uint8 or uint16 (H, W, 3), exactly white wherever alpha is 0.

    Raises:
        ValidationError: the sizes differ.
    """
    _check_sizes(foreground, alpha)
    most, full = _most(bits), int(np.iinfo(foreground.dtype).max)
    canvas = blank(foreground.shape, bits)
    rows, columns = window_of(alpha)
    part = alpha[rows, columns, None]
    ink = np.float32(full) - foreground[rows, columns]
    ink *= part
    if most != full:
        ink *= np.float32(most / full)
    canvas[rows, columns] = np.rint(np.float32(most) - ink)
    return canvas


def blank(shape: tuple[int, ...], bits: Bits = 8) -> Picture:
    """Return an array of pure white, uint8 or uint16."""
    return np.full(shape, _most(bits), _TYPES[bits])


def to_cutout(matte: Matte, bits: Bits = 8) -> Cutout:
    """Return colour and matte in one array; white wherever alpha is 0.

    White, because some programs show the colour of transparent pixels.
    """
    most = _most(bits)
    rgba = blank((*matte.alpha.shape, 4), bits)
    rgba[..., 3] = 0
    rows, columns = window_of(matte.alpha)
    opacity = np.rint(matte.alpha[rows, columns] * most).astype(rgba.dtype)
    window = rgba[rows, columns]
    window[..., 3] = opacity
    colour = in_bits(matte.foreground[rows, columns], bits)
    np.copyto(window[..., :3], colour, where=opacity[..., None] > 0)
    return Cutout(rgba)


def to_levels(alpha: Floats, bits: Bits = 8) -> Picture:
    """Return the matte as whole numbers: uint8 or uint16 (H, W), white where opaque."""
    most = _most(bits)
    result = np.zeros(alpha.shape, _TYPES[bits])
    rows, columns = window_of(alpha)
    result[rows, columns] = np.rint(alpha[rows, columns] * most)
    return result


def in_bits(picture: Picture, bits: Bits) -> Picture:
    """Return a picture, uint8 or uint16, with so many bits a channel; itself if it has them."""
    if picture.dtype == _TYPES[bits]:
        return picture
    if bits == 16:
        return picture.astype(np.uint16) * np.uint16(257)
    return np.rint(picture / np.float32(257)).astype(np.uint8)


def deepened(foreground: Bytes, alpha: Floats, rgb: Bytes, deep: Words) -> Words:
    """Return the foreground with the photo's 16 bits.

    Where the foreground is the photo's own colour, it is that in 16 bits; where it was freed of
    the background, it is moved as far as in 8 bits.

    Args:
        foreground, rgb: uint8 (H, W, 3), what was made of the photo, and the photo.
        alpha: float32 (H, W).
        deep: uint16 (H, W, 3), the photo.

    Returns:
        uint16 (H, W, 3); white where alpha is 0 all around.
    """
    result: Words = np.full(foreground.shape, _most(16), np.uint16)
    window = window_of(alpha)
    moved = foreground[window].astype(np.int32) - rgb[window]
    result[window] = np.clip(deep[window] + moved * 257, 0, _most(16))
    return result


def overlay(rgb: Bytes, alpha: Floats) -> Bytes:
    """Return the photo with the glasses tinted and a line around them, for checking.

    The line, of one pixel for each thousand of the longer side, runs outside the matte's half, so
    that the edge itself shows.

    Args:
        rgb: uint8 (H, W, 3).
        alpha: float32 (H, W).
    """
    result = rgb.copy()
    width = max(1, round(max(alpha.shape) / 1000))
    around = window_of(alpha, width)
    inside = (alpha[around] > 0.5).astype(np.uint8)
    if not inside.any():
        return result
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    line = (cv2.dilate(inside, disc) - inside).astype(bool)
    window = result[around]
    tint = window[inside.astype(bool)] * np.float32(1 - _TINT) + np.float32(_TINT) * _MARK
    window[inside.astype(bool)] = np.rint(tint)
    window[line] = _MARK
    return result


def window_of(alpha: Floats | Bools, room: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns that hold all of a matte or mask, with so many pixels of room
    within it; empty slices if there is none."""
    rows = np.flatnonzero(alpha.any(axis=1))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    first, last = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(alpha[first:last].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    height, width = alpha.shape
    return (
        slice(max(0, first - room), min(height, last + room)),
        slice(max(0, left - room), min(width, right + room)),
    )


def _most(bits: Bits) -> int:
    return int(np.iinfo(_TYPES[bits]).max)


def _check_sizes(foreground: Picture, alpha: Floats) -> None:
    if foreground.shape != (*alpha.shape, 3):
        raise ValidationError(
            f"foreground {foreground.shape} and alpha {alpha.shape} are not of one size"
        )
