"""What shadow lies on the white: none, the photo's own, or a drawn one.

A shadow is a *darkness*: float32 in [0, 1], what share of the white it takes away; it is neutral
and lies behind the glasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from pipeline.compose import window_of
from pipeline.types import Bools, Bytes, Floats

ShadowKind = Literal["none", "natural", "soft"]

_WORK = 1024
"""Longest side of the reduced window in which the natural shadow is looked for, in pixels."""
_AROUND = 0.35
"""How far around the glasses the backdrop is looked at, as a share of their diagonal ..."""
_FAR = 0.22
"""... and how far from them their shadow has faded out."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Darkness:
    """A shadow in a window of the photo.

    Attributes:
        plane: float32 (h, w) in [0, 1]; nothing beyond.
        origin: x, y of its first pixel in the photo.
    """

    plane: Floats
    origin: tuple[int, int]


def natural(photo: Bytes, alpha: Floats) -> Darkness | None:
    """Find the shadow that the glasses cast in the photo.

    The backdrop without shadow is a smooth surface fitted to the brightness around the glasses,
    which shadows and other dark things hardly pull down (asymmetric reweighted least squares). The
    shadow is what is darker than that, beyond the backdrop's own grain, hangs together with the
    glasses and is close to them.

    Args:
        photo: uint8 (H, W, 3), sRGB.
        alpha: float32 (H, W), the matte.

    Returns:
        The shadow, or None where there are no glasses or no backdrop to see.
    """
    rows, columns = window_of(alpha)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if not height:
        return None
    room = int(_AROUND * np.hypot(height, width)) + 1
    rows = slice(max(0, rows.start - room), min(alpha.shape[0], rows.stop + room))
    columns = slice(max(0, columns.start - room), min(alpha.shape[1], columns.stop + room))
    shape = rows.stop - rows.start, columns.stop - columns.start
    shrink = min(1.0, _WORK / max(shape))
    size = max(1, round(shape[1] * shrink)), max(1, round(shape[0] * shrink))
    luma = _shrunk(photo[rows, columns], size) @ _LUMA
    cover = _shrunk(alpha[rows, columns], size)
    diagonal = float(np.hypot(height, width)) * shrink
    darkness = _darkness(luma, cover, diagonal)
    if darkness is None:
        return None
    large = cv2.resize(darkness, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return Darkness(np.asarray(large, np.float32), (columns.start, rows.start))


def _shrunk(part: Bytes | Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)


def _darkness(luma: Floats, cover: Floats, diagonal: float) -> Floats | None:
    """The shadow in a reduced window, float32 (h, w)."""
    glasses = cover > 0.02
    apart = cv2.dilate(glasses.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    if np.count_nonzero(apart) < 100:
        return None
    surface, grain = _backdrop(np.log(np.maximum(luma, 4)), apart)
    share = np.log(np.maximum(luma, 4)) - surface
    raw = np.where(apart, -np.expm1(np.minimum(share, 0)), 0).astype(np.float32)
    smooth = _spread(raw, apart, max(1.0, 0.003 * diagonal))
    sure = _step(smooth, grain, 3 * grain)
    near = np.asarray(
        cv2.distanceTransform((~glasses).astype(np.uint8), cv2.DIST_L2, 5), np.float32
    )
    reach = 1 - _step(near, 0.3 * _FAR * diagonal, _FAR * diagonal)
    darkness = smooth * sure * reach
    return np.asarray(darkness * _hanging_on(darkness > 0.01, glasses), np.float32)


def _backdrop(tone: Floats, known: Bools) -> tuple[Floats, float]:
    """Fit a quadratic surface to the bright side of `tone` where `known`.

    Returns:
        The surface, float32 (h, w), and the spread of the tone about it.
    """
    height, width = tone.shape
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(xs), xs, ys, xs * xs, xs * ys, ys * ys], axis=-1)
    where = np.flatnonzero(known)
    where = where[:: max(1, len(where) // 40000)]
    basis, values = terms.reshape(-1, 6)[where].astype(np.float64), tone.ravel()[where]
    weight = np.ones(len(where))
    grain = 0.02
    for _ in range(15):
        root = np.sqrt(weight)
        fit = np.linalg.lstsq(basis * root[:, None], values * root, rcond=None)[0]
        rest = values - basis @ fit
        bright = rest[rest > 0]
        grain = float(np.clip(1.4826 * np.median(bright), 0.004, 0.1)) if len(bright) else 0.02
        weight = np.where(rest < 0, 1e-3 + np.exp(-((rest / (1.5 * grain)) ** 2)), 1.0)
        weight[rest > 4 * grain] = 0.05
    return np.asarray(terms @ fit.astype(np.float32), np.float32), grain


def _spread(values: Floats, known: Bools, sigma: float) -> Floats:
    """Blur what is known; the unknown takes the mean of what is known near it."""
    weight = known.astype(np.float32)
    result, total = np.zeros_like(values), np.zeros_like(values)
    for factor, trust in ((1.0, 1.0), (6.0, 1e-3)):
        result += trust * cv2.GaussianBlur(values * weight, (0, 0), factor * sigma)
        total += trust * cv2.GaussianBlur(weight, (0, 0), factor * sigma)
    return np.asarray(result / np.maximum(total, 1e-6), np.float32)


def _step(values: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _hanging_on(dark: Bools, glasses: Bools) -> Floats:
    """1 where darkness hangs together with the glasses."""
    together = cv2.dilate((dark | glasses).astype(np.uint8), np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(together)
    mine = np.unique(labels[glasses])
    return np.isin(labels, mine[mine > 0]).astype(np.float32)


_FLAT = 0.08
"""Height of the drawn shadow by that of the glasses."""
_LIFT = 0.18
"""Share of the glasses' height in which the shadow of what hangs above the ground fades."""
_CONTACT, _AMBIENT = (0.42, 0.007), (0.30, 0.035)
"""Darkness and blur (as a share of the glasses' width) of the two layers: where the glasses touch
the ground, and the light that they keep off around there."""


def soft(alpha: Floats) -> Floats:
    """Draw a shadow on the ground that glasses stand on.

    Args:
        alpha: float32 (H, W), the matte, upright on its canvas.

    Returns:
        Darkness, float32 (H, W).
    """
    darkness = np.zeros(alpha.shape, np.float32)
    rows, columns = window_of(alpha)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if not height:
        return darkness
    above = np.arange(height, 0, -1, dtype=np.float32) - 0.5
    standing = alpha[rows, columns] * np.exp(-above / (_LIFT * height))[:, None]
    # A wire is as dark as what is thick: the darkest of a column counts, not the mean.
    outline = standing.max(axis=0)
    flat = max(1, round(_FLAT * height))
    room = int(4 * _AMBIENT[1] * width) + 2
    top, bottom = max(0, rows.stop - flat - room), min(alpha.shape[0], rows.stop + room)
    left, right = max(0, columns.start - room), min(alpha.shape[1], columns.stop + room)
    part = np.zeros((bottom - top, right - left), np.float32)
    middle = rows.stop - top
    part[max(0, middle - flat // 2) : middle + (flat + 1) // 2, columns.start - left :][
        :, :width
    ] = outline
    drawn = sum(
        strength * cv2.GaussianBlur(part, (0, 0), max(0.5, blur * width))
        for strength, blur in (_CONTACT, _AMBIENT)
    )
    darkness[top:bottom, left:right] = drawn
    return darkness


def faded(darkness: Floats, share: float = 0.02) -> Floats:
    """Let a shadow run out before the border of the canvas, which must stay white.

    Args:
        darkness: float32 (H, W).
        share: width of the ramp by the shorter side.
    """
    ramps = []
    for length in darkness.shape:
        steps = np.arange(length, dtype=np.float32)
        away = np.minimum(steps, steps[::-1])
        ramps.append(_step(away, 1.0, 2.0 + share * min(darkness.shape)))
    return np.asarray(darkness * ramps[0][:, None] * ramps[1], np.float32)
