"""The colour that the glasses have at their edge, freed of the old background."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from pipeline.types import Bytes, Floats

_COARSE = 4  # scale at which the wide averages are taken
_WIDE = 6  # radius of the wide averages, in coarse pixels
_NEAR = 4  # radius of the near averages, in pixels
_TILE = 192
_LITTLE = 0.02  # weight of the wide average beside the near one
_NOISE = 12.0**2  # squared distance of colours too alike to tell shares apart


def estimate_foreground(rgb: Bytes, alpha: Floats, fringe: float) -> Bytes:
    """Replace old background in the colour of pixels near the outline.

    Local averages of what is surely glasses and of what is surely background tell how much
    background a pixel near the outline holds; that much is exchanged for glasses. The averages
    are those of blurred fusion (M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP
    2021), wide ones where no near ones exist. The share comes from the photo itself and not from
    the matte, so a matte that is off by a pixel brings no halo along.

    Args:
        rgb: uint8 (H, W, 3), sRGB.
        alpha: float32 (H, W) in [0, 1].
        fringe: how deep old background may reach into the glasses, in pixels. Parts that are
            thinner count as sure at their middle.

    Returns:
        uint8 (H, W, 3); the photo's own colours away from the outline.
    """
    result = rgb.copy()
    tiles = list(_mixed_tiles(alpha))
    if not tiles or fringe <= 0:
        return result
    inside = alpha > 0.5
    sure, clear = _depth(inside, fringe), _depth(~inside, fringe)
    wide_fore, wide_back = _wide_average(rgb, sure), _wide_average(rgb, clear)
    for tile in tiles:
        grown, inner = _grow(tile, alpha.shape)
        image = rgb[grown].astype(np.float32)
        fore = _near_average(image, sure[grown], _enlarge(wide_fore, grown))
        back = _near_average(image, clear[grown], _enlarge(wide_back, grown))
        freed = _exchange(image, fore, back, sure[grown])
        result[tile] = cv2.convertScaleAbs(freed[inner])
    return result


def _exchange(image: Floats, fore: Floats, back: Floats, sure: Floats) -> Floats:
    """Exchange the share of background in each pixel, at most 1 - `sure`, for foreground."""
    contrast = fore - back
    share = np.einsum("ijk,ijk->ij", image - back, contrast) + _NOISE
    share /= np.einsum("ijk,ijk->ij", contrast, contrast) + _NOISE
    share = np.clip(share, sure, 1)
    return np.asarray(np.clip(image + (1 - share)[..., None] * contrast, 0, 255))


def _depth(inside: np.ndarray, fringe: float) -> Floats:
    """Return 0 at the outline, rising to 1 at `fringe` or at the middle of thinner parts."""
    depth = np.maximum(cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, 3) - 0.5, 0)
    size = 2 * int(np.ceil(fringe)) + 1
    middle = cv2.dilate(depth, np.ones((size, size), np.uint8))
    return np.asarray(np.minimum(depth / np.clip(middle, 0.5, fringe), 1), np.float32)


def _mixed_tiles(alpha: Floats) -> Iterator[tuple[slice, slice]]:
    height, width = alpha.shape
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            where = slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))
            if alpha[where].max() > 0 and alpha[where].min() < 1:
                yield where


def _grow(
    tile: tuple[slice, slice], size: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the tile with room for the near averages, on the coarse grid, and the tile in it."""
    grown, inner = [], []
    for part, end in zip(tile, size, strict=True):
        start = max(0, (part.start - _NEAR) // _COARSE * _COARSE)
        grown.append(slice(start, min(end, part.stop + _NEAR)))
        inner.append(slice(part.start - start, part.stop - start))
    return (grown[0], grown[1]), (inner[0], inner[1])


def _wide_average(rgb: Bytes, weight: Floats) -> Floats:
    """Return the wide weighted average of the colour, at the coarse scale."""
    height, width = (-(-side // _COARSE) for side in weight.shape)
    pads = height * _COARSE - weight.shape[0], width * _COARSE - weight.shape[1]
    sides = (0, pads[0], 0, pads[1], cv2.BORDER_REPLICATE)
    share = cv2.copyMakeBorder(cv2.convertScaleAbs(weight, alpha=255), *sides)
    colour = cv2.copyMakeBorder(rgb, *sides)
    weighted = cv2.multiply(colour, cv2.merge([share] * 3), scale=1 / 255)
    size = (2 * _WIDE + 1, 2 * _WIDE + 1)
    total, weights = (
        cv2.blur(
            cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32), size
        )
        for part in (weighted, share)
    )
    return np.asarray(total / np.maximum(weights / 255, 1e-3)[..., None], np.float32)


def _enlarge(coarse: Floats, where: tuple[slice, slice]) -> Floats:
    """Return the part of the coarse picture that covers `where`, at full scale."""
    rows, columns = (slice(s.start // _COARSE, -(-s.stop // _COARSE)) for s in where)
    full = cv2.resize(coarse[rows, columns], None, fx=_COARSE, fy=_COARSE)
    height, width = (s.stop - s.start for s in where)
    return np.asarray(full[:height, :width], np.float32)


def _near_average(image: Floats, weight: Floats, wide: Floats) -> Floats:
    size = (2 * _NEAR + 1, 2 * _NEAR + 1)
    total = cv2.blur(image * weight[..., None], size) + _LITTLE * wide
    return np.asarray(total / (cv2.blur(weight, size) + _LITTLE)[..., None], np.float32)
