"""Curves over strength, with intervals, and where they fall under a floor. Arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.statistics import Doubles, ratio_interval
from pipeline.stress.changes import Change
from pipeline.stress.points import UNCHANGED, Point

DETECTOR, TRUTH, FOUND = "detector", "truth", "found"
LABELS = {
    DETECTOR: "IoU, detector's boxes",
    TRUTH: "IoU, truth's boxes",
    FOUND: "pairs found",
}
"""The columns that tables and plots show; JSON has those without finish, too."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure over the strengths of one change.

    Attributes:
        change: what the strengths belong to.
        column: of the IoU, as `pipeline.evaluation.columns.answers` calls it, or `FOUND`.
        strengths: ascending.
        mean, low, high: the figure at each, and the ends of its 95 % interval.
    """

    change: Change
    column: str
    strengths: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def starts_below(self, floor: float) -> bool:
        """Say whether the curve is under `floor` at the neutral strength already."""
        unchanged = dict(zip(self.strengths, self.mean, strict=True)).get(self.change.neutral)
        return unchanged is not None and unchanged < floor

    def falls_below(self, floor: float) -> tuple[float | None, float | None]:
        """Return where the curve first falls under `floor`, towards lower and higher strengths.

        Walks away from the neutral strength and draws straight lines between those that were
        measured. None where it stays above as far as was measured; the neutral strength itself
        where the curve is under the floor there.
        """
        x, y = np.array(self.strengths), np.array(self.mean)
        lower, upper = x <= self.change.neutral, x >= self.change.neutral
        return (
            _first_below(x[lower][::-1], y[lower][::-1], floor),
            _first_below(x[upper], y[upper], floor),
        )


def curves_of(points: Sequence[Point], changes: Sequence[Change]) -> list[Curve]:
    """Return for every change a curve of each IoU column and of the share of pairs found.

    Intervals are those of `ratio_interval`, with the same draws for every strength that has the
    same number of photos.
    """
    by_place: dict[tuple[str, float], list[Point]] = {}
    for point in points:
        by_place.setdefault((point.change, point.strength), []).append(point)
    return [
        curve
        for change in changes
        for column in (*_columns(points), FOUND)
        if (curve := _curve(by_place, change, column))
    ]


def _columns(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(column for point in points for column in point.iou))


def _curve(
    by_place: dict[tuple[str, float], list[Point]], change: Change, column: str
) -> Curve | None:
    rows = []
    for strength in change.strengths:
        neutral = strength == change.neutral
        place = (UNCHANGED, 0.0) if neutral else (change.name, float(strength))
        here = [point for point in by_place.get(place, []) if point.pairs]
        if here:
            rows.append((float(strength), *_figure(here, column)))
    if not rows:
        return None
    strengths, mean, low, high = zip(*rows, strict=True)
    return Curve(change, column, strengths, mean, low, high)


def _figure(points: Sequence[Point], column: str) -> tuple[float, float, float]:
    """Return mean, low and high; every photo counts the same for IoU, every pair for `FOUND`."""
    if column == FOUND:
        parts = np.array([point.found for point in points], float)
        wholes = np.array([point.pairs for point in points], float)
    else:
        parts = np.array([point.iou[column] for point in points], float)
        wholes = np.ones(len(parts))
    found = ratio_interval(parts, wholes)
    return found.mean, found.low, found.high


def _first_below(x: Doubles, y: Doubles, floor: float) -> float | None:
    """Return where the polyline through (x, y) first goes under `floor`, along x as it comes."""
    under = np.flatnonzero(y < floor)
    if not len(under):
        return None
    first = int(under[0])
    if first == 0:
        return float(x[0])
    share = (y[first - 1] - floor) / (y[first - 1] - y[first])
    return float(x[first - 1] + share * (x[first] - x[first - 1]))
