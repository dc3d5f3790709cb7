"""What lies behind the glasses, judged by what is seen around them and through their gaps.

All fields are small: they are made at a reduced size, where a lens is some hundred pixels wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bools, Floats

_BINS = 32  # of each channel of a palette
_NEAR = 0.25  # of the glasses' diagonal: what lies farther off says little of what is behind a lens
_GRAIN = 0.02  # of the diagonal: what is finer than this is texture
_LEAST = 50  # pixels that make a sample


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """How often each colour occurs in a sample.

    Attributes:
        shares: float32 (32768,), of the cells of 8 levels a channel; they sum to 1.
    """

    shares: Floats

    @classmethod
    def of(cls, colours: Floats) -> Palette:
        """The palette of colours, float32 (N, 3) in [0, 255]; even where there are too few."""
        cells = _BINS**3
        if len(colours) < _LEAST:
            return cls(np.full(cells, 1 / cells, np.float32))
        from scipy.ndimage import gaussian_filter

        counts = np.bincount(_cell(colours), minlength=cells).astype(np.float32)
        soft = gaussian_filter(counts.reshape(_BINS, _BINS, _BINS), 1.0, mode="nearest")
        return cls(np.asarray(soft.ravel() / soft.sum(), np.float32))

    def share(self, colours: Floats) -> Floats:
        """Return the share of each colour's cell; (..., 3) in [0, 255] gives (...)."""
        return self.shares[_cell(colours)]


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """The background of a pair of glasses.

    Attributes:
        field: float32 (H, W, 3), sRGB levels; smooth where the glasses hide it.
        palette: of the background near the lenses.
        near: bool (H, W), where it is seen near the lenses.
        grain: how much single pixels differ from their surroundings, in levels: noise, texture.
    """

    field: Floats
    palette: Palette
    near: Bools
    grain: float


def find_backdrop(image: Floats, glasses: Bools, lens: Bools, diagonal: float) -> Backdrop | None:
    """Estimate the background behind `lens` from where there are no glasses.

    Args:
        image: float32 (H, W, 3), sRGB levels in [0, 255].
        glasses, lens: bool (H, W); what is partly glasses counts as glasses.
        diagonal: of the glasses, in pixels.

    Returns:
        None where hardly any background is in the picture.
    """
    room = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))
    seen = ~cv2.dilate(glasses.view(np.uint8), room).view(np.bool_)
    away = cv2.distanceTransform((~lens).view(np.uint8), cv2.DIST_L2, 3)
    near = seen & (away < _NEAR * diagonal)
    if np.count_nonzero(near) < _LEAST:
        near = seen
    if np.count_nonzero(near) < _LEAST:
        return None
    weight = seen.astype(np.float32)
    even, _ = masked_blur(image, weight, _GRAIN * diagonal)
    grain = 1.48 * float(np.median(length(image - even)[near]))
    return Backdrop(fill(image, weight), Palette.of(image[near]), near, grain)


def length(vectors: Floats) -> Floats:
    """Euclidean length of each pixel's vector: (H, W, 3) gives (H, W)."""
    return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors)), np.float32)


def masked_blur(values: Floats, weight: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Blur (H, W, 3) with weights (H, W), the normalised convolution of Knutsson and Westin (CVPR
    1993). Returns the means, 0 where no weight is near, and the blurred weights."""
    sums = cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma)
    weights = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma), np.float32)
    return np.asarray(sums / np.maximum(weights, 1e-4)[..., None], np.float32), weights


def fill(values: Floats, weight: Floats) -> Floats:
    """Fill in (H, W, 3) where `weight`, (H, W) in [0, 1], is 0, smoothly from all around.

    Pull and push over a pyramid (Gortler et al., "The Lumigraph", SIGGRAPH 1996).
    """
    levels = [(values * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 2:
        sums, weights = (np.asarray(cv2.pyrDown(part), np.float32) for part in levels[-1])
        levels.append((sums, weights))
    sums, weights = levels[-1]
    filled = sums / np.maximum(weights, 1e-4)[..., None]
    for sums, weights in reversed(levels[:-1]):
        height, width = weights.shape
        coarse = cv2.pyrUp(filled, dstsize=(width, height))
        own = sums / np.maximum(weights, 1e-4)[..., None]
        filled = coarse + np.minimum(weights, 1)[..., None] * (own - coarse)
    return np.asarray(filled, np.float32)


def _cell(colours: Floats) -> NDArray[np.int64]:
    part = np.clip(colours * np.float32(_BINS / 256), 0, _BINS - 1).astype(np.int64)
    return np.asarray((part[..., 0] * _BINS + part[..., 1]) * _BINS + part[..., 2])
