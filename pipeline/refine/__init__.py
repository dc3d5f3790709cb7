"""Mask to matte: holes, islands, gaps, outline, edge and edge colour. Pure functions of arrays.

Everything works on the window around the glasses; only the results have the photo's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.compose import window_of
from pipeline.errors import ValidationError
from pipeline.refine.edges import NONE, EdgeFinder, Working, edge_matte, enlarged, plain_matte
from pipeline.refine.foreground import estimate_foreground
from pipeline.refine.gaps import clear_remains, open_gaps
from pipeline.refine.holes import fill_lens_holes
from pipeline.refine.islands import drop_islands
from pipeline.types import Bools, Bytes, Floats

_ROOM = 40  # pixels around the mask where its true edge may lie

__all__ = ["EdgeFinder", "RefineSettings", "clean_mask", "refine"]


@dataclass(frozen=True, slots=True)
class RefineSettings:
    """How a mask becomes a matte.

    Attributes:
        fill_holes: fill holes within lenses; gaps stay open.
        drop_islands: drop small pieces apart from the glasses.
        open_gaps: open narrow gaps that the mask closed, and clear what an unsure edge left in
            them; needs an edge finder and a soft mask.
        smoothing: sigma along the outline, as a share of the glasses' diagonal; 0 for none.
        edge: sigma of the matte's edge in pixels where no edge finder tells it; a lens and a
            sensor leave about 0.7.
        fringe: pixels inside the outline whose colour may hold old background.
    """

    fill_holes: bool = True
    drop_islands: bool = True
    open_gaps: bool = True
    smoothing: float = 0.002
    edge: float = 0.7
    fringe: float = 2.0

    def __post_init__(self) -> None:
        for name, most in (("smoothing", 0.05), ("edge", 10.0), ("fringe", 20.0)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValidationError(f"refine.{name} must lie in [0, {most:g}], not {value}")


def refine(
    rgb: Bytes,
    mask: Bools,
    lens: Bools | None,
    box: NDArray[np.float32],
    settings: RefineSettings | None = None,
    soft: Bytes | None = None,
    finder: EdgeFinder | None = None,
) -> tuple[Floats, Bytes]:
    """Turn a mask into a matte with the colour of the glasses.

    With an edge finder the mask only says where to look for the edge; without one the matte is
    the mask with a smooth outline.

    Args:
        rgb: uint8 (H, W, 3), sRGB.
        mask: bool (H, W), the glasses.
        lens: bool (H, W), the lens areas where the model knows them, else None.
        box: (4,), x0 y0 x1 y1 in pixels, the detector's box of these glasses.
        settings: `RefineSettings()` by default.
        soft: uint8 (H, W), 255 times the model's probability of glasses, where it tells.
        finder: finds the edge along the mask's outline.

    Returns:
        alpha, float32 (H, W) in [0, 1], and foreground, uint8 (H, W, 3), zero outside the window.

    Raises:
        ValidationError: the sizes differ.
    """
    settings = settings or RefineSettings()
    size = rgb.shape[:2]
    for name, part in (("mask", mask), ("lens", lens), ("soft mask", soft)):
        if part is not None and part.shape != size:
            raise ValidationError(f"{name} {part.shape} does not fit the photo {size}")
    alpha = np.zeros(size, np.float32)
    foreground = np.zeros(rgb.shape, np.uint8)
    if not mask.any():
        return alpha, foreground
    window = window_of(mask, _ROOM + int(4 * max(settings.edge, settings.fringe)))
    inner = None if lens is None else lens[window]
    left, top = window[1].start, window[0].start
    place = np.asarray(box - np.array([left, top, left, top]), np.float32)
    clean = clean_mask(rgb[window], mask[window], inner, place, settings)
    diagonal = float(np.hypot(box[2] - box[0], box[3] - box[1]))
    sigma = settings.smoothing * diagonal
    if finder is None:
        matte = _soften(plain_matte(clean, sigma), settings.edge)
    else:
        guess = _guess(mask[window], clean, None if soft is None else soft[window], sigma)
        work = Working.of(rgb[window], clean, guess, inner)
        gaps = settings.open_gaps and soft is not None
        if gaps:
            work = open_gaps(work, diagonal / work.factor)
        found = edge_matte(work, sigma / work.factor, finder, diagonal / work.factor)
        if gaps:
            found = clear_remains(work, found, diagonal / work.factor)
        matte = enlarged(found, clean.shape)
    alpha[window] = matte
    foreground[window] = estimate_foreground(rgb[window], matte, settings.fringe)
    return alpha, foreground


def _guess(mask: Bools, clean: Bools, soft: Bytes | None, sigma: float) -> Bytes:
    """Return the probability times 255; what cleaning changed is sure."""
    if soft is None:
        grey = clean.view(np.uint8) * np.uint8(255)
        return np.asarray(cv2.GaussianBlur(grey, (0, 0), max(1.0, sigma / 2)), np.uint8)
    return np.where(mask == clean, soft, clean.view(np.uint8) * np.uint8(255))


def clean_mask(
    rgb: Bytes,
    mask: Bools,
    lens: Bools | None,
    box: NDArray[np.float32],
    settings: RefineSettings | None = None,
) -> Bools:
    """Return the mask, bool (H, W), without islands and with its lenses filled.

    Args:
        rgb, mask, lens, box, settings: as for `refine`.
    """
    settings = settings or RefineSettings()
    if settings.drop_islands:
        x0, y0, x1, y1 = (float(value) for value in box)
        mask = drop_islands(mask, (x0, y0, x1, y1), rgb)
    if settings.fill_holes:
        mask = fill_lens_holes(mask, lens, rgb)
    return np.ascontiguousarray(mask)


def _soften(alpha: Floats, sigma: float) -> Floats:
    if sigma <= 0:
        return alpha
    soft = cv2.GaussianBlur(alpha, (0, 0), sigma)
    return np.asarray(np.where(soft < NONE, np.float32(0), np.minimum(soft, 1)))
