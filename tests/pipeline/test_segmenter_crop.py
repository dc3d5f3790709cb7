"""The square window around a box, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.segmenter.crop import (
    NEUTRAL,
    Window,
    extract,
    extract_mask,
    input_size,
    paste,
    whole_photo,
    window_around,
)


@st.composite
def photos_with_box(draw: st.DrawFn) -> tuple[tuple[int, int], np.ndarray]:
    height, width = draw(st.integers(20, 4300)), draw(st.integers(20, 4300))
    x0 = draw(st.floats(0, width - 2))
    y0 = draw(st.floats(0, height - 2))
    x1 = draw(st.floats(x0 + 1, width))
    y1 = draw(st.floats(y0 + 1, height))
    return (height, width), np.float32([x0, y0, x1, y1])


@given(photos_with_box(), st.floats(0, 0.5))
def test_a_window_holds_its_box(case: tuple, margin: float) -> None:
    shape, box = case
    window = window_around(box, shape, margin)
    assert window.x <= box[0] + 1 and window.y <= box[1] + 1
    assert window.x + window.side >= box[2] - 1 and window.y + window.side >= box[3] - 1


@given(photos_with_box())
def test_a_window_that_fits_lies_within_the_photo(case: tuple) -> None:
    (height, width), box = case
    window = window_around(box, (height, width))
    if window.side <= width:
        assert window.x >= 0 and window.x + window.side <= width
    if window.side <= height:
        assert window.y >= 0 and window.y + window.side <= height


@given(photos_with_box())
def test_a_cell_is_at_most_five_pixels_of_a_twelve_megapixel_photo(case: tuple) -> None:
    shape, box = case
    window = window_around(box, shape)
    size = input_size(window.side)
    assert size % 64 == 0 and 512 <= size <= 1024
    assert window.side / size <= 5


@settings(max_examples=25)
@given(st.integers(60, 300), st.integers(60, 300), st.integers(-40, 80), st.integers(-40, 80))
@example(60, 60, 0, 61)  # below the photo
@example(60, 60, 61, 61)
def test_a_mask_survives_the_way_to_the_window_and_back(h: int, w: int, x: int, y: int) -> None:
    window = Window(x, y, 150)
    mask = np.zeros((h, w), np.bool_)
    mask[10:50, 12:55] = True
    coverage = extract_mask(mask, window, 256)
    back = paste(coverage - 0.5, window, (h, w))
    rows, columns = window.inside((h, w))
    wanted = np.zeros_like(mask)
    wanted[rows, columns] = mask[rows, columns]
    wrong = (back != wanted).sum()
    assert wrong <= 0.03 * max(wanted.sum(), 1) + 2


def test_points_follow_the_pixels() -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb[40:44, 120:124] = 255
    window = Window(90, 10, 64)
    crop = extract(rgb, window, 256)
    ys, xs = np.nonzero(crop[..., 0] > 128)
    found = np.float32([xs.mean() + 0.5, ys.mean() + 0.5])
    assert window.to_window(np.float32([122, 42]), 256) == pytest.approx(found, abs=0.6)


def test_beyond_the_photo_is_neutral() -> None:
    rgb = np.full((50, 100, 3), 255, np.uint8)
    crop = extract(rgb, whole_photo((50, 100)), 100)
    assert tuple(crop[2, 50]) == NEUTRAL and tuple(crop[50, 50]) == (255, 255, 255)


def test_a_wide_photo_is_never_stretched() -> None:
    rgb = np.zeros((60, 120, 3), np.uint8)
    rgb[20:40, 50:70] = 255
    crop = extract(rgb, whole_photo((60, 120)), 240)
    ys, xs = np.nonzero(crop[..., 0] > 200)
    assert abs(np.ptp(xs) - np.ptp(ys)) <= 2
