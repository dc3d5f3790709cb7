"""Holes within lenses are filled; gaps stay, however small; size never decides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.refine.holes import fill_lens_holes

PAPER, ACRYLIC = (225, 228, 232), (40, 20, 90)
LEFT, RIGHT = (180, 160), (420, 160)
SIZE = (320, 600)


def drawn(*shapes: tuple[str, tuple[object, ...]]) -> np.ndarray:
    canvas = np.zeros(SIZE, np.uint8)
    for name, arguments in shapes:
        getattr(cv2, name)(canvas, *arguments)
    return canvas.astype(bool)


def glasses() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the glasses, their lenses and a small gap between bridge and brow bar."""
    axes = (100, 85)
    lens = drawn(*[("ellipse", (c, axes, 0, 0, 360, 1, -1)) for c in (LEFT, RIGHT)])
    frame = drawn(
        *[("ellipse", (c, axes, 0, 0, 360, 1, 12)) for c in (LEFT, RIGHT)],
        ("line", ((270, 140), (330, 140), 1, 10)),
        ("line", ((250, 110), (350, 110), 1, 8)),
    )
    lens &= ~frame
    gap = drawn(("rectangle", ((282, 115), (318, 134), 1, -1))) & ~frame & ~lens
    return frame | lens, lens, gap


def photo(mask: np.ndarray, lens: np.ndarray, tint: tuple[int, int, int] = PAPER) -> np.ndarray:
    rgb = np.full((*SIZE, 3), PAPER, np.uint8)
    rgb[mask] = ACRYLIC
    rgb[lens] = tint
    return rgb


def spot(centre: tuple[int, int], radius: int) -> np.ndarray:
    return drawn(("circle", (centre, radius, 1, -1)))


@pytest.mark.parametrize("radius", [1, 4, 15, 40, 70])
@pytest.mark.parametrize("centre", [LEFT, (215, 190)])
def test_with_a_lens_map_holes_in_lenses_are_filled_at_any_size(
    radius: int, centre: tuple[int, int]
) -> None:
    mask, lens, gap = glasses()
    missing = spot(centre, radius) & lens
    filled = fill_lens_holes(mask & ~missing, lens & ~missing, photo(mask, lens))
    assert np.array_equal(filled, mask)
    assert not (filled & gap).any()


def test_with_a_lens_map_a_lens_missed_by_the_mask_is_filled() -> None:
    mask, lens, _ = glasses()
    assert np.array_equal(fill_lens_holes(mask & ~lens, lens, photo(mask, lens)), mask)


@pytest.mark.parametrize("size", [1, 3, 12])
def test_with_a_lens_map_a_gap_beside_the_lens_stays(size: int) -> None:
    mask, lens, _ = glasses()
    tiny = np.zeros(SIZE, bool)
    tiny[139 : 139 + size, 296 : 296 + size] = True  # within the bridge
    filled = fill_lens_holes(mask & ~tiny, lens, photo(mask & ~tiny, lens))
    assert np.array_equal(filled, mask & ~tiny)


@pytest.mark.parametrize("tint", [PAPER, (70, 75, 90)])
def test_without_a_map_missed_lenses_are_filled_and_the_gap_stays(
    tint: tuple[int, int, int],
) -> None:
    mask, lens, gap = glasses()
    filled = fill_lens_holes(mask & ~lens, None, photo(mask, lens, tint))
    assert np.array_equal(filled, mask)
    assert not (filled & gap).any()


@pytest.mark.parametrize("radius", [1, 5, 20])
def test_without_a_map_a_reflection_in_a_lens_is_filled(radius: int) -> None:
    mask, lens, _ = glasses()
    flash = spot(LEFT, radius)
    rgb = photo(mask, lens, (70, 75, 90))
    rgb[flash] = 255, 120, 60
    assert np.array_equal(fill_lens_holes(mask & ~flash, None, rgb), mask)


def test_without_a_map_a_see_through_slit_in_a_wide_temple_stays() -> None:
    mask = drawn(("rectangle", ((50, 100), (550, 220), 1, -1)))
    slit = drawn(("rectangle", ((280, 150), (300, 158), 1, -1)))
    opened = mask & ~slit
    assert np.array_equal(fill_lens_holes(opened, None, photo(opened, slit)), opened)


def test_without_a_map_a_triangle_between_temples_stays() -> None:
    corners = [np.array([[60, 60], [540, 100], [60, 280]])]
    mask = np.zeros(SIZE, np.uint8)
    cv2.polylines(mask, corners, True, 1, 14)
    opened = mask.astype(bool)
    assert np.array_equal(fill_lens_holes(opened, None, photo(opened, opened & False)), opened)


def test_background_that_reaches_the_border_is_no_hole() -> None:
    mask, lens, _ = glasses()
    half = (mask & ~lens)[:, LEFT[0] :]  # the photo's edge cuts through the lens
    rgb = photo(mask, lens)[:, LEFT[0] :]
    filled = fill_lens_holes(half, None, rgb)
    assert not filled[LEFT[1], 0]
    assert filled[RIGHT[1], RIGHT[0] - LEFT[0]]
