"""Gaps that the mask closed, and what is left of them: colour and the network's doubt decide.

A gap narrower than a few cells of the mask's grid closes: the sliver between two temples seen from
the side. It is opened where all of this holds: the network is not sure of glasses; the photo has
the background's colour there and not that of the glasses beside it; the place is no wider than
what a grid can close, for a wide place of the background's colour is a clear lens; and it borders
on open background, of which a speck is none. The edge is looked for afterwards, so what was opened
wrongly may close again.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.refine.edges import Working
from pipeline.refine.islands import touched
from pipeline.types import Bools, Floats

_SURE = 0.98 * 255
_NEAR = 0.025  # of the diagonal: how far around colours count as those beside
_NARROW = 0.005  # of the diagonal: half the width of the widest gap that a grid closes
_SPREADS = 3.0  # standard deviations within which a colour is still the background's
_LEAST, _MOST = 12.0, 40.0  # bounds of that, in levels
_CONTRAST = 40.0  # levels between glasses and background below which colours say nothing
_TOWARDS = 0.35  # of the way from the background to the glasses
_CERTAIN = 0.95  # alpha from which on the colour has no say
_SLACK = 1.5  # how many times more glasses than the colour shows may be believed
_EDGE = 4.0  # pixels from certain glasses within which alpha may fall as at any edge
_GRAIN = 3  # pixels; what is narrower is no remains
_DOUBTED = 64  # what is left of the guess where a gap is opened
_FILM = 0.0025  # of the diagonal: thinner remains of the mask beside a gap are its edge
_COARSE = 4  # the colours around are taken at this scale


def open_gaps(work: Working, diagonal: float) -> Working:
    """Open the narrow gaps that the mask closed.

    Args:
        work: the window around the glasses.
        diagonal: of the glasses' box, in pixels of `work`.

    Returns:
        The window with the gaps open in its mask and doubted in its guess.
    """
    mask = work.mask
    doubt = mask & (work.guess < _SURE)
    if work.lens is not None:
        doubt &= ~work.lens
    if not doubt.any():
        return work
    like = doubt & (_place(work, diagonal) < _TOWARDS)
    radius = max(2, round(_NARROW * diagonal))
    narrow = _narrow(np.asarray(like | ~mask), radius)
    opened = _joined(np.asarray(like & narrow), _open(np.asarray(~mask), radius**2))
    opened |= _films(np.asarray(mask & ~opened), opened, diagonal) & doubt
    guess = work.guess.copy()
    guess[opened] = np.minimum(guess[opened], _DOUBTED)
    return replace(work, mask=np.asarray(mask & ~opened), guess=guess)


def clear_remains(work: Working, alpha: Floats, diagonal: float) -> Floats:
    """Lower alpha where the edge was not sure and the photo shows no more than background.

    Args:
        work: the window around the glasses.
        alpha: float32 (h, w) in [0, 1], of the size of `work`.
        diagonal: of the glasses' box, in pixels of `work`.

    Returns:
        float32 (h, w), nowhere higher than `alpha`.
    """
    doubt = (alpha > 0) & (alpha < _CERTAIN)
    if work.lens is not None:
        doubt &= ~work.lens
    guess = np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8)
    place = _place(replace(work, mask=np.asarray(alpha >= 0.5), guess=guess), diagonal)
    away = cv2.distanceTransform((alpha < _CERTAIN).view(np.uint8), cv2.DIST_L2, 5)
    most = np.maximum(_SLACK * place, (_EDGE - away) / (_EDGE - 1)).astype(np.float32)
    # Specks and lines have the background's colour by chance: noise, or a reflection of it.
    most = np.asarray(cv2.morphologyEx(most, cv2.MORPH_CLOSE, np.ones((_GRAIN, _GRAIN), np.uint8)))
    return np.where(doubt, np.clip(most, 0, alpha), alpha)


def _place(work: Working, diagonal: float) -> Floats:
    """Say how far the colour is from that of the background near by to that of the glasses.

    Returns:
        float32 (h, w), from 0, background, on; infinite where the colour is not near enough to the
        background's to be a mixture with it, or both have one colour.
    """
    reach = max(3.0, _NEAR * diagonal)
    outside = cv2.erode((~work.mask).view(np.uint8), np.ones((5, 5), np.uint8)).view(np.bool_)
    image = work.rgb.astype(np.float32)
    planes = np.dstack([image, np.einsum("ijk,ijk->ij", image, image)])
    back, spread, seen = _around(planes, outside, reach)
    fore, _, sure = _around(planes, np.asarray(work.mask & (work.guess >= _SURE)), reach)
    contrast = fore - back
    apart = np.einsum("ijk,ijk->ij", contrast, contrast)
    away = image - back
    place = np.einsum("ijk,ijk->ij", away, contrast) / np.maximum(apart, 1)
    near = np.einsum("ijk,ijk->ij", away, away) <= np.clip(_SPREADS * spread, _LEAST, _MOST) ** 2
    told = seen & sure & near & (apart >= _CONTRAST**2)
    return np.where(told, np.maximum(place, 0), np.float32(np.inf)).astype(np.float32)


def _around(planes: Floats, where: Bools, reach: float) -> tuple[Floats, Floats, Bools]:
    """Return the mean colour (h, w, 3) of what is set in `where` near by, its spread (h, w), and
    whether there is any. `planes` are the colour and its square, (h, w, 4)."""
    size = tuple(-(-side // _COARSE) for side in where.shape[::-1])
    weight = where.astype(np.float32)
    kernel = (2 * round(reach / _COARSE) + 1,) * 2
    sums, total = (
        cv2.blur(cv2.resize(part, size, interpolation=cv2.INTER_AREA), kernel)
        for part in (planes * weight[..., None], weight)
    )
    sums, total = (cv2.resize(part, where.shape[::-1]) for part in (sums, total))
    means = sums / np.maximum(total, 1e-6)[..., None]
    mean = np.asarray(means[..., :3], np.float32)
    variance = means[..., 3] - np.einsum("ijk,ijk->ij", mean, mean)
    spread = np.asarray(np.sqrt(np.maximum(variance, 0)), np.float32)
    return mean, spread, np.asarray(total > 1e-3)


def _narrow(area: Bools, radius: int) -> Bools:
    """Return the part of `area` in which no disk of `radius` fits."""
    size = 2 * radius + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(area & (cv2.morphologyEx(area.view(np.uint8), cv2.MORPH_OPEN, disk) == 0))


def _films(rest: Bools, opened: Bools, diagonal: float) -> Bools:
    """Return the thin films that opening left of the mask between a gap and the background."""
    radius = round(_FILM * diagonal / 2)
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (4 * radius + 1, 4 * radius + 1))
    beside = cv2.dilate(opened.view(np.uint8), reach) > 0
    return np.asarray(_narrow(rest, radius) & beside)


def _open(background: Bools, least: int) -> Bools:
    """Return the pieces of background of at least so many pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        background.view(np.uint8), connectivity=4
    )
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(large[labels])


def _joined(wanted: Bools, background: Bools) -> Bools:
    """Return the pieces of `wanted` that border on background."""
    beside = cv2.dilate(background.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return touched(wanted, np.asarray(wanted & beside), connectivity=4)
