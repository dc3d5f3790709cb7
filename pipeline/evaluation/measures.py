"""Every figure of one photo by name, and what each of them means. Arrays only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.errors import ValidationError
from pipeline.evaluation.geometry import (
    contour,
    contour_lines,
    holes,
    near,
    share,
    square_band,
    window,
)
from pipeline.evaluation.mattes import matte_figures
from pipeline.evaluation.metrics import score
from pipeline.evaluation.truth import Prediction, TruthMasks
from pipeline.types import Bools

TOLERANCE = 2.0
"""How far apart two contours may lie and still agree, in pixels."""
BOUNDARY = 0.02
"""Width of the published Boundary IoU's band, as a share of the picture's diagonal."""
SAME_HOLE = 0.5
"""IoU from which a predicted hole is the truth's."""
LINE = 31
"""Length of contour over which it is smoothed to measure its roughness, in contour pixels."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a figure means, for tables and pages.

    Attributes:
        name: the figure's key.
        title: two or three words.
        better: the direction in which it improves.
        unit: "share" is in [0, 1].
        label: one plain sentence.
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    unit: Literal["share", "px", "count", "thousand px", "thousand"]
    label: str


MEASURES: tuple[Measure, ...] = (
    Measure(
        "iou", "IoU", "higher", "share", "Overlap of mask and truth (intersection over union)."
    ),
    Measure(
        "boundary",
        "Boundary IoU, 0.5\N{NO-BREAK SPACE}%",
        "higher",
        "share",
        "Overlap along the edges, in a band of 0.5\N{NO-BREAK SPACE}%.",
    ),
    Measure(
        "thin", "Thin parts", "higher", "share", "Share of the truth's thin parts that is kept."
    ),
    Measure(
        "gaps",
        "Gaps open",
        "higher",
        "share",
        "Share of the see-through background that stays open.",
    ),
    Measure("tight", "Tight", "higher", "share", "1 less what was wrongly taken along."),
    Measure("dice", "Dice", "higher", "share", "Overlap of mask and truth (Dice coefficient)."),
    Measure("precision", "Precision", "higher", "share", "Share of the mask that is glasses."),
    Measure("recall", "Recall", "higher", "share", "Share of the glasses that is in the mask."),
    Measure(
        "boundary_iou",
        "Boundary IoU, 2\N{NO-BREAK SPACE}%",
        "higher",
        "share",
        "Overlap along the edges, in a band of 2\N{NO-BREAK SPACE}%.",
    ),
    Measure(
        "boundary_f",
        "Boundary F, 2\N{NO-BREAK SPACE}px",
        "higher",
        "share",
        "Share of the contours that lie on each other.",
    ),
    Measure(
        "holes_found",
        "Holes found",
        "higher",
        "share",
        "Share of the truth's holes that are found.",
    ),
    Measure(
        "holes_extra",
        "Holes too many",
        "lower",
        "count",
        "Holes in the mask that the truth does not have.",
    ),
    Measure("holes_area", "Holes, IoU", "higher", "share", "Overlap of the areas of the holes."),
    Measure("frame", "Frame kept", "higher", "share", "Share of the frame that is in the mask."),
    Measure("lens", "Lenses kept", "higher", "share", "Share of the lenses that is in the mask."),
    Measure(
        "roughness",
        "Roughness",
        "lower",
        "px",
        "How far the contour strays from its own smooth line.",
    ),
    Measure("alpha_mae", "Alpha, mean error", "lower", "share", "Mean difference of the mattes."),
    Measure(
        "alpha_sad",
        "Alpha, summed error",
        "lower",
        "thousand px",
        "Summed difference of the mattes.",
    ),
    Measure(
        "alpha_gradient",
        "Alpha, gradient error",
        "lower",
        "thousand",
        "Difference of the mattes' edges in sharpness.",
    ),
)


def measure(
    truth: TruthMasks, pred: Prediction, *, tolerance: float = TOLERANCE
) -> dict[str, float]:
    """Measure one photo by everything that its truth speaks for; see `MEASURES`.

    The five figures of `score` are always there. A figure that nothing speaks for is left out:
    ``precision`` of an empty mask, ``holes_found`` without holes in the truth, ``holes_area``
    without holes in either, ``frame`` and ``lens`` without lens labels, ``roughness`` without a
    contour of `LINE` pixels, the alpha figures unless both have mattes.

    Args:
        truth: with at least one pixel of glasses.
        pred: of the same size.
        tolerance: of ``boundary_f``, in pixels, not negative.

    Raises:
        ValidationError: the sizes differ, the truth is empty, or the tolerance is negative.
    """
    if not tolerance >= 0:
        raise ValidationError(f"the tolerance must not be negative, but is {tolerance}")
    figures = score(truth.glasses, pred.mask)
    width = max(1, round(BOUNDARY * float(np.hypot(*truth.glasses.shape))))
    where = window(truth.glasses | pred.mask)
    glasses, mask = truth.glasses[where], pred.mask[where]
    figures |= _areas(glasses, mask)
    edge, pred_edge = square_band(glasses, width), square_band(mask, width)
    figures["boundary_iou"] = share(edge & pred_edge, edge | pred_edge)
    figures["boundary_f"] = _boundary_f(glasses, mask, tolerance)
    figures |= _hole_figures(glasses, mask) | _roughness(mask)
    if truth.lens is not None:
        figures |= _parts(glasses, truth.lens[where], mask)
    if truth.alpha is not None and pred.alpha is not None:
        figures |= matte_figures(truth.alpha, pred.alpha)
    return {m.name: figures[m.name] for m in MEASURES if m.name in figures}


def _areas(truth: Bools, pred: Bools) -> dict[str, float]:
    right, glasses, mask = (int(np.count_nonzero(a)) for a in (truth & pred, truth, pred))
    figures = {"dice": 2 * right / (glasses + mask), "recall": right / glasses}
    return figures | ({"precision": right / mask} if mask else {})


def _parts(glasses: Bools, lens: Bools, pred: Bools) -> dict[str, float]:
    parts = {"frame": glasses & ~lens, "lens": glasses & lens}
    return {name: share(part & pred, part) for name, part in parts.items() if part.any()}


def _boundary_f(truth: Bools, pred: Bools, tolerance: float) -> float:
    """F-measure of the contours' pixels that lie within `tolerance` of the other contour.

    Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013;
    Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
    CVPR 2016.
    """
    edge, pred_edge = contour(truth), contour(pred)
    precision = share(pred_edge & near(edge, tolerance), pred_edge)
    recall = share(edge & near(pred_edge, tolerance), edge)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _hole_figures(truth: Bools, pred: Bools) -> dict[str, float]:
    count, numbers = holes(truth)
    pred_count, pred_numbers = holes(pred)
    hole, pred_hole = numbers > 0, pred_numbers > 0
    both = hole & pred_hole
    # a number for each pair of holes that meet, so that one count gives all the overlaps
    pairs = numbers[both].astype(np.int64) * (pred_count + 1) + pred_numbers[both]
    pair, common = np.unique(pairs, return_counts=True)
    one, other = np.divmod(pair, pred_count + 1)
    union = np.bincount(numbers[hole])[one] + np.bincount(pred_numbers[pred_hole])[other] - common
    same = common >= SAME_HOLE * union
    figures: dict[str, float] = {"holes_extra": float(pred_count - len(np.unique(other[same])))}
    if count:
        figures["holes_found"] = len(np.unique(one[same])) / count
    if count or pred_count:
        figures["holes_area"] = share(both, hole | pred_hole)
    return figures


def _roughness(mask: Bools) -> dict[str, float]:
    """Mean distance between the contour and its mean line, in pixels.

    This is the arithmetic mean deviation (Ra of ISO 21920-2) with the contour as the profile. Its
    mean line is a local cubic fit over `LINE` pixels (Savitzky and Golay, "Smoothing and
    Differentiation of Data by Simplified Least Squares Procedures", Anal. Chem. 1964), which
    follows curves. A Gaussian of one pixel first takes off the steps that every mask has.
    """
    lines = [line for line in contour_lines(mask) if len(line) >= LINE]
    if not lines:
        return {}
    return {"roughness": float(np.concatenate([_deviation(line) for line in lines]).mean())}


def _deviation(line: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.signal import savgol_filter  # half a second, which --help need not wait for

    fine = gaussian_filter1d(line, 1.0, axis=0, mode="wrap")
    mean = savgol_filter(line, LINE, 3, axis=0, mode="wrap")
    return np.asarray(np.hypot(*(fine - mean).T), np.float64)
