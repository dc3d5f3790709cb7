"""The colour that the glasses have at their edge, freed of the old background."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bytes, Floats

_MIN_WEIGHT = np.float32(1e-4)


def estimate_foreground(rgb: Bytes, alpha: Floats, radii: tuple[int, ...] = (24, 4)) -> Bytes:
    """Estimate the foreground colour of pixels that are mixed with background.

    Blurred fusion: M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021. Both
    colours are local averages weighted by the matte; what they leave unexplained in the photo
    goes to the foreground by its share. Where alpha is 1 the photo's colour is kept.

    Args:
        rgb: uint8 (H, W, 3), sRGB.
        alpha: float32 (H, W) in [0, 1].
        radii: of the averages in pixels, from coarse to fine.

    Returns:
        uint8 (H, W, 3).
    """
    image = rgb.astype(np.float32)
    fore, back = image, image
    for radius in radii:
        fore, back = _fuse(image, fore, back, alpha, 2 * radius + 1)
    return np.asarray(cv2.convertScaleAbs(np.clip(fore, 0, 255, out=fore)))


def _fuse(
    image: Floats, fore: Floats, back: Floats, alpha: Floats, size: int
) -> tuple[Floats, Floats]:
    weight = alpha[..., None]
    fore = _average(fore, alpha, size)
    back = _average(back, 1 - alpha, size)
    rest = image - weight * fore - (1 - weight) * back
    fore += weight * rest
    return fore, back


def _average(image: Floats, weight: Floats, size: int) -> NDArray[np.float32]:
    """Return the box average of `image` weighted by `weight`, sizes in pixels."""
    total = cv2.blur(weight, (size, size))
    summed = cv2.blur(image * weight[..., None], (size, size))
    return np.asarray(summed / np.maximum(total, _MIN_WEIGHT)[..., None])
