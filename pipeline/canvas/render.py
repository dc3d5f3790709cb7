"""From a matte and its placement to the finished picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.canvas.contact import natural
from pipeline.canvas.place import Placement
from pipeline.canvas.resample import Window, landing, resample
from pipeline.canvas.shadow import Darkness, ShadowKind, faded, soft
from pipeline.compose import Bits, blank, over_white, window_of
from pipeline.errors import ValidationError
from pipeline.types import Bytes, Floats, Matte, Picture

_FAINT = np.float32(1 / 512)
"""Less than this is no coverage: no 8-bit picture shows it."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A finished picture.

    Attributes:
        white: uint8 or uint16 (H, W, 3), sRGB: the glasses, and their shadow, on pure white.
        matte: the glasses alone at the size of the canvas, for the transparent cut-out.
        shadow: behind the glasses, in pixels of the canvas; None where there is none.
    """

    white: Picture
    matte: Matte
    shadow: Darkness | None = None

    def __post_init__(self) -> None:
        shape = self.matte.alpha.shape
        if self.white.shape != (*shape, 3) or self.white.dtype not in (np.uint8, np.uint16):
            raise ValidationError(
                f"Canvas.white must be uint8 or uint16 {(*shape, 3)}, not "
                f"{self.white.dtype} {self.white.shape}"
            )


def render(
    matte: Matte,
    placement: Placement,
    shadow: ShadowKind = "none",
    photo: Bytes | None = None,
    bits: Bits = 8,
) -> Canvas:
    """Put the glasses on their canvas.

    Args:
        matte: at the photo's size.
        placement: from the photo to the canvas.
        shadow: what to lay under the glasses.
        photo: uint8 (H, W, 3), sRGB, needed for the natural shadow.
        bits: of the canvas; 16 keep what resampling and blending give beyond 8, and what the
            matte has.

    Returns:
        The canvas; exactly white wherever neither glasses nor shadow are. With a placement that
        moves nothing its matte is `matte` itself.

    Raises:
        ValidationError: the natural shadow without a photo of the matte's size.
    """
    if placement.moves_nothing and placement.size == matte.alpha.shape[::-1]:
        there = matte
        white: Picture = over_white(matte.foreground, matte.alpha, bits)
    else:
        white, there = _moved(matte, placement, bits)
    darkness = _shadow(shadow, matte, there, placement, photo)
    if darkness is not None:
        _darken(white, there.alpha, darkness)
    return Canvas(white, there, darkness)


def _moved(matte: Matte, placement: Placement, bits: Bits) -> tuple[Picture, Matte]:
    """Resample coverage and ink, each channel on its own, in the window of the glasses alone."""
    width, height = placement.size
    white = blank((height, width, 3), bits)
    alpha = np.zeros((height, width), np.float32)
    foreground = white.copy()
    result = Matte(alpha, foreground)
    most = np.float32(np.iinfo(white.dtype).max)
    full = np.float32(np.iinfo(matte.foreground.dtype).max)
    rows, columns = window_of(matte.alpha)
    into = landing((columns.start, rows.start, columns.stop, rows.stop), placement)
    if rows.stop == rows.start or into[0] >= into[2] or into[1] >= into[3]:
        return white, result
    origin = columns.start, rows.start
    cover = matte.alpha[rows, columns]
    share = np.clip(resample(cover, origin, placement, into), 0, 1)
    share[share < _FAINT] = 0
    target = _slices(into)
    alpha[target] = share
    divisor = np.maximum(share, _FAINT)
    for channel in range(3):
        ink = (full - matte.foreground[rows, columns, channel]) * cover
        ink = np.clip(resample(ink, origin, placement, into), 0, full * share) * (most / full)
        white[(*target, channel)] = np.rint(most - ink)
        foreground[(*target, channel)] = np.rint(most - ink / divisor)
    return white, result


def _slices(window: Window) -> tuple[slice, slice]:
    x0, y0, x1, y1 = window
    return slice(y0, y1), slice(x0, x1)


def _shadow(
    kind: ShadowKind, matte: Matte, there: Matte, placement: Placement, photo: Bytes | None
) -> Darkness | None:
    """The darkness on the canvas."""
    found: Darkness | None = None
    if kind == "soft":
        found = soft(there.alpha)
    elif kind == "natural":
        if photo is None or photo.shape != matte.foreground.shape:
            raise ValidationError("the natural shadow needs the photo, at the size of its matte")
        found = natural(photo, matte.alpha)
        if found is not None and there is not matte:
            found = _landed(found, placement)
    return None if found is None else faded(found, placement.size)


def _landed(found: Darkness, placement: Placement) -> Darkness | None:
    x, y = found.origin
    rows, columns = found.plane.shape
    into = landing((x, y, x + columns, y + rows), placement)
    if into[0] >= into[2] or into[1] >= into[3]:
        return None
    return Darkness(np.clip(resample(found.plane, (x, y), placement, into), 0, 1), into[:2])


def _darken(white: Picture, alpha: Floats, darkness: Darkness) -> None:
    """Take the shadow away from `white`, in place, behind the glasses."""
    part = white[darkness.window]
    most = np.float32(np.iinfo(white.dtype).max)
    taken = most * darkness.plane * (1 - alpha[darkness.window])
    part[...] = np.rint(np.maximum(part - taken[..., None], 0))
