"""How much light lenses let through, and of which kind they are, by what is seen in them.

Seen in a lens is the backdrop, times what the lens lets through, plus what it reflects. Over an
even backdrop none of the three can be told from the others: a tinted lens on grey looks like a
clear one on a tinted ground. So the likely comes first. Where most of what is seen in the lenses
occurs around the glasses as well, the lenses are clear; else their tint is the ratio of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.compose import window_of
from pipeline.refine.backdrop import Backdrop, length, masked_blur
from pipeline.refine.light import to_levels, to_light
from pipeline.types import Bools, Floats

LensKind = Literal["clear", "tinted", "dark", "mirrored"]

_USUAL = 0.97  # of the light passes a clear lens: two surfaces, a coating, a trace of colour
_USUAL_SPREAD = 0.05  # of its logarithm, between lenses
_LOST = 0.97  # of the levels are left by a clear lens: what to look up in the palette
_KNOWN = 2e-5  # share of a palette's cell from which its colour counts as seen
_FAMILIAR = 0.65  # share of a lens seen around the glasses, too, from which it is clear
_DIM = 0.5  # of the light, most channel: less is not clear whatever the palette says
_PALE = 0.7  # of the light, least channel: clear whatever the palette says
_DARKEST = 1e-3  # light below which ratios mean nothing
_DARK = 0.4  # most light that a dark lens lets through anywhere
_MORE = 1.3  # times the backdrop's light: only a mirror shows that
_GRADED = 0.45, 0.85  # spread of the logarithm, and most of the least channel, of graded lenses
_EVEN = 3.0, 0.04  # grain and spread of the logarithm of an even backdrop
_COARSE = 5.0, 0.4  # grain that must shine through a lens, and how much of it at least
_NARROW = 0.15  # of the logarithm: how far light may be off and still count
_STEPS = (6.0, 4.0, 2.0, 2.0, 1.5, 1.5)  # how far from the field a pixel may lie, in tolerances
_PAPER = 0.98  # light of white paper in a photo that is not overexposed
_SAMPLE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Through:
    """What is seen through a pair of lenses.

    Attributes:
        field: float32 (H, W, 3), sRGB levels in the lenses without what lies on and behind them.
        weight: float32 (H, W) in [0, 1], how surely a pixel is the backdrop's; 0 off the lenses.
        tolerance: levels by which the backdrop's pixels may differ from `field`.
    """

    field: Floats
    weight: Floats
    tolerance: float


@dataclass(frozen=True, slots=True, eq=False)
class Transmission:
    """What a pair of lenses does to light.

    Attributes:
        kind: by which it is cleared or left alone.
        passed: float32 (H, W, 3), the share of light that passes.
        on_white: float32 (H, W, 3), sRGB levels that the lenses show on white, reflections
            included, what lies on and behind them not.
        ratio: light in the lenses over the backdrop's, least and most of the three channels.
        familiar: share of what is seen in the lenses that is seen around the glasses, too.
    """

    kind: LensKind
    passed: Floats
    on_white: Floats
    ratio: tuple[float, float]
    familiar: float


def see_through(image: Floats, lens: Bools, width: float, grain: float) -> Through:
    """Separate what is seen through the lenses from what stands out in them.

    A wide average of the lens, from which pixels that stand out are left out step by step
    (iteratively reweighted, as M-estimators are).

    Args:
        image: float32 (H, W, 3), sRGB levels.
        lens: bool (H, W).
        width: of one lens, in pixels.
        grain: of the backdrop, in levels.
    """
    tolerance = max(6.0, 2.5 * grain)
    field, weight = np.zeros_like(image), np.zeros(lens.shape, np.float32)
    sigma = 0.08 * width
    window = window_of(lens, int(4 * sigma) + 2)
    part, inside = image[window], lens[window].astype(np.float32)
    sure = inside
    for step in _STEPS:
        smooth, _ = masked_blur(part, sure, sigma)
        off = length(part - smooth) / (step * tolerance)
        sure = np.asarray(inside / (1 + np.square(np.square(off))), np.float32)
    field[window], weight[window] = smooth, sure
    return Through(field, weight, tolerance)


def find_transmission(
    image: Floats, lens: Bools, through: Through, backdrop: Backdrop, width: float
) -> Transmission:
    """Estimate what the lenses do to light; arguments as of `see_through`."""
    sure = lens & (through.weight > 0.3)
    if np.count_nonzero(sure) < 20:
        sure = lens
    light, behind = to_light(through.field), to_light(backdrop.field)
    ratios = np.log(_floored(light[sure]) / _floored(behind[sure]))
    middle = np.exp(np.median(ratios, axis=0))
    familiar = float(np.mean(backdrop.palette.share(image[sure] / _LOST) > _KNOWN))
    low, high = np.percentile(ratios.mean(axis=1), (10, 90))
    uneven = float(np.log(_floored(behind[sure])).std(axis=0).mean())
    even = backdrop.grain < _EVEN[0] and uneven < _EVEN[1]
    graded = even and high - low > _GRADED[0] and middle.min() < _GRADED[1]
    likely = familiar > _FAMILIAR and middle.max() > _DIM
    if (likely or middle.min() > _PALE) and not graded:
        kind: LensKind = "clear"
        passed = np.broadcast_to(_clear(ratios, uneven), image.shape)
    else:
        kind = _coloured(image, lens, through, backdrop.grain, ratios)
        share = np.asarray(light / np.maximum(behind, _DARKEST), np.float32)
        passed = np.clip(masked_blur(share, through.weight, 0.08 * width)[0], 0, 1)
    return Transmission(
        kind,
        np.asarray(passed, np.float32),
        _on_white(image, through, passed, behind, backdrop.grain, kind),
        (float(middle.min()), float(middle.max())),
        familiar,
    )


def _clear(ratios: Floats, uneven: float) -> Floats:
    """The light that a clear lens lets through, (3,): the usual, moved towards what is seen.

    The nearest mode of the ratios to the usual counts, not their middle: shadows and other
    parts of an uneven backdrop are not where they are thought to be.
    """
    ratios = ratios[:: max(1, len(ratios) // _SAMPLE)]
    mode = np.full(3, np.log(0.93), np.float32)
    for _ in range(12):
        weight = 1 / (1 + ((ratios - mode) / _NARROW) ** 4)
        mode = (weight * ratios).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-6)
    doubt = _USUAL_SPREAD + 0.5 * float(1 - weight.mean()) + 0.3 * uneven
    trust = _USUAL_SPREAD**2 / (_USUAL_SPREAD**2 + doubt**2)
    return np.asarray(np.exp(np.log(_USUAL) * (1 - trust) + np.minimum(mode, 0) * trust))


def _coloured(
    image: Floats, lens: Bools, through: Through, grain: float, ratios: Floats
) -> LensKind:
    """Tell tinted lenses from those that let too little through to be cleared."""
    middle = np.exp(np.median(ratios, axis=0))
    if np.exp(np.percentile(ratios, 90, axis=0)).max() < _DARK:
        return "dark"
    texture = 1.48 * float(np.median(length(image - through.field)[lens]))
    expected = grain * float(to_levels(middle.mean())) / 255
    hidden = grain > _COARSE[0] and texture < _COARSE[1] * expected
    return "mirrored" if middle.max() > _MORE or hidden else "tinted"


def _on_white(
    image: Floats, through: Through, passed: Floats, behind: Floats, grain: float, kind: LensKind
) -> Floats:
    """sRGB levels of the lenses over white: what passes of white, and what they reflect."""
    even = np.clip(1.5 - grain / 6, 0, 1)
    if kind != "clear":
        return np.asarray(to_levels(passed) + even * (image - through.field), np.float32)
    reflected = np.maximum(to_light(through.field) - behind * passed, 0) * even
    return to_levels(np.asarray(_PAPER * passed + reflected, np.float32))


def _floored(light: Floats) -> Floats:
    return np.maximum(light, 3 * _DARKEST)
