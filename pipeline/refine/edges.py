"""The true edge, at the photo's own resolution, in the band around the mask's outline."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from pipeline.refine.contour import coverage, outlines, smooth
from pipeline.refine.strips import roll_up, unroll
from pipeline.types import Bools, Bytes, Floats

_WIDE = 1700
"""Pixels across the glasses at which an edge finder works; it has learned such pictures."""


class EdgeFinder(Protocol):
    """Anything that finds the edge in a strip along an outline; see `pipeline.refine.strips`."""

    def alpha(self, colours: Bytes, guess: Bytes) -> Floats:
        """Return alpha, float32 (L, W) in [0, 1].

        Args:
            colours: uint8 (L, W, 3), sRGB; a row crosses the outline, the glasses to its left.
            guess: uint8 (L, W), 255 times the probability of glasses.
        """
        ...


def plain_matte(mask: Bools, sigma: float) -> Floats:
    """Return the coverage, float32 (H, W), by a mask whose outlines are smoothed by `sigma`."""
    return coverage([smooth(outline, sigma) for outline in outlines(mask)], mask.shape)


def edge_matte(
    rgb: Bytes, mask: Bools, guess: Bytes | None, sigma: float, finder: EdgeFinder
) -> Floats:
    """Look for the edge within 16 pixels of the mask's outline.

    Large photos are looked at in steps of several pixels, and the edge is drawn between them.

    Args:
        rgb: uint8 (H, W, 3), sRGB.
        mask: bool (H, W).
        guess: uint8 (H, W), 255 times the probability of glasses, where it is known.
        sigma: of the outline's smoothing, in pixels.
        finder: tells the edge.

    Returns:
        float32 (H, W) in [0, 1].
    """
    factor = max(1, round(max(mask.shape) / _WIDE))
    height, width = (-(-side // factor) for side in mask.shape)
    size = width, height
    grey = mask.view(np.uint8) * np.uint8(255)
    if guess is None:
        guess = np.asarray(cv2.GaussianBlur(grey, (0, 0), max(1.0, sigma / 2)), np.uint8)
    if factor > 1:
        rgb, grey, guess = (
            np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
            for part in (rgb, grey, guess)
        )
    shapes = [smooth(outline, sigma / factor) for outline in outlines(np.asarray(grey > 127))]
    alpha = coverage(shapes, (height, width))
    strips = unroll(shapes)
    if strips is not None:
        alpha = roll_up(strips, finder.alpha(strips.read(rgb), strips.read(guess)), alpha)
    if factor > 1:
        large = cv2.resize(alpha, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
        alpha = np.clip(large, 0, 1, dtype=np.float32)
    return alpha
