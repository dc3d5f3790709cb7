"""A second opinion: is a pair that the detector found one, by what the segmenter makes of it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from detector.calibration import log_odds
from pipeline.errors import ValidationError
from pipeline.types import Floats

_PRIOR = 0.05  # keeps slopes finite where the kinds are told apart without error: sigma of 3


@dataclass(frozen=True, slots=True)
class Opinion:
    """Logistic regression over what both networks say.

    The probability that a pair is one has the logit `score` * logit(the detector's score) +
    `quality` * (the IoU that the segmenter expects of its mask) + `offset`.

    Raises:
        ValidationError: a number is not finite, or a network's word counts against a pair that
            it is sure of.
    """

    score: float
    quality: float
    offset: float

    def __post_init__(self) -> None:
        numbers = [self.score, self.quality, self.offset]
        if not (np.isfinite(numbers).all() and self.score > 0 and self.quality >= 0):
            raise ValidationError(
                "opinion: expected a positive slope of the score, a slope of the quality that is "
                f"not negative, and an offset, not {numbers}"
            )

    def probability(self, scores: Floats, quality: Floats) -> Floats:
        """The chance that pairs are glasses, float32 (N,), of float (N,) in [0, 1] each."""
        logits = self.score * log_odds(scores) + self.quality * quality + self.offset
        return np.asarray(expit(logits), np.float32)

    def least(self, probability: float) -> float:
        """The detector's score, in [0, 1], below which no mask makes a pair so probable."""
        return float(expit((log_odds(probability) - self.offset - self.quality) / self.score))


def fit_opinion(scores: Sequence[float], quality: Sequence[float], hits: Sequence[bool]) -> Opinion:
    """Fit to pairs that a detector found: its scores, the segmenter's quality, and whether there
    are glasses.

    Raises:
        ValidationError: all or none of them are glasses, or a network knows nothing of it.
    """
    from scipy.optimize import minimize  # 0.2 s, and a run does not fit

    right = np.asarray(hits, np.float64)
    if not 0 < right.sum() < len(right):
        raise ValidationError(
            "an opinion needs pairs that are glasses and pairs that are none; "
            f"{int(right.sum())} of {len(right)} are"
        )
    told = np.stack([log_odds(scores), np.asarray(quality), np.ones(len(right))], axis=1)

    def loss(fit: Floats) -> float:
        logits = told @ fit
        wrong = np.mean(np.logaddexp(0, logits) - right * logits)
        return float(wrong + _PRIOR / len(right) * fit[:2] @ fit[:2])

    bounds = [(None, None), (0, None), (None, None)]
    found = minimize(loss, np.array([1.0, 1.0, 0.0]), method="L-BFGS-B", bounds=bounds).x
    return Opinion(*map(float, found))
