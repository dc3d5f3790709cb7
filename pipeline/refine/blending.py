"""From coverage to the alpha that programs need that blend encoded colours.

Light mixes as it is: a pixel half covered by a black rim before white paper sends out half the
light, which sRGB shows as 188, not 128. Programs, this one too, blend the encoded numbers. Laid
over white with coverage for alpha, every edge of a dark rim would turn out heavier than in the
photo, by up to a blur's width. So the edge takes the alpha that gives the photo's own gradient.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.refine.light import to_encoded, to_linear
from pipeline.types import Bytes, Floats

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_ALONG = 17  # rows over which the two sides are averaged
_ALIKE = 0.02  # difference of luma below which both blends are the same


def blending_alpha(coverage: Floats, colours: Bytes) -> Floats:
    """Return the alpha for blending sRGB values that shows what `coverage` of light shows.

    Args:
        coverage: float32 (L, W), a strip's share of glasses in each pixel.
        colours: uint8 (L, W, 3), sRGB.

    Returns:
        float32 (L, W) in [0, 1].
    """
    luma = colours.astype(np.float32) @ _LUMA / np.float32(255)
    fore, back = _side(luma, coverage**2), _side(luma, (1 - coverage) ** 2)
    mixed = to_encoded(coverage * to_linear(fore) + (1 - coverage) * to_linear(back))
    apart = fore - back
    told = np.abs(apart) > _ALIKE
    alpha = np.where(told, (mixed - back) / np.where(told, apart, 1), coverage)
    return np.asarray(np.clip(alpha, 0, 1), np.float32)


def _side(luma: Floats, weight: Floats) -> Floats:
    """Return the mean luma by `weight` around each row, float32 (L, 1)."""
    sums = np.column_stack([(luma * weight).sum(axis=1), weight.sum(axis=1)])
    sums = cv2.blur(sums, (1, _ALONG), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums[:, :1] / np.maximum(sums[:, 1:], 1e-3), np.float32)
