"""How sure a figure is, and where it falls: intervals and breakdowns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ValidationError

LEVEL = 0.95
RESAMPLES = 2000
_SEED = 0
Doubles = NDArray[np.float64]
_BATCH = 4_000_000  # values drawn at a time, so that memory does not grow with the photos


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, or a ratio, and how far luck of the draw could have moved it.

    Attributes:
        mean: over `count` photos.
        low, high: ends of the bootstrap interval of level 95 %.
    """

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Group:
    """The photos that share something: how many, and their mean with its 95 % interval."""

    name: str
    count: int
    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, values: Sequence[float]) -> Group:
        """The group of at least one value."""
        found = mean_interval(values)
        return cls(name, found.count, found.mean, found.low, found.high)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A figure by what the photos have in common."""

    by: str
    groups: tuple[Group, ...]


def mean_interval(values: Sequence[float]) -> Interval:
    """The mean with its interval, see `ratio_interval`.

    Raises:
        ValidationError: there is no value, or one is not finite.
    """
    return ratio_interval(values, np.ones(len(values)))


def ratio_interval(parts: Sequence[float] | Doubles, wholes: Sequence[float] | Doubles) -> Interval:
    """sum(parts) / sum(wholes) over photos with its percentile bootstrap interval (Efron,
    "Bootstrap Methods: Another Look at the Jackknife", 1979), photos drawn with return. The same
    numbers give the same interval, and as many photos the same draws.

    Args:
        parts, wholes: (N,) a photo each, for instance pairs found and pairs there are; wholes are
            above 0.

    Raises:
        ValidationError: there is no photo, or a number is not as it should be.
    """
    part, whole = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)
    numbers = part.ndim == 1 and part.shape == whole.shape and len(part) > 0
    if not numbers or not np.isfinite(part).all() or not (np.isfinite(whole) & (whole > 0)).all():
        raise ValidationError(
            "an interval needs at least one value, all of them finite, and wholes above 0"
        )
    mean = float(part.sum() / whole.sum())
    if np.ptp(part / whole) == 0:
        return Interval(mean, mean, mean, len(part))
    rng = np.random.default_rng(_SEED)
    rows = max(1, _BATCH // len(part))
    drawn = []
    for start in range(0, RESAMPLES, rows):
        chosen = rng.integers(len(part), size=(min(rows, RESAMPLES - start), len(part)))
        drawn.append(part[chosen].sum(axis=1) / whole[chosen].sum(axis=1))
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(np.concatenate(drawn), (tail, 100 - tail))
    return Interval(mean, float(low), float(high), len(part))


def by_tag(tags: Sequence[Mapping[str, str]], values: Sequence[float]) -> list[Breakdown]:
    """One breakdown for every tag that tells photos apart, groups by falling count."""
    keys = sorted({key for one in tags for key in one})
    broken = (_broken(key, [one.get(key, "not said") for one in tags], values) for key in keys)
    return [one for one in broken if len(one.groups) > 1]


def by_property(
    properties: Sequence[Mapping[str, float]], values: Sequence[float], parts: int = 4
) -> list[Breakdown]:
    """One breakdown for every measured property: `parts` groups of about as many photos each,
    from low to high, named by their ranges."""
    keys = sorted({key for one in properties for key in one})
    found = []
    for key in keys:
        known = [
            (one[key], value) for one, value in zip(properties, values, strict=True) if key in one
        ]
        if len(known) < 2 * parts:
            continue
        numbers, scores = np.array(known, np.float64).T
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, parts + 1)))
        if len(edges) < 3:
            continue
        which = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
        names = [f"{a:.3g} to {b:.3g}" for a, b in zip(edges[:-1], edges[1:], strict=True)]
        groups = tuple(
            Group.of(name, scores[which == i].tolist())
            for i, name in enumerate(names)
            if (which == i).any()
        )
        found.append(Breakdown(key, groups))
    return found


def _broken(by: str, labels: Sequence[str], values: Sequence[float]) -> Breakdown:
    parts: dict[str, list[float]] = {}
    for label, value in zip(labels, values, strict=True):
        parts.setdefault(label, []).append(value)
    ordered = sorted(parts.items(), key=lambda item: (-len(item[1]), item[0]))
    return Breakdown(by, tuple(Group.of(name, part) for name, part in ordered))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation in [-1, 1]; None where one of them does not vary."""
    from scipy.stats import spearmanr

    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)


def summarise(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, Interval]:
    """Each figure's interval over the rows that have it; a figure that none has is left out."""
    columns = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: mean_interval(values) for name, values in columns.items() if values}
