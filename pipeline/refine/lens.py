"""Lenses on white: what is seen through them becomes white, what is on them stays.

Observed is what the backdrop sends through the lens, plus what the lens reflects. With the
backdrop known from around the glasses and through their gaps, and the share that the lens lets
through, its light is exchanged for that of white. Prints, and the temple behind the lens, are not
of the backdrop: they are told from it by their colour, and stay as photographed.

The fields are found at a reduced size and applied at the photo's own, one window around the lenses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.compose import window_of
from pipeline.errors import ValidationError
from pipeline.refine.backdrop import (
    Backdrop,
    Palette,
    fill,
    find_backdrop,
    length,
    masked_blur,
)
from pipeline.refine.light import to_levels, to_light
from pipeline.refine.transmission import (
    LensKind,
    Through,
    Transmission,
    find_transmission,
    see_through,
)
from pipeline.types import Bools, Bytes, Floats

LensMode = Literal["keep", "clear", "auto"]
Window = tuple[slice, slice]

_SIDE = 640  # longer side of the reduced picture, in pixels
_AROUND = 0.12  # of the glasses' longer side: backdrop to look at around them
_LEAST = 60  # pixels of lens in the reduced picture
_SOFT = 0.02  # of the diagonal: where no edge is so near, nothing stands before the backdrop
_EDGE = 6.0  # levels a pixel: less is a shadow or a reflection
_SHARP = 12.0  # levels a pixel: more is a thing, or texture where the backdrop has such
_LITTLE = 0.02  # trust in the palette at sharp edges of which the backdrop has none
_CALM = 1.5  # steepness of the decision, in log-odds
_MOST = 6.0  # log-odds that one pixel can have
_BORDER = 2  # reduced pixels that a lens map may fall short of the rim
# Of a sure estimate:
_FAMILIAR = 0.9  # least share of what is seen in the lenses that is seen around the glasses, too
_BRIGHTNESS = 0.6, 1.3  # light in the lenses over the backdrop's
_GRAIN = 6.0  # most grain of the backdrop, in levels
_COVERED = 0.3  # most of the lenses that is covered by prints, temples and the like
_WHITE_LEVELS = 240.0, 252.0  # least channel of a backdrop from which lenses stay more and more
_WHITE = 0.8  # light of a backdrop that is as good as white


@dataclass(frozen=True, slots=True, eq=False)
class LensFinish:
    """What became of a pair's lenses.

    Attributes:
        kind: None where there is no lens to judge.
        window: rows and columns that `colours` are for; None where the lenses stay as they are.
        colours: uint8 (h, w, 3), the new foreground of the window.
        doubts: why the estimate is not sure; empty where it is.
    """

    kind: LensKind | None
    window: Window | None = None
    colours: Bytes | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """The reduced picture around the glasses."""

    window: Window
    image: Floats
    lens: Bools
    glasses: Bools
    frame: Bools

    @property
    def diagonal(self) -> float:
        rows, columns = (np.flatnonzero(self.glasses.any(axis=axis)) for axis in (1, 0))
        return float(np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1))

    @property
    def width(self) -> float:
        """Of one of two lenses."""
        return float(np.sqrt(np.count_nonzero(self.lens) / 2))


def finish_lenses(
    rgb: Bytes, foreground: Bytes, lens: Bools, glasses: Bools, mode: LensMode = "clear"
) -> LensFinish:
    """Clear the lenses of one pair of glasses, or say why not.

    Dark and mirrored lenses, and all on white, are left alone. With `mode` "auto", so are those of
    which the estimate is not sure.

    Args:
        rgb: uint8 (H, W, 3), sRGB, the photo.
        foreground: uint8 (H, W, 3), the colour of the glasses by `refine`.
        lens: bool (H, W), this pair's lenses.
        glasses: bool (H, W), all glasses in the photo, lenses included.
        mode: "keep" leaves everything as it is.

    Raises:
        ValidationError: the sizes differ.
    """
    size = rgb.shape[:2]
    if foreground.shape != rgb.shape or lens.shape != size or glasses.shape != size:
        raise ValidationError(
            f"foreground {foreground.shape}, lens {lens.shape} or glasses {glasses.shape} "
            f"do not fit the photo {size}"
        )
    look = None if mode == "keep" else _look(rgb, lens, glasses)
    if look is None:
        return LensFinish(None)
    backdrop = find_backdrop(look.image, look.glasses, look.lens, look.diagonal)
    if backdrop is None:
        return LensFinish(None, doubts=("no backdrop is seen around the glasses",))
    through = see_through(look.image, look.lens, look.width, backdrop.grain)
    light = find_transmission(look.image, look.lens, through, backdrop, look.width)
    plain = float(np.median(look.image[backdrop.near].min(axis=1)))
    if light.kind in ("dark", "mirrored") or plain >= _WHITE_LEVELS[1]:
        return LensFinish(light.kind)
    solid = _solid(look, through, light, backdrop)
    doubts = tuple(_doubts(look, light, backdrop, solid))
    if doubts and mode == "auto":
        return LensFinish(light.kind, doubts=doubts)
    window, colours = _apply(foreground, lens, glasses, look, through, light, backdrop, solid)
    return LensFinish(light.kind, window, colours, doubts)


def _look(rgb: Bytes, lens: Bools, glasses: Bools) -> _Look | None:
    if not lens.any():
        return None
    glasses = glasses | lens
    tight = window_of(glasses)
    longer = max(part.stop - part.start for part in tight)
    window = window_of(glasses, round(_AROUND * longer))
    height, width = (part.stop - part.start for part in window)
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def reduced(part: Bytes) -> Floats:
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)

    inside, cover = (reduced(part[window].view(np.uint8) * 255) for part in (lens, glasses))
    look = _Look(
        window, reduced(rgb[window]), inside > 242, cover > 2, (cover > 250) & (inside < 5)
    )
    return look if np.count_nonzero(look.lens) >= _LEAST else None


def _solid(look: _Look, through: Through, light: Transmission, backdrop: Backdrop) -> Floats:
    """The share of each pixel that lies on the lens or behind it: float32 (H, W) in [0, 1].

    Odds of two mixtures: the backdrop's, of the field in the lens and the palette around the
    glasses; and the glasses', of the frame's palette and every colour. What has no edge nearby is
    a shadow or a reflection; sharp edges are the backdrop's where it has such around the glasses.
    """
    cells = np.float32(32**3)
    frame = cv2.erode(look.frame.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
    image, off = look.image, length(look.image - through.field)
    sigma = through.tolerance
    normal = 8**3 / ((2 * np.pi) ** 1.5 * sigma**3) * np.exp(-0.5 * (off / sigma) ** 2)
    unveiled = image / (np.maximum(to_levels(light.passed), 8) / 255)
    edges, trust = _edges(look, backdrop)
    known = backdrop.palette.share(np.minimum(unveiled, 255)) * np.where(edges > _SHARP, trust, 1)
    worn = (Palette.of(image[frame]).share(image) + 1 / cells) / 2
    odds = np.log(worn + 1e-7) - np.log((normal + known) / 2 + 1e-7)
    odds = np.clip(np.where(edges < _EDGE, -_MOST, odds), -_MOST, _MOST).astype(np.float32)
    calm = cv2.GaussianBlur(odds, (0, 0), 0.8)
    return np.asarray(look.lens / (1 + np.exp(-_CALM * calm)), np.float32)


def _edges(look: _Look, backdrop: Backdrop) -> tuple[Floats, float]:
    """The steepest edge near each pixel of the lenses, in levels a pixel, and how far to trust
    the palette at sharp ones: as far as the backdrop itself has such edges."""
    steep = np.zeros(look.lens.shape, np.float32)
    for channel in range(3):
        plane = np.ascontiguousarray(look.image[..., channel])
        across, down = (cv2.Sobel(plane, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
        steep = np.maximum(steep, cv2.magnitude(across, down))
    reach = 2 * int(_SOFT * look.diagonal) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    inside, outside = (cv2.dilate(steep * part, disc) for part in (look.lens, backdrop.near))
    common = float(np.mean(outside[backdrop.near] > _SHARP))
    return np.asarray(inside, np.float32), float(np.clip((common - 0.15) / 0.3, _LITTLE, 1))


def _doubts(look: _Look, light: Transmission, backdrop: Backdrop, solid: Floats) -> Iterator[str]:
    """Why the estimate is not sure."""
    if light.kind == "tinted":
        # What passes shows on a white backdrop alone, whose light need not be exchanged.
        if to_light(backdrop.field[look.lens]).mean() < _WHITE:
            yield "a tint and a mirror look alike on this backdrop"
    elif light.familiar < _FAMILIAR:
        yield "what is seen through the lenses is not what is around the glasses"
    elif not _BRIGHTNESS[0] <= light.ratio[0] <= light.ratio[1] <= _BRIGHTNESS[1]:
        yield "the lenses are darker or brighter than the backdrop"
    if backdrop.grain > _GRAIN:
        yield "the backdrop is too uneven to be told from prints"
    if solid[look.lens].mean() > _COVERED:
        yield "too much of the lenses differs from the backdrop"


def _apply(
    foreground: Bytes,
    lens: Bools,
    glasses: Bools,
    look: _Look,
    through: Through,
    light: Transmission,
    backdrop: Backdrop,
    solid: Floats,
) -> tuple[Window, Bytes]:
    """Bring the reduced fields to the foreground at full size; the window and its new colours."""
    scale = (look.window[0].stop - look.window[0].start) / look.image.shape[0]
    border = max(1, round(_BORDER * scale))
    window = window_of(lens, border + 2)
    part = np.asarray(foreground[window], np.float32)
    inside = look.lens.astype(np.float32)
    zoom = _Zoom(look, window)
    white = zoom(fill(light.on_white, inside))
    kept = _sharpened(part, zoom, through, solid, fill(through.field, inside))
    share = _cover(lens[window], glasses[window], border) * (1 - kept)
    # White already: the photo itself is the truth.
    least, enough = _WHITE_LEVELS
    share *= zoom(np.clip((enough - backdrop.field.min(axis=2)) / (enough - least), 0, 1))
    part += share[..., None] * (np.clip(white, 0, 255) - part)
    return window, np.asarray(cv2.convertScaleAbs(part), np.uint8)


def _cover(lens: Bools, glasses: Bools, border: int) -> Floats:
    """The lens map up to the rim, which a map may fall short of, with a soft edge."""
    size = 2 * border + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    wide = cv2.dilate(lens.view(np.uint8), disc) & glasses.view(np.uint8)
    return np.asarray(cv2.GaussianBlur(wide.astype(np.float32), (0, 0), 0.8), np.float32)


def _sharpened(part: Floats, zoom: _Zoom, through: Through, solid: Floats, field: Floats) -> Floats:
    """`solid` at full size, with the photo's own edges.

    Near what stands out, the share of it is how far a pixel is from the field in the lens, by how
    far the thing is around there. Beyond the lens map the rim stands out.
    """
    look = zoom.look
    rim = ~cv2.erode(look.lens.view(np.uint8), np.ones((2 * _BORDER + 1,) * 2)).view(np.bool_)
    thing = np.where(look.lens, solid**2, look.glasses).astype(np.float32)
    off = length(look.image - field)
    far, found = masked_blur(np.dstack([off] * 3), thing, 2.0)
    # Single pixels of the photo are noisier than those of the reduced picture.
    calm = cv2.GaussianBlur(part, (0, 0), 1.0)
    sample = slice(None, None, 3), slice(None, None, 3)
    noise = 1.48 * float(np.median(np.abs(part[sample] - calm[sample]))) * 3**0.5
    reach = np.maximum(np.where(found > 0.02, far[..., 0], 0), 3 * max(through.tolerance, noise))
    step = length(calm - zoom(field)) / zoom(reach)
    gate = np.maximum(cv2.dilate(solid, np.ones((3, 3), np.uint8)), rim)
    whole = cv2.erode(np.where(rim, 0, solid), np.ones((3, 3), np.uint8))
    near = np.clip(step * 1.6 - 0.3, 0, 1)
    return np.asarray(np.maximum(np.minimum(near, zoom(gate)), zoom(whole)), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Zoom:
    """Enlarges fields of the reduced picture to a window of the photo."""

    look: _Look
    window: Window

    def __call__(self, field: NDArray[Any]) -> Floats:
        scale, start = [], []
        for axis in (1, 0):
            own, whole = self.window[axis], self.look.window[axis]
            scale.append(self.look.image.shape[axis] / (whole.stop - whole.start))
            start.append((own.start - whole.start + 0.5) * scale[-1] - 0.5)
        to_field = np.array([[scale[0], 0, start[0]], [0, scale[1], start[1]]])
        rows, columns = (part.stop - part.start for part in self.window)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        large = cv2.warpAffine(
            field, to_field, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(large, np.float32)
