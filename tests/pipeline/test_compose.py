"""Colour over pure white."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.compose import Bits, deepened, in_bits, over_white, to_cutout, to_levels
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
    assert np.array_equal(rgba[..., 3], to_levels(alpha))
    assert (rgba[alpha == 0] == (255, 255, 255, 0)).all()
    again = over_white(rgba[..., :3], (rgba[..., 3] / np.float32(255)).astype(np.float32))
    assert np.abs(again.astype(int) - over_white(colour, alpha)).max() <= 1


def test_sizes_must_agree() -> None:
    with pytest.raises(ValidationError, match="one size"):
        over_white(np.zeros((3, 4, 3), np.uint8), np.zeros((3, 5), np.float32))


@given(COLOURS, ALPHAS)
def test_16_bits_are_the_same_picture_in_finer_steps(colour: np.ndarray, alpha: np.ndarray) -> None:
    fine = over_white(colour, alpha, 16)
    share = alpha[..., None].astype(float)
    exact = 257 * (share * colour + (1 - share) * 255)
    assert np.abs(fine - exact).max() <= 0.51
    assert (fine[alpha == 0] == 65535).all()
    assert np.array_equal(over_white(in_bits(colour, 16), alpha, 16), fine)
    assert (
        np.abs(over_white(in_bits(colour, 16), alpha).astype(int) - over_white(colour, alpha)).max()
        <= 1
    )
    rgba = to_cutout(Matte(alpha, colour), 16).rgba
    assert np.array_equal(rgba[..., 3], to_levels(alpha, 16))
    assert np.array_equal(rgba[alpha > 0][..., :3], colour[alpha > 0].astype(np.uint16) * 257)
    assert (rgba[alpha == 0] == (65535, 65535, 65535, 0)).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_bits_change_only_where_they_must(bits: Bits) -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(in_bits(in_bits(levels, 16), 8), levels)
    same = in_bits(levels, bits)
    assert in_bits(same, bits) is same


@given(COLOURS, COLOURS, ALPHAS, st.integers(0, 255))
def test_deepened_is_the_photos_own_where_nothing_changed_and_moved_as_far_elsewhere(
    photo: np.ndarray, freed: np.ndarray, alpha: np.ndarray, low: int
) -> None:
    deep = photo.astype(np.uint16) * 256 + np.uint16(low)
    result = deepened(freed, alpha, photo, deep)
    seen = alpha > 0
    same = seen[..., None] & (freed == photo)
    assert np.array_equal(result[same], deep[same])
    assert np.abs(result[seen] / 257 - freed[seen]).max(initial=0) <= 1
