"""Rim outlines: closed curves in the plane of the lens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.float64]

OUTLINES = (
    "round",
    "oval",
    "square",
    "rectangle",
    "cat_eye",
    "aviator",
    "panto",
    "browline",
    "geometric",
)


@dataclass(frozen=True, slots=True)
class Outline:
    """Parameters of a lens outline, temporal side at +x, in millimetres.

    exponent: of the superellipse (2 is an ellipse); taper: how much wider the top is than the
    bottom; lean: shift of the bottom towards the temple; lift: how far the upper temporal corner
    is pulled up; flat: how much the top is flattened; sides: corners of a polygon, 0 for none.
    """

    kind: str
    half_width: float
    half_height: float
    exponent: float = 2.0
    taper: float = 0.0
    lean: float = 0.0
    lift: float = 0.0
    flat: float = 0.0
    sides: int = 0
    turn: float = 0.0

    def points(self, count: int = 96) -> Curve:
        """The curve, counter-clockwise from the temporal side, float (count, 2)."""
        dense = self._raw(count * 4)
        return resample(dense, count)

    def _raw(self, count: int) -> Curve:
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
        cos, sin = np.cos(angle), np.sin(angle)
        n = self.exponent
        radius = (np.abs(cos) ** n + np.abs(sin) ** n) ** (-1 / n)
        if self.sides:
            wedge = 2 * np.pi / self.sides
            polygon = np.cos(wedge / 2) / np.cos((angle + self.turn) % wedge - wedge / 2)
            radius = 0.2 + 0.8 * polygon / polygon.max()
        x, y = radius * cos, radius * sin
        y = np.where(y > 0, y * (1 - self.flat * np.abs(y)), y)
        corner = np.clip((x + 0.1) / 1.1, 0, 1) ** 1.5 * np.clip(y + 0.3, 0, 1.3)
        y = y + self.lift * corner
        x = x * (1 + self.taper * y) - self.lean * np.minimum(y, 0) - 0.3 * self.lean * y
        curve = np.stack([x, y], axis=1)
        curve -= (curve.max(0) + curve.min(0)) / 2
        size = (curve.max(0) - curve.min(0)) / 2
        return np.asarray(curve / size * [self.half_width, self.half_height])


def sample_outline(kind: str, rng: np.random.Generator) -> Outline:
    """An outline of one of `OUTLINES` with the proportions that the trade gives it."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    width = between(22, 29)
    match kind:
        case "round":
            width = between(19, 27)
            return Outline(kind, width, width * between(0.93, 1.0), between(1.95, 2.15))
        case "oval":
            return Outline(kind, width, width * between(0.5, 0.78), between(2.0, 2.4))
        case "square":
            return Outline(
                kind,
                width,
                width * between(0.78, 0.95),
                between(2.8, 5.0),
                taper=between(0.02, 0.14),
                lean=between(0, 0.08),
                lift=between(0, 0.06),
            )
        case "rectangle":
            return Outline(
                kind,
                width,
                width * between(0.48, 0.72),
                between(2.8, 5.5),
                taper=between(0.0, 0.12),
                lift=between(0, 0.1),
            )
        case "cat_eye":
            return Outline(
                kind,
                width,
                width * between(0.58, 0.88),
                between(2.1, 3.0),
                taper=between(0.05, 0.2),
                lift=between(0.15, 0.5),
            )
        case "aviator":
            return Outline(
                kind,
                between(26, 31),
                between(22, 27),
                between(2.2, 2.7),
                taper=between(0.1, 0.22),
                lean=between(0.12, 0.32),
                flat=between(0.1, 0.25),
            )
        case "panto":
            return Outline(
                kind,
                between(21, 26),
                between(19, 24),
                between(2.0, 2.5),
                taper=between(0.06, 0.16),
                flat=between(0.08, 0.22),
            )
        case "browline":
            return Outline(
                kind,
                between(22, 27),
                between(16, 22),
                between(2.1, 2.8),
                taper=between(0.06, 0.16),
                flat=between(0.1, 0.25),
                lift=between(0, 0.12),
            )
        case "geometric":
            sides = int(rng.choice([6, 8]))
            return Outline(
                kind,
                between(22, 27),
                between(19, 25),
                sides=sides,
                turn=float(rng.choice([0.0, np.pi / sides])),
            )
    raise ValueError(f"unknown outline {kind!r}; known: {', '.join(OUTLINES)}")


def resample(curve: Curve, count: int) -> Curve:
    """The closed curve at `count` points of equal arc length, float (count, 2)."""
    closed = np.concatenate([curve, curve[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count, endpoint=False)
    return np.stack([np.interp(at, length, closed[:, i]) for i in range(2)], axis=1)


def normals(curve: Curve) -> Curve:
    """Outward unit normals of a closed counter-clockwise curve, float (N, 2)."""
    tangent = np.roll(curve, -1, 0) - np.roll(curve, 1, 0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    return np.asarray(normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12))


def smooth(values: npt.NDArray[np.float64], passes: int) -> npt.NDArray[np.float64]:
    """Values along a closed curve, (N,) or (N, K), averaged with their neighbours."""
    for _ in range(passes):
        values = 0.25 * np.roll(values, 1, 0) + 0.5 * values + 0.25 * np.roll(values, -1, 0)
    return values
