"""How well rendered photos can be told from real ones, and by what.

Arrays only. Photos are looked at in about the size in which the networks see them, whole and around
the glasses; what differs only in larger ones is no cue, and so traces of JPEG's blocks are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from pipeline.errors import ValidationError
from pipeline.evaluation.properties import edge_spread, grain
from pipeline.types import Bytes, Floats

SIDE = 448
CUES = {
    "brightness": "mean lightness",
    "contrast": "spread of lightness",
    "saturation": "mean chroma",
    "colours": "spread of chroma",
    "cast": "distance of the mean colour from grey",
    "clipped white": "share of pixels at or near white",
    "clipped black": "share of pixels at or near black",
    "border": "mean lightness of the outer tenth",
    "border evenness": "spread of lightness in the outer tenth",
    "blur": "edge spread of the sharpest edges",
    "grain": "standard deviation of the noise",
    "texture": "median of the local spread of lightness",
    "edges": "95th percentile of the local spread of lightness",
    "entropy": "of the histogram of lightness, in bits",
    "busyness": "share of pixels on an edge",
    "fall-off": "slope of the power spectrum",
}
_FOLDS = 5
_PENALTY = 1.0  # of the squared weights: some hundred photos for a dozen cues
_SAMPLES = 1000
_ON_EDGE = 8.0  # grey levels a pixel
_MARGIN = 0.15  # around the glasses, as a share of the longer side of their box
_LEVELS = 64
_Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gap:
    """How well something tells rendered photos from real ones.

    Attributes:
        auc: probability that a rendered photo has the higher value, in [0, 1]; 0.5 tells nothing.
        low, high: 95 % bootstrap interval over photos.
        rendered, real: the medians.
    """

    auc: float
    low: float
    high: float
    rendered: float
    real: float

    @property
    def told_apart(self) -> float:
        """Distance of `auc` from chance, in [0, 0.5]."""
        return abs(self.auc - 0.5)


def measure_cues(rgb: Bytes) -> dict[str, float]:
    """The `CUES` of one photo, uint8 (H, W, 3) sRGB of any size."""
    scale = SIDE / max(rgb.shape[:2])
    if scale < 1:
        size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    lab = cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    light: Floats = np.asarray(lab[..., 0], np.float32)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    border = _border(light)
    spread = _local_spread(grey)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, 1 - k, k, scale=1 / 8) for k in (0, 1))
    values = {
        "brightness": light.mean(),
        "contrast": light.std(),
        "saturation": chroma.mean(),
        "colours": chroma.std(),
        "cast": np.hypot(*lab[..., 1:].reshape(-1, 2).mean(axis=0)),
        "clipped white": (rgb.min(axis=2) >= 250).mean(),
        "clipped black": (rgb.max(axis=2) <= 8).mean(),
        "border": border.mean(),
        "border evenness": border.std(),
        "blur": edge_spread(grey),
        "grain": grain(grey),
        "texture": np.median(spread),
        "edges": np.percentile(spread, 95),
        "entropy": _entropy(light),
        "busyness": (cv2.magnitude(across, down) > _ON_EDGE).mean(),
        "fall-off": _fall_off(grey),
    }
    return {name: float(values[name]) for name in CUES}


def crop_around(rgb: Bytes, boxes: Floats) -> Bytes | None:
    """The part of a photo (H, W, 3) around the largest of `boxes`, (N, 4) x0 y0 x1 y1 in pixels,
    with a margin; None where there is no box."""
    if not len(boxes):
        return None
    sides = boxes[:, 2:] - boxes[:, :2]
    largest = int(np.argmax(sides.prod(axis=1)))
    margin = _MARGIN * float(sides[largest].max())
    limit = np.array([rgb.shape[1], rgb.shape[0]] * 2)
    grown = boxes[largest] + margin * np.array([-1, -1, 1, 1])
    x0, y0, x1, y1 = np.clip(grown.round(), 0, limit).astype(int)
    return rgb[y0:y1, x0:x1] if x1 > x0 and y1 > y0 else None


def _border(light: Floats) -> Floats:
    """The values of the outer tenth on all sides, (N,)."""
    inner = np.zeros(light.shape, np.bool_)
    margin = [max(1, side // 10) for side in light.shape]
    inner[margin[0] : -margin[0], margin[1] : -margin[1]] = True
    return light[~inner]


def _entropy(light: Floats) -> float:
    count, _ = np.histogram(light, _LEVELS, (0, 100))
    share = count[count > 0] / light.size
    return float(-(share * np.log2(share)).sum())


def _local_spread(grey: Floats) -> Floats:
    mean = cv2.blur(grey, (7, 7))
    spread: Floats = np.sqrt(np.maximum(cv2.blur(grey * grey, (7, 7)) - mean * mean, 0))
    return spread


def _fall_off(grey: Floats) -> float:
    """Slope of log power over log frequency, about -2 for photos (Field, JOSA A 1987)."""
    side = min(grey.shape)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    window = np.hanning(side)
    part = (grey[top : top + side, left : left + side] - grey.mean()) * np.outer(window, window)
    power = np.abs(np.fft.fftshift(np.fft.fft2(part))) ** 2
    row, column = np.indices(power.shape) - side // 2
    radius = np.hypot(row, column).astype(int)
    count = np.bincount(radius.ravel())
    mean = np.bincount(radius.ravel(), power.ravel()) / np.maximum(count, 1)
    band = np.arange(4, max(6, side // 3))
    slope, _ = np.polyfit(np.log(band), np.log(mean[band] + 1e-9), 1)
    return float(slope)


def compare_sets(
    rendered: Sequence[Mapping[str, float]], real: Sequence[Mapping[str, float]]
) -> dict[str, Gap]:
    """The gap of each cue, and of "all together": a logistic regression of all cues, each photo
    judged by one that was fitted without it (five folds).

    Raises:
        ValidationError: fewer photos than folds in one of the sets.
    """
    if min(len(rendered), len(real)) < _FOLDS:
        raise ValidationError(
            f"{len(rendered)} rendered and {len(real)} real photos: at least {_FOLDS} of each"
        )
    names = list(CUES)
    table = np.array([[one[name] for name in names] for one in (*rendered, *real)], np.float64)
    label = np.arange(len(table)) < len(rendered)
    columns = {**dict(zip(names, table.T, strict=True)), "all together": _judged(table, label)}
    return {name: _gap(values, label) for name, values in columns.items()}


def _gap(values: _Doubles, rendered: NDArray[np.bool_]) -> Gap:
    first, second = values[rendered], values[~rendered]
    rng = np.random.default_rng(0)
    drawn = _auc(
        rng.choice(first, (_SAMPLES, len(first))), rng.choice(second, (_SAMPLES, len(second)))
    )
    low, high = np.quantile(drawn, (0.025, 0.975))
    auc = float(_auc(first[None], second[None])[0])
    return Gap(auc, float(low), float(high), float(np.median(first)), float(np.median(second)))


def _auc(first: _Doubles, second: _Doubles) -> _Doubles:
    """Area under the ROC curve by ranks, a row each, (S,); ties count half (Hanley and McNeil,
    Radiology 1982)."""
    count, other = first.shape[1], second.shape[1]
    ranks = rankdata(np.concatenate([first, second], axis=1), axis=1)[:, :count]
    above = ranks.sum(axis=1) - count * (count + 1) / 2
    return np.asarray(above / (count * other))


def _judged(table: _Doubles, label: NDArray[np.bool_]) -> _Doubles:
    """Log-odds that each photo is rendered, (N,), by fits that have not seen it.

    Cues are replaced by their ranks' scores, so that a single odd photo bends no fit.
    """
    scaled = np.stack([rankdata(column) for column in table.T], axis=1) / len(table) - 0.5
    odds = np.zeros(len(table))
    place = np.concatenate([np.arange(n) for n in (label.sum(), (~label).sum())])
    for fold in range(_FOLDS):
        held = place % _FOLDS == fold
        weights = _fit(scaled[~held], label[~held])
        odds[held] = scaled[held] @ weights[1:] + weights[0]
    return odds


def _fit(table: _Doubles, label: NDArray[np.bool_]) -> _Doubles:
    """Logistic regression, both sets counting the same: offset and weights."""
    sign = np.where(label, 1.0, -1.0)
    share = np.where(label, 0.5 / label.sum(), 0.5 / (~label).sum()) * len(label)

    def loss(weights: _Doubles) -> tuple[float, _Doubles]:
        margin = sign * (table @ weights[1:] + weights[0])
        pull = -sign * share / (1 + np.exp(np.clip(margin, -50, 50)))
        slope = np.concatenate([[pull.sum()], pull @ table + 2 * _PENALTY * weights[1:]])
        penalty = _PENALTY * float(weights[1:] @ weights[1:])
        return float((share * np.logaddexp(0, -margin)).sum()) + penalty, slope

    start = np.zeros(table.shape[1] + 1)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)
