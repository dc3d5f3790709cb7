from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.letterbox import STRIDE, fit_size, letterbox, resize, square_within


@settings(max_examples=40)
@given(
    height=st.integers(1, 500),
    width=st.integers(1, 500),
    longest=st.sampled_from([32, 64, 100, 320]),
)
def test_boxes_return_to_where_they_were(height: int, width: int, longest: int) -> None:
    photo = np.zeros((height, width, 3), np.uint8)
    canvas, placement = letterbox(photo, longest)
    assert canvas.shape[0] % STRIDE == canvas.shape[1] % STRIDE == 0
    assert max(placement.resized) == longest
    (top, left), (inner_h, inner_w) = placement.offset, placement.resized
    whole = np.array([[left, top, left + inner_w, top + inner_h]], np.float32)
    np.testing.assert_allclose(placement.to_photo(whole), [[0, 0, width, height]], atol=1e-3)
    middle = whole.mean(0)
    half = np.array(
        [[*middle[[0, 1]] * 0 + whole[0, :2], (left + inner_w / 2), (top + inner_h / 2)]]
    )
    back = placement.to_photo(half.astype(np.float32))
    np.testing.assert_allclose(back, [[0, 0, width / 2, height / 2]], atol=1e-2)


def test_boxes_that_reach_into_the_padding_are_clipped_to_the_photo() -> None:
    _, placement = letterbox(np.zeros((100, 300, 3), np.uint8), 320)
    boxes = placement.to_photo(np.array([[-50, -50, 1000, 1000]], np.float32))
    assert boxes.tolist() == [[0, 0, 300, 100]]


def test_the_photo_lies_where_the_placement_says_and_grey_around_it() -> None:
    photo = np.full((90, 200, 3), 255, np.uint8)
    canvas, placement = letterbox(photo, 200)
    inside = np.zeros(canvas.shape[:2], bool)
    (top, left), (height, width) = placement.offset, placement.resized
    inside[top : top + height, left : left + width] = True
    assert (canvas[inside] == 255).all()
    assert (canvas[~inside] == 114).all()


def test_shrinking_keeps_a_one_pixel_wire_visible_everywhere() -> None:
    photo = np.full((640, 640, 3), 255, np.uint8)
    photo[:, ::40] = 0
    small = resize(photo, fit_size((640, 640), 128))
    darkest = small[64].min(axis=1).reshape(16, 8).min(axis=1)
    assert (darkest < 230).all()


@settings(max_examples=60)
@given(
    x=st.floats(-50, 700),
    y=st.floats(-50, 700),
    side=st.floats(1, 900),
    height=st.integers(1, 600),
    width=st.integers(1, 600),
)
def test_a_square_stays_within_the_photo(
    x: float, y: float, side: float, height: int, width: int
) -> None:
    x0, y0, x1, y1 = square_within(x, y, side, (height, width))
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert x1 - x0 == pytest.approx(min(side, width), abs=1)
    assert y1 - y0 == pytest.approx(min(side, height), abs=1)
