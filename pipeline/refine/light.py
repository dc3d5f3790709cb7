"""sRGB levels to light and back, where shares of light are multiplied and added."""

from __future__ import annotations

import numpy as np

from pipeline.types import Floats

_STEPS = 4096
_LEVELS = np.arange(256, dtype=np.float32)


def _decode(levels: Floats) -> Floats:
    part = levels / np.float32(255)
    return np.asarray(
        np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4), np.float32
    )


_LIGHT = _decode(_LEVELS)
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
