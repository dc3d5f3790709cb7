"""The sheet for looking at edges."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ValidationError
from pipeline.report.edges import ENLARGED, GROUNDS, busiest, edge_sheet, on_ground
from pipeline.types import Cutout


def comb() -> np.ndarray:
    """A plain square on the left, and narrow bars, which have more edge, on the right."""
    alpha = np.zeros((100, 200), np.float32)
    alpha[20:80, 10:80] = 1
    alpha[20:80, 140:180:8] = 1
    return alpha


def cutout(alpha: np.ndarray) -> Cutout:
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    rgba[..., 0] = 200
    rgba[..., 3] = np.rint(alpha * 255)
    return Cutout(rgba)


def test_the_window_with_the_longest_edges_comes_first() -> None:
    (x, y), *_ = busiest(comb(), 50, 2)
    assert x <= 140 < 172 < x + 50
    assert 0 <= y <= 50


def test_windows_do_not_overlap() -> None:
    corners = busiest(comb(), 30, 20)
    assert len(corners) > 3
    for index, (x, y) in enumerate(corners):
        assert all(abs(x - u) >= 30 or abs(y - v) >= 30 for u, v in corners[:index])


def test_without_edges_there_is_no_window() -> None:
    assert busiest(np.zeros((60, 60), np.float32), 20, 3) == []


def test_a_window_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(ValidationError, match="80 pixels"):
        busiest(comb()[:60], 80, 1)


@pytest.mark.parametrize(("name", "colour"), GROUNDS.items())
def test_a_cut_out_shows_its_ground_where_it_is_clear(
    name: str, colour: tuple[int, int, int]
) -> None:
    shown = on_ground(cutout(comb()), colour)
    assert shown[0, 0].tolist() == list(colour)
    assert shown[50, 40].tolist() == [200, 0, 0]


def test_the_sheet_has_a_row_a_window_and_two_columns_a_ground() -> None:
    side, gap = 40, 6
    sheet = edge_sheet(cutout(comb()), side, 2)
    assert sheet.shape == (2 * side + gap, 6 * side + 5 * gap, 3)
    enlarged = sheet[:side, 3 * (side + gap) : 3 * (side + gap) + side]
    small = enlarged[::ENLARGED, ::ENLARGED]
    assert (np.repeat(np.repeat(small, ENLARGED, 0), ENLARGED, 1) == enlarged).all()


def test_the_sheet_of_nothing_is_blank() -> None:
    sheet = edge_sheet(cutout(np.zeros((60, 60), np.float32)), 40, 2)
    assert (sheet == sheet[0, 0]).all()
