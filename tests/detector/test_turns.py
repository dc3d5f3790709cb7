"""Photos that are turned are found out, and boxes come back to where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.turns import Turning, turned, turned_back
from detector.types import EYEGLASSES, LENS, Detections

QUARTERS = (90, 180, 270)


class SeesWideThings:
    """Finds what is dark, if it is wider than high; the wider, the surer."""

    def __init__(self, label: int = EYEGLASSES) -> None:
        self.label, self.calls = label, 0

    def detect(self, rgb: np.ndarray) -> Detections:
        self.calls += 1
        ys, xs = np.nonzero(rgb[..., 0] < 128)
        if not len(xs):
            return Detections.none()
        x0, y0, x1, y1 = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        # Darker above than below: the right way up.
        upright = rgb[y0, x0, 0] <= rgb[y1 - 1, x0, 0]
        if x1 - x0 <= y1 - y0:
            return Detections.none()
        return Detections.of(
            np.array([[x0, y0, x1, y1]]),
            np.array([0.9 if upright else 0.6]),
            np.array([self.label]),
        )


def photo(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (60, 90)) -> np.ndarray:
    rgb = np.full((*size, 3), 255, np.uint8)
    rgb[y0:y1, x0:x1] = np.linspace(0, 120, y1 - y0, dtype=np.uint8)[:, None, None]
    return rgb


@given(
    st.integers(0, 40), st.integers(0, 40), st.integers(2, 40), st.integers(2, 19),
    st.sampled_from([0, *QUARTERS]),
)  # fmt: skip
def test_glasses_are_found_however_the_photo_is_turned(
    x: int, y: int, width: int, height: int, turn: int
) -> None:
    width = max(width, height + 1)
    upright = photo(x, y, x + width, y + height, (60, 81))
    turned = np.ascontiguousarray(np.rot90(upright, turn // 90))
    found = Turning(SeesWideThings(), QUARTERS).detect(turned)
    ys, xs = np.nonzero(turned[..., 0] < 128)
    wanted = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], float)
    assert found.boxes[0] == pytest.approx(wanted, abs=1e-3)
    if turn in (90, 270):
        assert found.scores == pytest.approx([0.9])


@pytest.mark.parametrize(("least", "pairs"), [(0.85, 1), (0.95, 0)])
def test_what_is_seen_turned_alone_has_to_be_sure(least: float, pairs: int) -> None:
    standing = np.ascontiguousarray(np.rot90(photo(10, 10, 50, 20)))
    assert len(Turning(SeesWideThings(), QUARTERS, least).detect(standing)) == pairs


def test_a_photo_with_glasses_is_not_turned() -> None:
    detector = SeesWideThings()
    assert len(Turning(detector, QUARTERS).detect(photo(10, 10, 50, 20))) == 1
    assert detector.calls == 1


@pytest.mark.parametrize("turns", [(), (180,)])
def test_turns_can_be_left_out(turns: tuple[int, ...]) -> None:
    detector = SeesWideThings()
    standing = np.ascontiguousarray(np.rot90(photo(10, 10, 50, 20)))
    assert len(Turning(detector, turns).detect(standing)) == 0
    assert detector.calls == 1 + len(turns)


@pytest.mark.parametrize(("enough", "calls"), [(0.5, 1), (0.9, 1), (0.95, 4)])
def test_a_photo_is_turned_where_what_it_shows_is_not_sure_enough(
    enough: float, calls: int
) -> None:
    detector = SeesWideThings()
    found = Turning(detector, QUARTERS, 0.9, enough).detect(photo(10, 10, 50, 20))
    assert detector.calls == calls
    assert len(found) == 1  # what is weak is kept where no turn shows more


def test_lenses_alone_are_no_glasses() -> None:
    detector = SeesWideThings(LENS)
    Turning(detector, QUARTERS).detect(photo(10, 10, 50, 20))
    assert detector.calls == 4


@given(st.floats(-180, 180), st.integers(20, 60), st.integers(20, 60))
def test_boxes_come_back_around_what_they_held(turn: float, height: int, width: int) -> None:
    matrix, size = turned(turn, (height, width))
    inner = np.array([[5, 5], [width - 5, 5], [width - 5, height - 5], [5, height - 5]]) - 0.5
    moved = inner @ matrix[:, :2].T + matrix[:, 2] + 0.5
    assert (moved > 0).all() and (moved < [size[1], size[0]]).all()
    box = np.array([[*moved.min(axis=0), *moved.max(axis=0)]], np.float32)
    x0, y0, x1, y1 = turned_back(box, matrix, (height, width))[0]
    assert 0 <= x0 <= 5.001 and 0 <= y0 <= 5.001
    assert width - 5.001 <= x1 <= width and height - 5.001 <= y1 <= height


def test_no_boxes_turn_into_no_boxes() -> None:
    matrix, _ = turned(90, (10, 20))
    assert turned_back(np.zeros((0, 4), np.float32), matrix, (10, 20)).shape == (0, 4)


def test_a_large_photo_is_turned_small_and_its_boxes_are_not() -> None:
    standing = np.ascontiguousarray(np.rot90(photo(100, 100, 900, 300, (1300, 2600))))
    found = Turning(SeesWideThings(), QUARTERS).detect(standing)
    ys, xs = np.nonzero(standing[..., 0] < 128)
    wanted = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    assert found.boxes[0] == pytest.approx(np.array(wanted, float), abs=4)
