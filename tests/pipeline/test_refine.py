"""Mask to matte: sizes, edge colour, photo edges, settings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.errors import ValidationError
from pipeline.refine import RefineSettings, refine
from pipeline.refine.foreground import estimate_foreground

PAPER, DARK = np.array([90, 200, 240]), np.array([40, 20, 30])
BOX = np.array([40, 30, 360, 130], np.float32)


def scene(size: tuple[int, int] = (160, 400), blur: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a photo of a dark shape with a thin temple, blurred as lenses do, and its mask."""
    mask = np.zeros(size, np.uint8)
    cv2.ellipse(mask, (100, 80), (60, 45), 0, 0, 360, 1, -1)
    cv2.line(mask, (150, 70), (355, 50), 1, 4)
    share = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), blur)[..., None]
    return np.rint(share * DARK + (1 - share) * PAPER).astype(np.uint8), mask.astype(bool)


def test_the_matte_covers_the_mask_and_nothing_far_from_it() -> None:
    rgb, mask = scene()
    alpha, foreground = refine(rgb, mask, None, BOX)
    assert alpha.shape == mask.shape
    assert alpha.dtype == np.float32
    assert foreground.shape == rgb.shape
    assert foreground.dtype == np.uint8
    union = np.count_nonzero((alpha > 0.5) | mask)
    assert np.count_nonzero((alpha > 0.5) & mask) / union > 0.98
    far = cv2.dilate(mask.view(np.uint8), np.ones((11, 11), np.uint8)) == 0
    assert (alpha[far] == 0).all()


@pytest.mark.parametrize("grow", [-1, 0, 1])
def test_no_old_background_stays_at_the_edge(grow: int) -> None:
    """Also where the mask is a pixel too wide or too narrow."""
    rgb, mask = scene()
    kernel = np.ones((3, 3), np.uint8)
    moved = {-1: cv2.erode, 0: lambda m, _: m, 1: cv2.dilate}[grow](mask.view(np.uint8), kernel)
    alpha, foreground = refine(rgb, np.asarray(moved, np.uint8).astype(bool), None, BOX)
    seen = alpha > 0.1
    off = np.abs(foreground[seen] - DARK).max(axis=1)
    assert np.percentile(off, 95) <= 45  # the paper is 210 away
    before = np.abs(rgb[seen] - DARK).max(axis=1)
    assert off.mean() < 0.35 * before.mean()


def test_colours_away_from_the_edge_are_the_photos_own() -> None:
    rgb, mask = scene()
    rng = np.random.default_rng(0)
    rgb = np.clip(rgb + rng.integers(-9, 9, rgb.shape), 0, 255).astype(np.uint8)
    result = estimate_foreground(rgb, mask.astype(np.float32), 2.0)
    deep = cv2.erode(mask.view(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert deep.any()
    assert np.array_equal(result[deep], rgb[deep])


def test_alike_colours_are_left_alone() -> None:
    """White on white: there is no telling, and no need."""
    rgb, mask = scene()
    flat = np.full_like(rgb, 240)
    result = estimate_foreground(flat, mask.astype(np.float32), 2.0)
    assert np.abs(result[mask] - 240.0).max() <= 1


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_glasses_cut_off_by_the_photo_reach_its_edge(side: str) -> None:
    mask = np.zeros((90, 120), bool)
    part = {
        "left": np.s_[30:60, :50],
        "right": np.s_[30:60, 70:],
        "top": np.s_[:40, 30:90],
        "bottom": np.s_[50:, 30:90],
    }[side]
    mask[part] = True
    rgb = np.where(mask[..., None], 30, 220).repeat(3, axis=2).astype(np.uint8)
    alpha, _ = refine(rgb, mask, None, np.array([0, 0, 120, 90], np.float32))
    edge = {"left": alpha[45, 0], "right": alpha[45, -1], "top": alpha[0, 60]}
    assert edge.get(side, alpha[-1, 60]) > 0.9


def test_an_empty_mask_gives_an_empty_matte() -> None:
    rgb, mask = scene()
    alpha, _ = refine(rgb, mask & False, None, BOX)
    assert not alpha.any()


def test_the_lens_map_and_the_settings_are_used() -> None:
    mask = np.zeros((160, 400), bool)
    mask[30:130, 40:360] = True
    hole = np.zeros_like(mask)
    hole[60:100, 100:180] = True
    island = np.zeros_like(mask)
    island[5:9, 5:9] = True
    rgb = np.where((mask & ~hole)[..., None], 30, 220).repeat(3, axis=2).astype(np.uint8)
    given = (mask & ~hole) | island
    clean, _ = refine(rgb, given, hole, BOX)
    assert clean[80, 140] == 1
    assert clean[7, 7] == 0
    raw, _ = refine(rgb, given, hole, BOX, RefineSettings(fill_holes=False, drop_islands=False))
    assert raw[80, 140] == 0
    assert raw[7, 7] > 0.5


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_impossible_settings_are_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="smoothing"):
        RefineSettings(smoothing=value)


def test_sizes_must_agree() -> None:
    rgb, mask = scene()
    with pytest.raises(ValidationError, match="does not fit"):
        refine(rgb, mask[1:], None, BOX)
    with pytest.raises(ValidationError, match="does not fit"):
        refine(rgb, mask, mask[1:], BOX)
