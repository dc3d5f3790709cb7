"""Parts of pictures that training shows to the network."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example as example_of
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")

from detector.dataset import Example  # noqa: E402
from detector.yolo_data import boxes_within, zoom_window  # noqa: E402

SIZE = (300, 400)


def example(*rows: tuple[float, ...]) -> Example:
    """Rows x0, y0, x1, y1 in pixels, label."""
    table = np.array(rows, np.float64).reshape(-1, 5)
    low, high = table[:, :2] / (400, 300), table[:, 2:4] / (400, 300)
    boxes = np.concatenate([(low + high) / 2, high - low], 1).astype(np.float32)
    return Example(Path("x.jpg"), boxes, table[:, 4].astype(np.int64))


def test_boxes_are_cut_and_moved_with_the_part() -> None:
    glasses = example((100, 100, 200, 150, 0), (180, 110, 240, 140, 1))
    labels, boxes = boxes_within(glasses, (*SIZE, 3), (50, 50, 210, 210))
    assert labels.tolist() == [0, 1]
    np.testing.assert_allclose(boxes[0], [100 / 160, 75 / 160, 100 / 160, 50 / 160], atol=1e-5)
    np.testing.assert_allclose(boxes[1], [145 / 160, 75 / 160, 30 / 160, 30 / 160], atol=1e-5)


@pytest.mark.parametrize("box", [(0, 0, 40, 40), (200, 100, 300, 150), (350, 250, 400, 300)])
def test_boxes_of_which_little_is_left_are_dropped(box: tuple[float, ...]) -> None:
    labels, boxes = boxes_within(example((*box, 0)), (*SIZE, 3), (50, 50, 210, 210))
    assert labels.shape == (0,)
    assert boxes.shape == (0, 4)


@settings(max_examples=80)
@example_of(x=73.625, y=0.0, width=97.5, height=10.0, seed=300)  # rounded twice, short by a pixel
@given(
    x=st.floats(0, 300),
    y=st.floats(0, 250),
    width=st.floats(20, 100),
    height=st.floats(10, 50),
    seed=st.integers(0, 1000),
)
def test_the_part_holds_the_glasses_whole(
    x: float, y: float, width: float, height: float, seed: int
) -> None:
    random.seed(seed)
    x0, y0, x1, y1 = zoom_window(example((x, y, x + width, y + height, 0)), SIZE)
    assert 0 <= x0 < x1 <= 400
    assert 0 <= y0 < y1 <= 300
    assert x0 - 1 <= x
    assert x + width <= x1 + 1
    assert y0 - 1 <= y
    assert y + height <= y1 + 1


@pytest.mark.parametrize("seed", range(8))
def test_pictures_without_glasses_are_cut_anywhere(seed: int) -> None:
    random.seed(seed)
    x0, y0, x1, y1 = zoom_window(example(), SIZE)
    assert 0 <= x0 < x1 <= 400
    assert 0 <= y0 < y1 <= 300
