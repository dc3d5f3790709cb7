"""Colour over pure white."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.compose import over_white, to_bytes, to_cutout
from pipeline.errors import ValidationError
from pipeline.types import Matte

SIZE = (7, 9)
COLOURS = arrays(np.uint8, (*SIZE, 3))
ALPHAS = arrays(np.float32, SIZE, elements=st.sampled_from([0, 0.25, 0.5, 1]))


@given(COLOURS, ALPHAS)
def test_white_outside_own_colour_inside_a_blend_between(
    colour: np.ndarray, alpha: np.ndarray
) -> None:
    canvas = over_white(colour, alpha)
    assert (canvas[alpha == 0] == 255).all()
    assert np.array_equal(canvas[alpha == 1], colour[alpha == 1])
    share = alpha[..., None].astype(float)
    assert np.abs(canvas - (share * colour + (1 - share) * 255)).max() <= 0.5


@given(COLOURS, ALPHAS)
def test_a_cutout_over_white_is_the_canvas(colour: np.ndarray, alpha: np.ndarray) -> None:
    rgba = to_cutout(Matte(alpha, colour)).rgba
    assert np.array_equal(rgba[..., 3], to_bytes(alpha))
    assert (rgba[alpha == 0] == (255, 255, 255, 0)).all()
    again = over_white(rgba[..., :3], (rgba[..., 3] / np.float32(255)).astype(np.float32))
    assert np.abs(again.astype(int) - over_white(colour, alpha)).max() <= 1


def test_sizes_must_agree() -> None:
    with pytest.raises(ValidationError, match="one size"):
        over_white(np.zeros((3, 4, 3), np.uint8), np.zeros((3, 5), np.float32))
