"""Scores that mean what they say: of boxes with score p, a share of p is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from detector.errors import DetectorError
from detector.types import Detections, Detector

_EDGE = 1e-6  # scores of exactly 0 and 1 have no logit
_BINS = 10


def log_odds(scores: float | Sequence[float] | NDArray[np.floating]) -> NDArray[np.float64]:
    """The logits of scores in [0, 1], any shape; finite for 0 and 1, too."""
    return np.asarray(logit(np.clip(np.asarray(scores, np.float64), _EDGE, 1 - _EDGE)), np.float64)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling (Platt 1999; for networks: Guo et al., ICML 2017).

    The probability that a box is right has the logit `slope` * logit(score) + `offset`. A positive
    slope keeps the order of boxes, and so every average precision.

    Raises:
        DetectorError: the slope is not positive, or a number is not finite.
    """

    slope: float
    offset: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.slope, self.offset]).all() and self.slope > 0):
            raise DetectorError(
                f"calibration: expected a positive slope and an offset, not {self.slope}, "
                f"{self.offset}"
            )

    def probability(self, scores: float | NDArray[np.floating]) -> NDArray[np.float32]:
        """Scores of a detector, any shape in [0, 1], as probabilities: float32."""
        return np.asarray(expit(self.slope * log_odds(scores) + self.offset), np.float32)

    def score(self, probability: float) -> float:
        """The detector's score that becomes `probability`, in [0, 1]."""
        return float(expit((log_odds(probability) - self.offset) / self.slope))


class Calibrated:
    """A detector whose scores are turned into probabilities; see `Detector`."""

    def __init__(self, detector: Detector, calibration: Calibration) -> None:
        self._detector, self._calibration = detector, calibration

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Boxes in one uint8 (H, W, 3) RGB photo, inside it, best first."""
        found = self._detector.detect(rgb)
        scores = self._calibration.probability(found.scores)
        return Detections(found.boxes, scores, found.labels)


def fit_calibration(scores: Sequence[float], hits: Sequence[bool]) -> Calibration:
    """Fit to boxes: their scores, and whether each is right. Nearly right where few are at hand:
    the targets are Platt's, a little off 0 and 1.

    Raises:
        DetectorError: fewer than ten boxes, or all or none of them right.
    """
    from scipy.optimize import minimize  # 0.2 s, and a run does not fit

    raw = log_odds(scores)
    right = np.asarray(hits, np.bool_)
    if len(right) < _BINS or right.all() or not right.any():
        raise DetectorError(
            f"calibration needs ten boxes, right ones and wrong ones; {right.sum()} of "
            f"{len(right)} are right"
        )
    good, bad = right.sum(), (~right).sum()
    target = np.where(right, (good + 1) / (good + 2), 1 / (bad + 2))

    def loss(fit: NDArray[np.float64]) -> float:
        told = fit[0] * raw + fit[1]
        return float(np.mean(np.logaddexp(0, told) - target * told))

    found = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    return Calibration(float(found[0]), float(found[1]))


def calibration_error(scores: Sequence[float], hits: Sequence[bool]) -> float:
    """Expected calibration error in [0, 1]: how far scores are from the share that is right, over
    ten bins of scores, each by its number of boxes (Naeini et al., AAAI 2015)."""
    told, right = np.asarray(scores, np.float64), np.asarray(hits, np.float64)
    bins = np.minimum((told * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((told - right)[bins == b].sum())) for b in np.unique(bins)]
    return sum(gaps) / max(len(told), 1)
