"""How well a matte agrees with the truth's: the figures of alpha matting. Arrays only."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ValidationError
from pipeline.evaluation.geometry import window
from pipeline.types import Floats

SIGMA = 1.4
"""Width of the Gaussian whose derivative gives the gradient, in pixels."""
RADIUS = 4
"""Where that Gaussian is cut off, in pixels: it falls to a hundredth there."""
_THOUSAND = 1000.0


def matte_figures(truth: Floats, pred: Floats) -> dict[str, float]:
    """Compare two mattes, float32 (H, W) in [0, 1]; 0 is a perfect match.

    ``alpha_mae``: mean absolute difference over all pixels. ``alpha_sad``: sum of the absolute
    differences, in thousands. ``alpha_gradient``: sum of the squared differences of the gradients'
    magnitudes, in thousands; Rhemann et al., "A Perceptually Motivated Online Benchmark for Image
    Matting", CVPR 2009. There is no trimap: every pixel counts.

    Raises:
        ValidationError: the shapes differ.
    """
    if truth.shape != pred.shape or truth.ndim != 2:
        raise ValidationError(f"the truth's matte is {truth.shape}, the predicted {pred.shape}")
    pixels = truth.size
    covered = (truth != 0) | (pred != 0)
    if not covered.any():
        return {"alpha_mae": 0.0, "alpha_sad": 0.0, "alpha_gradient": 0.0}
    where = _wider(window(covered), RADIUS)
    truth, pred = truth[where], pred[where]
    difference = float(np.abs(truth - pred).sum(dtype=np.float64))
    steps = np.square(_gradient(truth) - _gradient(pred))
    return {
        "alpha_mae": difference / pixels,
        "alpha_sad": difference / _THOUSAND,
        "alpha_gradient": float(steps.sum()) / _THOUSAND,
    }


def _wider(where: tuple[slice, slice], margin: int) -> tuple[slice, slice]:
    rows, columns = (slice(max(0, s.start - margin), s.stop + margin) for s in where)
    return rows, columns


def _gradient(alpha: Floats) -> NDArray[np.float64]:
    """Magnitude of the gradient; the kernels have unit norm, as in the published figures."""
    reach = np.arange(-RADIUS, RADIUS + 1, dtype=np.float64)
    bell = np.exp(-(reach**2) / (2 * SIGMA**2))
    slope = reach * bell
    bell, slope = bell / np.linalg.norm(bell), slope / np.linalg.norm(slope)
    across, down = (
        cv2.sepFilter2D(alpha, cv2.CV_64F, x, y, borderType=cv2.BORDER_REPLICATE)
        for x, y in ((slope, bell), (bell, slope))
    )
    return np.asarray(np.hypot(across, down), np.float64)
