"""The outline becomes smooth, and thin parts keep their width."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.refine.contour import coverage, outlines, smooth


def refined(mask: np.ndarray, sigma: float) -> np.ndarray:
    return coverage([smooth(o, sigma) for o in outlines(mask)], mask.shape)


def disk(radius: float, size: int = 120) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size / 2 + 0.25
    return x**2 + y**2 < radius**2


@pytest.mark.parametrize("sigma", [0, 1, 4])
@pytest.mark.parametrize("radius", [3, 10, 50])
@pytest.mark.parametrize("hole", [False, True])
def test_discs_and_round_holes_keep_their_area(radius: float, sigma: float, hole: bool) -> None:
    mask = disk(radius)
    if hole:
        mask = np.pad(~mask[1:-1, 1:-1], 1)
    off = refined(mask, sigma).sum() - mask.sum()
    assert abs(off) <= 0.15 * 2 * np.pi * radius  # of a pixel all along the edge


@pytest.mark.parametrize("width", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("sigma", [1, 5, 12])
def test_a_thin_temple_keeps_its_width_and_nearly_its_length(width: int, sigma: float) -> None:
    mask = np.zeros((60, 300), bool)
    mask[30 : 30 + width, 30:270] = True
    alpha = refined(mask, sigma)
    assert alpha[:, 150].sum() == pytest.approx(width, abs=0.02)
    assert alpha[30 + width // 2].sum() >= 240 - 2 * sigma


@pytest.mark.parametrize("width", [2, 4])
def test_a_thin_gap_stays_open(width: int) -> None:
    mask = np.zeros((60, 200), bool)
    mask[10:50, 10:190] = True
    mask[30 : 30 + width, 30:170] = False
    assert refined(mask, 5)[:, 100].sum() == pytest.approx(40 - width, abs=0.05)


def test_stairs_become_a_straight_line() -> None:
    mask = np.zeros((100, 400), np.uint8)
    cv2.fillPoly(mask, [np.array([[0, 20], [399, 60], [399, 99], [0, 99]])], 1)
    rough = mask.astype(bool)
    edge = 100 - refined(rough, 6).sum(axis=0)
    columns = np.arange(60, 340)
    rest = edge[columns] - np.polyval(np.polyfit(columns, edge[columns], 1), columns)
    steps = 100 - rough.sum(axis=0)[columns]
    before = steps - np.polyval(np.polyfit(columns, steps, 1), columns)
    assert np.abs(rest).std() < 0.35 * np.abs(before).std()


def test_the_edge_is_anti_aliased() -> None:
    alpha = refined(disk(40), 3)
    levels = np.unique(alpha[(alpha > 0) & (alpha < 1)])
    assert len(levels) >= 8
    assert alpha.dtype == np.float32


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_any_mask_keeps_its_far_inside_and_outside(seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal((64, 80)).astype(np.float32)
    mask = cv2.GaussianBlur(noise, (0, 0), 4) > 0.03
    mask[:2] = mask[-2:] = mask[:, :2] = mask[:, -2:] = False
    alpha = refined(mask, 1.5)
    inside = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5)
    assert ((alpha >= 0) & (alpha <= 1)).all()
    assert (alpha[inside > 4] > 0.9).all()
    assert (alpha[outside > 4] < 0.1).all()


def test_large_pictures_are_rasterised_in_bands_without_seams() -> None:
    mask = np.zeros((900, 1600), bool)
    mask[5:895, 5:1595] = True
    assert refined(mask, 0).sum() == pytest.approx(mask.sum(), abs=8)


def test_an_empty_mask_has_no_outline() -> None:
    assert not refined(np.zeros((5, 6), bool), 2).any()


@pytest.mark.parametrize("points", [[(4, 5)], [(4, 5), (5, 5)], [(4, 5), (4, 6)]])
def test_single_pixels_keep_their_area(points: list[tuple[int, int]]) -> None:
    mask = np.zeros((10, 10), bool)
    for row, column in points:
        mask[row, column] = True
    alpha = refined(mask, 3)
    assert alpha[mask].min() > 0.9
    assert alpha.sum() == pytest.approx(len(points), abs=0.3)
