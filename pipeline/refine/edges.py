"""The true edge in the band around the mask's outline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from pipeline.refine.blending import blending_alpha
from pipeline.refine.contour import coverage, outlines, smooth
from pipeline.refine.islands import touched
from pipeline.refine.strips import REACH, roll_up, unroll
from pipeline.types import Bools, Bytes, Floats

_WIDE = 1700
"""Pixels across the glasses at which an edge finder works; it has learned such pictures."""

_WITHIN = 0.015
"""Of the glasses' diagonal: how far from the mask's outline their edge may be. Of small glasses the
mask is as fine as the photo, and what lies farther away is hair, brows, another thing."""
_WITHIN_LEAST = 2.5
"""Pixels of that at least."""

NONE = 1 / 512
"""Alpha that 8 bits show as none."""

_FAINT = 0.01
"""Alpha of which nobody sees anything; an edge finder that is all but sure tells as much."""


class EdgeFinder(Protocol):
    """Anything that finds the edge in a strip along an outline; see `pipeline.refine.strips`."""

    def alpha(self, colours: Bytes, guess: Bytes) -> Floats:
        """Return alpha, float32 (L, W) in [0, 1].

        Args:
            colours: uint8 (L, W, 3), sRGB; a row crosses the outline, the glasses to its left.
            guess: uint8 (L, W), 255 times the probability of glasses.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Working:
    """The window around the glasses at the size at which the edge is looked for.

    Attributes:
        rgb: uint8 (h, w, 3), sRGB.
        mask: bool (h, w), the glasses.
        guess: uint8 (h, w), 255 times the probability of glasses.
        lens: bool (h, w), the lens areas where they are known.
        factor: pixels of the photo to a pixel of the window.
    """

    rgb: Bytes
    mask: Bools
    guess: Bytes
    lens: Bools | None
    factor: int

    @classmethod
    def of(cls, rgb: Bytes, mask: Bools, guess: Bytes, lens: Bools | None) -> Working:
        """Shrink windows of a large photo by a whole factor."""
        factor = max(1, round(max(mask.shape) / _WIDE))
        if factor == 1:
            return cls(rgb, mask, guess, lens, 1)
        inner = None if lens is None else _shrunk(_grey(lens), factor) > 127
        inside = _shrunk(_grey(mask), factor) > 127
        return cls(_shrunk(rgb, factor), inside, _shrunk(guess, factor), inner, factor)


def plain_matte(mask: Bools, sigma: float) -> Floats:
    """Return the coverage, float32 (H, W), by a mask whose outlines are smoothed by `sigma`."""
    return coverage([smooth(outline, sigma) for outline in outlines(mask)], mask.shape)


def edge_matte(work: Working, sigma: float, finder: EdgeFinder, diagonal: float) -> Floats:
    """Look for the edge along the mask's outline, within 16 pixels, of small glasses within fewer.

    Args:
        work: the window, shrunk where the photo is large.
        sigma: of the outline's smoothing before the search, in pixels of `work`.
        finder: tells the edge.
        diagonal: of the glasses' box, in pixels of `work`.

    Returns:
        float32 (h, w) in [0, 1], of the size of `work`.
    """
    shapes = [smooth(outline, sigma) for outline in outlines(work.mask)]
    alpha = coverage(shapes, work.mask.shape)
    strips = unroll(shapes)
    if strips is not None:
        colours = strips.read(work.rgb)
        found = finder.alpha(colours, strips.read(work.guess))
        reach = min(REACH, max(_WITHIN_LEAST, _WITHIN * diagonal))
        alpha = roll_up(strips, blending_alpha(found, colours), alpha, reach)
        alpha = _without_scraps(alpha)
    return alpha


def _without_scraps(alpha: Floats) -> Floats:
    """Clear what is too faint to be seen, and what lies apart from the glasses and is nowhere more
    glasses than background."""
    kept = touched(np.asarray(alpha > _FAINT), np.asarray(alpha > 0.5))
    return np.where(kept, alpha, np.float32(0))


def enlarged(alpha: Floats, size: tuple[int, int]) -> Floats:
    """Return a matte at the size (H, W) of the window in the photo."""
    if alpha.shape == size:
        return alpha
    large = cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large, 0, 1), np.float32)


def _grey(mask: Bools) -> Bytes:
    return np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)


def _shrunk(picture: Bytes, factor: int) -> Bytes:
    size = -(-picture.shape[1] // factor), -(-picture.shape[0] // factor)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
