"""From a mask's stair-steps to a smooth outline with anti-aliased coverage.

The outline is smoothed along itself, never across: the two sides of a temple are moved each by
its own neighbours, so a part keeps its width however thin it is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bools, Floats

Outline = NDArray[np.complex128]
"""Closed outline, x + iy in pixels, the glasses always on the same side."""

_SUBPIXELS = 4
_SHIFT = 6  # fixed-point bits of OpenCV's polygon coordinates
# OpenCV's outlines run through the centres of the outermost mask pixels, half a pixel inside the
# true edge, and its fill paints the outline itself, half a subpixel too far.
_INSET = 0.5 - 0.5 / _SUBPIXELS
_BAND = 1 << 22  # subpixels rasterised at once; bounds the memory


def outlines(mask: Bools) -> list[Outline]:
    """Return the outlines of all parts and all holes of `mask`, bool (H, W)."""
    found, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [c[:, 0, 0] + 1j * c[:, 0, 1] for c in found]


def smooth(outline: Outline, sigma: float) -> Outline:
    """Smooth a closed outline along its length and move it onto the mask's true edge.

    A Gaussian pulls curves inwards. Filtering the residual once more ("twicing", Tukey 1977)
    cancels that pull to second order, so temple tips and small gaps keep their size.

    Args:
        outline: as `outlines` returns it, one point a pixel.
        sigma: of the Gaussian, in points; short outlines get less.
    """
    count = len(outline)
    if count < 3:
        return _fattened(outline)
    sigma = min(sigma, count / 16)
    frequency = 2 * np.pi * np.fft.fftfreq(count)
    gauss = np.exp(-0.5 * (sigma * frequency) ** 2)
    spectrum = np.fft.fft(outline)
    smoothed = np.fft.ifft(spectrum * (1 - (1 - gauss) ** 2))
    # The normal comes from a smoother curve: at single pixels the direction jumps by 45 degrees.
    steady = np.exp(-0.5 * (max(sigma, 1.0) * frequency) ** 2)
    tangent = np.fft.ifft(spectrum * steady * 1j * frequency)
    length = np.abs(tangent)
    normal = np.divide(tangent * 1j, length, out=np.zeros_like(tangent), where=length > 1e-6)
    return np.asarray(smoothed + _INSET * normal)


def _fattened(points: Outline) -> Outline:
    """Return the outline of one or two single pixels, which enclose nothing themselves."""
    corners = (points[:, None] + _INSET * np.array([1 + 1j, 1 - 1j, -1 - 1j, -1 + 1j])).ravel()
    hull = cv2.convexHull(np.column_stack([corners.real, corners.imag]).astype(np.float32))
    return np.asarray(hull[:, 0, 0] + 1j * hull[:, 0, 1], np.complex128)


def coverage(shapes: list[Outline], size: tuple[int, int]) -> Floats:
    """Rasterise outlines: the share of each pixel that they enclose (even-odd rule).

    Returns:
        float32 (H, W) in [0, 1], in steps of 1/16.
    """
    height, width = size
    result = np.zeros(size, np.float32)
    scaled = [_to_subpixels(shape) for shape in shapes]
    rows = max(1, _BAND // (width * _SUBPIXELS**2))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        canvas = np.zeros(((bottom - top) * _SUBPIXELS, width * _SUBPIXELS), np.uint8)
        lift = -top * _SUBPIXELS << _SHIFT  # OpenCV takes it in fixed point too
        cv2.fillPoly(canvas, scaled, 255, shift=_SHIFT, offset=(0, lift))
        band = cv2.resize(canvas, (width, bottom - top), interpolation=cv2.INTER_AREA)
        result[top:bottom] = band * np.float32(1 / 255)
    return result


def _to_subpixels(shape: Outline) -> NDArray[np.int32]:
    """Convert pixel centres to OpenCV's fixed-point subpixel grid."""
    points = np.column_stack([shape.real, shape.imag])
    grid = (points + 0.5) * _SUBPIXELS - 0.5
    return np.rint(grid * (1 << _SHIFT)).astype(np.int32)
