"""How well a matte's edge and colour agree with an exact cut-out. Arrays only.

The edge band is what lies within a few pixels of the true outline or is half-transparent in the
truth. What mainly is lens is left out of the colours: what is seen through it is no matter of
edges.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ValidationError
from pipeline.evaluation.ciede import ciede2000
from pipeline.evaluation.geometry import near
from pipeline.refine.light import to_levels, to_light
from pipeline.types import Bools, Bytes, Floats

BAND = 4.0
"""Reach of the edge band to either side of the true outline, in pixels."""
WIRES = (2.0, 6.0)
"""Widths of the wires that are measured, in pixels."""
_SMOOTH = 3.0  # sigma at which wires up to 6 pixels wide are ridges, in pixels
_REACH = 12.0  # how far to either side of a wire's middle its profile is read
_STEP = 0.25
_CLEAR = 3.0  # a wire lies alone when so much beside it is empty, in pixels
_EMPTY = 0.03
_STEADY = 3.0  # how many times flatter a wire is along itself than across


def edge_band(alpha: Floats, reach: float = BAND) -> Bools:
    """Return what lies within `reach` pixels of the outline of `alpha`, float32 (H, W)."""
    inside = alpha > 0.5
    cross = np.ones((3, 3), np.uint8)
    edge = cv2.morphologyEx(inside.view(np.uint8), cv2.MORPH_GRADIENT, cross) > 0
    return near(np.asarray(edge), reach - 0.5) | ((alpha > 0.02) & (alpha < 0.98))


def band_figures(
    truth: Bytes, lens: Floats, alpha: Floats, canvas: Bytes, band: Bools
) -> dict[str, float]:
    """Compare a matte and its white picture with the truth, within the edge band.

    Args:
        truth: uint8 (H, W, 4), the exact cut-out with straight alpha.
        lens: float32 (H, W), coverage by lenses.
        alpha: float32 (H, W), the matte.
        canvas: uint8 (H, W, 3), the matte's picture on white.
        band: bool (H, W), as of `edge_band`.

    Returns:
        ``alpha``: mean absolute error of alpha. Mean CIEDE2000 on white where lenses cover less
        than half: ``colour`` against the cut-out laid over white as programs do it, ``light``
        against the same glasses photographed before white, where light mixes.

    Raises:
        ValidationError: the sizes differ.
    """
    if not truth.shape[:2] == lens.shape == alpha.shape == canvas.shape[:2] == band.shape:
        raise ValidationError(f"truth {truth.shape}, matte {alpha.shape} and others differ in size")
    exact = truth[band].astype(np.float32)
    share = exact[:, 3:] / np.float32(255)
    error = float(np.abs(share[:, 0] - alpha[band]).mean()) if len(exact) else 0.0
    opaque = lens[band] < 0.5
    exact, share, shown = exact[opaque], share[opaque], canvas[band][opaque]
    laid = 255 - (255 - exact[:, :3]) * share
    lit = to_levels(1 - (1 - to_light(exact[:, :3])) * share)
    return {"alpha": error, "colour": _difference(laid, shown), "light": _difference(lit, shown)}


def _difference(exact: Floats, shown: Bytes) -> float:
    """Mean CIEDE2000 of colours (N, 3), 0 where there are none."""
    if not len(exact):
        return 0.0
    return float(ciede2000(np.rint(exact).astype(np.uint8), shown).mean())


def wire_widths(
    truth: Floats, alpha: Floats, widths: tuple[float, float] = WIRES
) -> NDArray[np.float64]:
    """Measure wires that lie alone: their width in the truth and in a matte.

    A wire's middle is a ridge of the smoothed truth (Steger, "An Unbiased Detector of Curvilinear
    Structures", PAMI 1998). Its width is the sum of alpha across it, from where the truth is empty
    on the one side to where it is on the other.

    Args:
        truth, alpha: float32 (H, W) in [0, 1].
        widths: least and greatest true width, in pixels.

    Returns:
        float64 (N, 2), true and found width in pixels, a row for each pixel of wire length.
    """
    points, normals = _ridges(truth, widths[1])
    offsets = np.arange(-_REACH, _REACH + _STEP, _STEP)
    exact, found = (_profiles(array, points, normals, offsets) for array in (truth, alpha))
    within = _support(exact)
    width = (exact * within).sum(axis=1) * _STEP
    matched = (found * _widened(within)).sum(axis=1) * _STEP
    kept = within.any(axis=1) & (width >= widths[0]) & (width <= widths[1])
    return np.asarray(np.column_stack([width, matched])[kept], np.float64)


def _ridges(alpha: Floats, widest: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points x y on the middle of wires and the unit vectors across them."""
    inside = np.asarray(alpha > 0.25).view(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    size = 2 * int(widest) + 1
    thin = cv2.dilate(depth, np.ones((size, size), np.uint8)) <= widest / 2 + 1
    smooth = cv2.GaussianBlur(alpha, (0, 0), _SMOOTH).astype(np.float64)
    dy, dx = np.gradient(smooth)
    ys, xs = np.nonzero((inside > 0) & thin)
    dyy, dxy = (part[ys, xs] for part in np.gradient(dy))
    dxx = np.gradient(dx, axis=1)[ys, xs]
    half, cross = (dxx - dyy) / 2, np.hypot((dxx - dyy) / 2, dxy)
    least, most = (dxx + dyy) / 2 - cross, (dxx + dyy) / 2 + cross
    angle = np.arctan2(dxy, half) / 2 + np.pi / 2
    normal = np.asarray(np.column_stack([np.cos(angle), np.sin(angle)]), np.float64)
    slope = np.asarray(dx)[ys, xs] * normal[:, 0] + np.asarray(dy)[ys, xs] * normal[:, 1]
    shift = -slope / np.minimum(least, -1e-9)
    ridge = np.asarray((np.abs(shift) <= 0.6) & (least < -1e-3) & (np.abs(most) * _STEADY < -least))
    points = np.asarray(np.column_stack([xs, ys]) + shift[:, None] * normal, np.float64)
    return points[ridge], normal[ridge]


def _profiles(
    array: Floats,
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    offsets: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Read `array` along the normals: float64 (points, offsets); empty beyond its border."""
    if not len(points):
        return np.zeros((0, len(offsets)))
    places = (points[:, None] + offsets[:, None] * normals[:, None]).astype(np.float32)
    rows = [
        cv2.remap(array, part[..., 0], part[..., 1], cv2.INTER_LINEAR)
        for part in np.array_split(places, 1 + len(places) // 30000)  # OpenCV takes 32767 rows
    ]
    return np.concatenate(rows).astype(np.float64)


def _support(profiles: NDArray[np.float64]) -> Bools:
    """Mark the run around each profile's middle that lies between clear stretches, if any."""
    middle, clear = profiles.shape[1] // 2, round(_CLEAR / _STEP)
    empty = profiles < _EMPTY
    steps = np.arange(profiles.shape[1])
    left = np.where(empty & (steps < middle), steps, -1).max(axis=1, initial=-1)
    right = np.where(empty & (steps > middle), steps, 10**6).min(axis=1, initial=10**6)
    within = (steps > left[:, None]) & (steps < right[:, None])
    beside = _widened(within) & ~within
    alone = (left >= clear) & (right < profiles.shape[1] - clear) & ~(beside & ~empty).any(axis=1)
    return np.asarray(within & alone[:, None])


def _widened(within: Bools) -> Bools:
    size = 2 * round(_CLEAR / _STEP) + 1
    if not within.size:
        return within
    return cv2.dilate(within.view(np.uint8), np.ones((1, size), np.uint8)).view(np.bool_)
