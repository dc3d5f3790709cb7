"""Boxes are drawn around what a mask shows, not around what lies about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.types import overlap
from pipeline.fitting import fit_box


def filled(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (60, 80)) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def box(*sides: float) -> np.ndarray:
    return np.array(sides, np.float32)


GLASSES = (20, 20, 60, 40)


@pytest.mark.parametrize(
    ("mask", "guess", "wanted"),
    [
        pytest.param(filled(GLASSES), GLASSES, GLASSES, id="right already"),
        pytest.param(filled(GLASSES), (20, 20, 52, 40), GLASSES, id="short of a tip"),
        pytest.param(filled(GLASSES), (15, 16, 66, 44), GLASSES, id="too wide"),
        pytest.param(filled(GLASSES, (70, 5, 73, 7)), GLASSES, GLASSES, id="a speck far away"),
        pytest.param(
            filled(GLASSES, (62, 25, 64, 27)), (18, 20, 66, 40), (20, 20, 64, 40),
            id="a speck within",
        ),
        pytest.param(filled(GLASSES), (55, 35, 75, 55), (55, 35, 75, 55), id="something else"),
        pytest.param(filled(), GLASSES, GLASSES, id="nothing"),
    ],
)  # fmt: skip
def test_boxes_fit_the_glasses(
    mask: np.ndarray, guess: tuple[float, ...], wanted: tuple[float, ...]
) -> None:
    assert fit_box(mask, box(*guess)).tolist() == list(wanted)


def test_slight_corrections_can_be_left_out() -> None:
    short = box(21, 20, 54, 40)  # 1 pixel and 6 pixels of 33
    assert fit_box(filled(GLASSES), short, slack=0.05).tolist() == [21, 20, 60, 40]


@given(st.integers(0, 70), st.integers(0, 50), st.integers(1, 80), st.integers(1, 60))
def test_a_fitted_box_is_a_box_within_mask_and_guess(x: int, y: int, w: int, h: int) -> None:
    guess = box(x, y, x + w, y + h)
    fitted = fit_box(filled(GLASSES), guess)
    assert (fitted[:2] < fitted[2:]).all()
    assert fitted.tolist() in (guess.tolist(), list(map(float, GLASSES)))
    assert overlap(fitted, guess[None])[0] >= 0.5
