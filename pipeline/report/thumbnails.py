"""Small pictures for the pages."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np

from pipeline.types import Bytes, Picture

_T = TypeVar("_T", Bytes, Picture)


def shrink(rgb: _T, longest: int) -> _T:
    """Return `rgb` with its longer side at most `longest` pixels, each the mean of its area.

    Args:
        rgb: uint8 or uint16 (H, W, 3), or a mask (H, W).
        longest: pixels, at least 1.

    Returns:
        of the same type, smaller; `rgb` itself where it is small enough already.
    """
    height, width = rgb.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), rgb.dtype)
