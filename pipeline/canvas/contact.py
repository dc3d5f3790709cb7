"""The photo's own shadow, freed of the ground that it fell on."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.canvas.shadow import Darkness, step
from pipeline.compose import window_of
from pipeline.types import Bools, Bytes, Floats

_WORK = 640
"""Longest side of the reduced window in which the shadow is looked for, in pixels."""
_AROUND = 0.3
"""How far around the glasses the ground is looked at, as a share of their diagonal ..."""
_FAR, _FAR_ABOVE = 0.2, 0.04
"""... and how far from them their shadow has faded out, below and above them."""
_VALLEY = 0.07
"""Radius, as a share of the diagonal, of the disc that a shadow does not hold. Wider darkness is
the ground's own: the far end of a table, the side of a turntable, a corner that light falls off to.
"""
_DISC = 14
"""Pixels to which that radius is reduced: the ground is smooth, and large discs are slow."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def natural(photo: Bytes, alpha: Floats) -> Darkness | None:
    """Find the shadow that the glasses cast in the photo.

    A shadow is a valley of brightness, at least on its far side. A morphological closing of the
    brightness around the glasses fills valleys and leaves slopes and steps (the black top-hat of
    F. Meyer, 1979); the glasses themselves count as bright. The shadow is the share by which the
    photo is darker than the closing and than its own grain, where that hangs together with the
    glasses and is close to them.

    Args:
        photo: uint8 (H, W, 3), sRGB.
        alpha: float32 (H, W), the matte.

    Returns:
        The shadow, or None where there are no glasses or no ground to see.
    """
    rows, columns = window_of(alpha)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if not height:
        return None
    diagonal = float(np.hypot(height, width))
    room = int(_AROUND * diagonal) + 1
    rows = slice(max(0, rows.start - room), min(alpha.shape[0], rows.stop + room))
    columns = slice(max(0, columns.start - room), min(alpha.shape[1], columns.stop + room))
    shape = rows.stop - rows.start, columns.stop - columns.start
    shrink = min(1.0, _WORK / max(shape))
    size = max(1, round(shape[1] * shrink)), max(1, round(shape[0] * shrink))
    luma = _shrunk(photo[rows, columns], size) @ _LUMA
    cover = _shrunk(alpha[rows, columns], size)
    darkness = _darkness(luma, cover, diagonal * shrink)
    if darkness is None:
        return None
    large = cv2.resize(darkness, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return Darkness(np.asarray(large, np.float32), (columns.start, rows.start))


def _shrunk(part: Bytes | Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)


def _darkness(luma: Floats, cover: Floats, diagonal: float) -> Floats | None:
    """The shadow in a reduced window, float32 (h, w)."""
    glasses = cover > 0.02
    # Two pixels further out the ground is free of the glasses' edge and its halo of sharpening.
    ground = cv2.dilate(glasses.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    if not glasses.any() or np.count_nonzero(ground) < 100:
        return None
    tone = _spread(luma, ground, max(0.7, 0.003 * diagonal))
    bright = _closed(tone, ground, _VALLEY * diagonal)
    share: Floats = np.clip(1 - tone / np.maximum(bright, np.float32(1)), 0, 1).astype(np.float32)
    grain = max(0.008, float(np.median(share[ground])))
    share *= step(share, 1.5 * grain, 4 * grain)
    # Under the glasses, too, so that the shadow goes on behind half-transparent edges.
    share = _spread(share, ground, max(0.7, 0.0015 * diagonal)) * _near(glasses, diagonal)
    return share * _hanging_on(share > 0.01, glasses)


def _closed(tone: Floats, ground: Bools, radius: float) -> Floats:
    """The brightness of the ground with its valleys filled."""
    shrink = min(1.0, _DISC / radius)
    size = max(1, round(tone.shape[1] * shrink)), max(1, round(tone.shape[0] * shrink))
    most = float(tone[ground].max())
    filled = cv2.resize(tone, size, interpolation=cv2.INTER_AREA)
    unseen = cv2.resize((~ground).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    filled[unseen] = 2 * most
    reach = max(1, round(radius * shrink))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    closed = np.asarray(cv2.morphologyEx(filled, cv2.MORPH_CLOSE, disc), np.float32)
    # In narrow gaps every disc meets the glasses, so that nothing tells how bright the ground is.
    told = closed <= most
    if not told.any():
        return tone
    smooth = _spread(closed, told, reach / 2)
    return np.asarray(cv2.resize(smooth, tone.shape[::-1]), np.float32)


def _near(glasses: Bools, diagonal: float) -> Floats:
    """1 at the glasses, 0 far from them: sooner above their outline, as light comes from above."""
    away = cv2.distanceTransform((~glasses).astype(np.uint8), cv2.DIST_L2, 5)
    columns = np.flatnonzero(glasses.any(axis=0))
    top = np.interp(np.arange(glasses.shape[1]), columns, glasses[:, columns].argmax(axis=0))
    above = top - np.arange(len(glasses))[:, None]
    far = np.where(above > 0, _FAR_ABOVE, _FAR).astype(np.float32)
    far = cv2.blur(far, (2 * round(0.5 * _FAR_ABOVE * diagonal) + 1,) * 2) * diagonal
    return 1 - step(np.asarray(away / far, np.float32), 0.3, 1.0)


def _spread(values: Floats, known: Bools, sigma: float) -> Floats:
    """Blur what is known; the unknown takes the mean of what is known near it."""
    weight = known.astype(np.float32)
    both = np.dstack([values * weight, weight])
    near = cv2.GaussianBlur(both, (0, 0), sigma)
    for factor, trust in ((6, 1e-3), (30, 1e-6)):
        reach = 2 * round(factor * sigma) + 1
        near = cv2.addWeighted(near, 1.0, cv2.blur(both, (reach, reach)), trust, 0.0)
    return np.asarray(near[..., 0] / np.maximum(near[..., 1], 1e-12), np.float32)


def _hanging_on(dark: Bools, glasses: Bools) -> Floats:
    """1 where darkness hangs together with the glasses."""
    together = cv2.dilate((dark | glasses).astype(np.uint8), np.ones((5, 5), np.uint8))
    _, labels = cv2.connectedComponents(together)
    mine = np.unique(labels[glasses])
    return np.isin(labels, mine).astype(np.float32)
