"""Training samples of the edge network: pieces of strips along the segmenter's own outlines.

The outlines must be as good and as bad as in use, so the compact segmenter cuts out every pair of
rendered glasses, at grids of several widths, and its masks are cleaned as `pipeline.refine` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ValidationError
from pipeline.refine import clean_mask
from pipeline.refine.contour import outlines, smooth
from pipeline.refine.strips import OFFSETS, OVERLAP, unroll
from pipeline.segmenter.crop import extract, paste, paste_soft, window_around
from pipeline.segmenter.predictor import CompactModel
from pipeline.segmenter.prompting import Truth
from pipeline.segmenter.samples import list_scenes, read_scene, thin_parts
from pipeline.segmenter.windowed import CropPrompt

PIECE = 96
"""Rows of a sample."""
COLOURS, GUESS, ALPHA, OWN, THIN = slice(0, 3), 3, 4, 5, 6
"""Planes of a sample: sRGB, the segmenter's guess, the true alpha, 255 where no other outline is
nearer than the sample's own, and 255 in the thin parts of the glasses."""
_CELLS = (1.3, 2.6)  # photo pixels to a pixel of the segmenter's grid
_SIGMAS = (0.001, 0.003)  # of the outline's smoothing, as shares of the glasses' diagonal
_STEP = 64
_LEAST_AREA = 2000
_LEAST_IOU = 0.4  # worse masks have no edges to learn from
_SLACK = 1.6  # pixels by which two outlines may be equally near


def all_samples(
    roots: Sequence[Path], model: CompactModel, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """All of `edge_samples` in one array.

    Raises:
        ValidationError: there is none.
    """
    found = list(edge_samples(roots, model, rng))
    if not found:
        names = ", ".join(map(str, roots))
        raise ValidationError(
            f"{names}: no pair of glasses that the segmenter cuts out well enough"
        )
    return np.concatenate(found)


def edge_samples(
    roots: Sequence[Path], model: CompactModel, rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 (N, PIECE, WIDTH, 7) for each pair of glasses in rendered scenes.

    Raises:
        ValidationError: a folder holds no scenes.
    """
    for root in roots:
        scenes = list_scenes(root)
        if not scenes:
            raise ValidationError(f"{root} holds no scenes; make some with scripts/make_dataset.py")
        for scene in scenes:
            rgb, masks = read_scene(scene)
            cover = [Truth(m[..., 0], m[..., 1]).glasses for m in masks]
            union = np.minimum(np.sum(cover, axis=0, dtype=np.int32), 255) if cover else None
            for one in cover:
                if np.count_nonzero(one > 127) >= _LEAST_AREA:
                    alpha = np.asarray(union, np.uint8)
                    yield from _of_pair(np.asarray(rgb, np.uint8), one > 127, alpha, model, rng)


def _of_pair(
    rgb: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    alpha: NDArray[np.uint8],
    model: CompactModel,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.uint8]]:
    x, y, w, h = cv2.boundingRect(truth.view(np.uint8))
    box = np.array([x, y, x + w, y + h], np.float32)
    box += rng.normal(0, 0.01 * w, 4).astype(np.float32)
    window = window_around(box, truth.shape)
    side = round(window.side / rng.uniform(*_CELLS) / _STEP) * _STEP
    side = int(np.clip(side, 4 * _STEP, model.largest))
    none = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
    within = window.to_window(box.reshape(2, 2), side).reshape(4)
    answer = model.answer(extract(rgb, window, side), CropPrompt(within, *none, None))
    mask = paste(answer.glasses, window, truth.shape)
    union = np.count_nonzero(mask | truth)
    if np.count_nonzero(mask & truth) < _LEAST_IOU * union:
        return
    soft = paste_soft(answer.glasses, window, truth.shape)
    lens = None if answer.lens is None else paste(answer.lens, window, truth.shape) & mask
    clean = clean_mask(rgb, mask, lens, box)
    guess = np.where(mask == clean, soft, clean.view(np.uint8) * np.uint8(255))
    sigma = rng.uniform(*_SIGMAS) * float(np.hypot(w, h))
    strips = unroll([smooth(outline, sigma) for outline in outlines(clean)])
    if strips is None:
        return
    nearest = strips.read(_distances(clean)).astype(np.float32) / 8
    own = (nearest > np.abs(OFFSETS) - _SLACK).astype(np.uint8) * np.uint8(255)
    thin = np.asarray(255 * thin_parts(truth.view(np.uint8), float(np.hypot(w, h))), np.uint8)
    planes = np.dstack(
        [*(strips.read(part) for part in (rgb, guess, alpha)), own, strips.read(thin)]
    )
    starts = range(0, len(planes) - PIECE + 1, PIECE - 2 * OVERLAP)
    if starts:
        yield np.stack([planes[start : start + PIECE] for start in starts])


def _distances(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Distance from the nearest outline, in eighths of a pixel."""
    both = sum(cv2.distanceTransform(part.view(np.uint8), cv2.DIST_L2, 5) for part in (mask, ~mask))
    return np.clip((np.asarray(both) - 0.5) * 8, 0, 255).astype(np.uint8)
