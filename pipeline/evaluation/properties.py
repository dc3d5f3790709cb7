"""What a photo is like, measured: so that a fall of the figures can be laid to a cause.

Arrays only. All are cheap: a few passes over the part of the photo around the glasses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.errors import ValidationError
from pipeline.evaluation.geometry import share
from pipeline.evaluation.metrics import thin_of
from pipeline.types import Bools, Bytes, Floats


@dataclass(frozen=True, slots=True)
class Property:
    """A property, its unit, and what it says."""

    name: str
    unit: str
    label: str


PROPERTIES = (
    Property("brightness", "L*", "lightness of the surroundings of the glasses"),
    Property("contrast", "ΔE", "colour difference between the glasses' outline and what is beside"),
    Property("blur", "px", "sigma of the sharpest edges"),
    Property("noise", "/255", "standard deviation of the grain"),
    Property("scale", "share", "longer side of the glasses' box over that of the photo"),
    Property("thinness", "share", "share of the glasses that is thin, as the figure `thin` has it"),
    Property("roll", "degrees", "angle of the glasses' long axis to the horizontal"),
)
_MARGIN = 0.15  # around the glasses' box, as a share of its longer side
_BAND = 0.01  # on either side of the outline, as a share of the box's diagonal
_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NORMAL_MEDIAN = 0.6745  # median of |x| of a standard normal


def measure_photo(rgb: Bytes, glasses: Bools) -> dict[str, float]:
    """Measure a photo with glasses; names and units as in `PROPERTIES`.

    Args:
        rgb: uint8 (H, W, 3), sRGB.
        glasses: bool (H, W), the truth, with at least one pixel set.

    Raises:
        ValidationError: the shapes differ, or nothing is set.
    """
    if rgb.shape[:2] != glasses.shape:
        raise ValidationError(f"the photo is {rgb.shape[:2]} but the truth {glasses.shape}")
    x, y, width, height = cv2.boundingRect(glasses.view(np.uint8))
    if not width:
        raise ValidationError("the truth is empty: there are no glasses to measure around")
    margin = round(_MARGIN * max(width, height))
    window = np.s_[
        max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin
    ]
    near, mask = rgb[window], glasses[window]
    grey = cv2.cvtColor(near, cv2.COLOR_RGB2GRAY).astype(np.float32)
    brightness, contrast = _colours(near, mask, math.hypot(width, height))
    return {
        "brightness": brightness,
        "contrast": contrast,
        "blur": edge_spread(grey),
        "noise": grain(grey),
        "scale": max(width, height) / max(glasses.shape),
        "thinness": share(thin_of(mask), mask),
        "roll": _roll(mask),
    }


def _colours(rgb: Bytes, mask: Bools, diagonal: float) -> tuple[float, float]:
    """Median lightness beside the glasses, and the colour difference (CIE 1976) across the
    outline: between the medians of a band within and a band without."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)  # 8-bit: L scaled, a, b shifted
    lab[..., 0] *= 100 / 255
    radius = max(1, round(_BAND * diagonal))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    on = mask.view(np.uint8)
    inner = mask & (cv2.erode(on, kernel) == 0)
    outer = ~mask & (cv2.dilate(on, kernel) > 0)
    beside = outer if outer.any() else mask  # glasses that fill the photo have no beside
    inside = inner if inner.any() else mask
    first, second = np.median(lab[inside], axis=0), np.median(lab[beside], axis=0)
    return float(second[0]), float(np.linalg.norm(first - second))


def edge_spread(grey: Floats) -> float:
    """Sigma in pixels of the edge spread of the sharpest edges.

    A step of height A that is blurred by a Gaussian rises at most by A / (sigma sqrt(2 pi)) a
    pixel; A is taken as the range of the picture.
    """
    dx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    steepest = float(np.percentile(cv2.magnitude(dx, dy), 99.8))
    low, high = np.percentile(grey, (0.2, 99.8))
    return float(high - low) / (max(steepest, 1e-3) * math.sqrt(2 * math.pi))


def grain(grey: Floats) -> float:
    """Standard deviation of the grain, by second differences, which leave edges out (Immerkaer,
    "Fast Noise Variance Estimation", CVIU 1996), and their median, which leaves texture out."""
    if min(grey.shape) < 3:
        return 0.0
    differences = cv2.filter2D(grey, cv2.CV_32F, _SECOND_DIFFERENCES)[1:-1, 1:-1]
    return float(np.median(np.abs(differences))) / (6 * _NORMAL_MEDIAN)


def _roll(mask: Bools) -> float:
    """Angle of the long principal axis in (-90, 90], positive where the right end is higher."""
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    angle = 0.5 * math.atan2(2 * moments["mu11"], moments["mu20"] - moments["mu02"])
    degrees = -math.degrees(angle)  # rows count downwards
    return degrees + 180 if degrees <= -90 else degrees
