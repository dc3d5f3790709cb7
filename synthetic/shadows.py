"""Soft shadows that the set's level surface receives, from maps of what stands above it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_SLICES = (0.0, 2.0, 5.0, 11.0, 22.0, 45.0, 90.0, 1e9)
"""Heights in mm at which casters are told apart: the higher, the softer their shadow."""


def key_shadow(height: Floats, density: Floats, softness: float, mm_per_texel: float) -> Floats:
    """Share of the key light that arrives, float32 (H, W) in 0..1.

    height: of the lowest caster along the light, mm; density: its opacity, 0 where there is none.
    softness: radius of the light as seen from the surface (tangent).
    """
    lit = np.ones_like(height)
    for low, high in zip(_SLICES[:-1], _SLICES[1:], strict=True):
        caster = density * ((height >= low) & (height < high))
        if caster.any():
            middle = (low + min(high, 2.5 * low + 2)) / 2
            lit *= 1 - _blurred(caster, max(softness * middle / mm_per_texel, 0.7))
    return lit


def occlusion(height: Floats, density: Floats, mm_per_texel: float) -> Floats:
    """Share of the surrounding light that arrives, float32 (H, W); contacts are darkest."""
    open_sky = np.ones_like(height)
    for low, high in zip(_SLICES[:-1], _SLICES[1:], strict=True):
        caster = density * ((height >= low) & (height < high))
        if caster.any():
            middle = (low + min(high, 2.5 * low + 2)) / 2
            sigma = (1.2 + 0.9 * middle) / mm_per_texel
            open_sky *= 1 - 0.75 / (1 + middle / 40) * _blurred(caster, sigma)
    return open_sky


def _blurred(mask: Floats, sigma: float) -> Floats:
    factor = 1
    while sigma / factor > 4:
        factor *= 2
    size = (max(1, mask.shape[1] // factor), max(1, mask.shape[0] // factor))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) if factor > 1 else mask
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    if factor > 1:
        small = cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(small, np.float32)
