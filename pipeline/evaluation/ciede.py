"""How different two colours look: CIEDE2000. Arrays only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ValidationError
from pipeline.refine.light import to_linear
from pipeline.types import Bytes, Floats

_Real = NDArray[np.float64]
_FULL_CHROMA = 25.0**7
_TO_XYZ = np.array(  # of linear sRGB, IEC 61966-2-1
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)


def ciede2000(first: Bytes, second: Bytes) -> Floats:
    """Return the colour difference of each pair of pixels; about 1 is just noticeable.

    Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes,
    Supplementary Test Data, and Mathematical Observations", Color Research and Application 2005,
    with all weights 1.

    Args:
        first, second: uint8 (N, 3), sRGB, white point D65.

    Returns:
        float32 (N,).

    Raises:
        ValidationError: the shapes differ or are not (N, 3).
    """
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] != 3:
        raise ValidationError(f"colours must be (N, 3) both, not {first.shape}, {second.shape}")
    return np.asarray(lab_difference(_lab(first), _lab(second)), np.float32)


def lab_difference(first: _Real, second: _Real) -> _Real:
    """Return the CIEDE2000 difference of CIELAB colours, float64 (N, 3) each, as float64 (N,)."""
    (light_1, a_1, b_1), (light_2, a_2, b_2) = first.T, second.T
    mean_chroma = (np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2
    stretch = 1.5 - 0.5 * _saturation(mean_chroma)  # 1 + G
    chroma_1, hue_1 = _polar(stretch * a_1, b_1)
    chroma_2, hue_2 = _polar(stretch * a_2, b_2)
    grey = chroma_1 * chroma_2 == 0
    turn = np.where(grey, 0, (hue_2 - hue_1 + 180) % 360 - 180)
    hue = np.where(grey, hue_1 + hue_2, hue_1 + turn / 2)
    light, chroma = (light_1 + light_2) / 2, (chroma_1 + chroma_2) / 2
    far = (light - 50) ** 2
    d_light = (light_2 - light_1) / (1 + 0.015 * far / np.sqrt(20 + far))
    d_chroma = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    d_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(turn / 2))
    d_hue /= 1 + 0.015 * chroma * _hue_weight(hue)
    rotation = -2 * _saturation(chroma)
    rotation *= np.sin(
        np.radians(60 * np.exp(-(((((hue - 275) % 360 + 180) % 360 - 180) / 25) ** 2)))
    )
    total = d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return np.asarray(np.sqrt(np.maximum(total, 0)), np.float64)


def _lab(rgb: Bytes) -> _Real:
    """CIELAB (CIE 15), white point D65. OpenCV's own is rounded where small steps count."""
    xyz = to_linear(rgb / 255.0) @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f.T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _polar(a: _Real, b: _Real) -> tuple[_Real, _Real]:
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _saturation(chroma: _Real) -> _Real:
    power = chroma**7
    return np.asarray(np.sqrt(power / (power + _FULL_CHROMA)), np.float64)


def _hue_weight(hue: _Real) -> _Real:
    """T of the formula."""
    angle = np.radians(hue)
    return np.asarray(
        1
        - 0.17 * np.cos(angle - np.radians(30))
        + 0.24 * np.cos(2 * angle)
        + 0.32 * np.cos(3 * angle + np.radians(6))
        - 0.20 * np.cos(4 * angle - np.radians(63)),
        np.float64,
    )
