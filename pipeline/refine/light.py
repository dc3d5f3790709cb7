"""sRGB levels to light and back, where shares of light are multiplied and added."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Floats

Real = NDArray[np.floating[Any]]
_STEPS = 4096
_LEVELS = np.arange(256, dtype=np.float32)


def to_linear(encoded: Real) -> Real:
    """sRGB values to light, both in [0, 1] (IEC 61966-2-1); of the same precision."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def to_encoded(light: Real) -> Real:
    """Light to sRGB values; the inverse of `to_linear`. Below 0 it goes on straight."""
    curved = 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, light * 12.92, curved)


_LIGHT = to_linear(_LEVELS / np.float32(255))
# Evenly spaced in the square root of light, near to how levels are spaced.
_ROOTS = np.linspace(0, 1, _STEPS, dtype=np.float32)
_SHOWN = np.interp(_ROOTS**2, _LIGHT, _LEVELS).astype(np.float32)


def to_light(levels: Floats) -> Floats:
    """sRGB levels in [0, 255] to light in [0, 1] (IEC 61966-2-1), float32 of the same shape."""
    return np.asarray(np.interp(levels, _LEVELS, _LIGHT), np.float32)


def to_levels(light: Floats) -> Floats:
    """Light to sRGB levels, float32; what is beyond [0, 1] is clipped."""
    index = np.sqrt(np.clip(light, 0, 1)) * np.float32(_STEPS - 1)
    return np.asarray(_SHOWN[np.rint(index).astype(np.int32)], np.float32)
