"""The values of a mask picture mean what the file says."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.readers.values import read_values
from pipeline.images import read_mask, write_image
from truth_sets import GLASSES, SMALL, as_mode, assert_same, pairs, photo, with_alpha

MATTE = np.array([[0, 255, 128], [0, 127, 255]], np.uint8)


def as_palette(values: Any, colours: list[int]) -> Image.Image:
    image = Image.fromarray(np.asarray(values, np.uint8), "L")
    image = image.convert("P")
    image.putdata(np.asarray(values, np.uint8).ravel().tolist())
    image.putpalette(colours)
    return image


def see_through(image: Image.Image) -> Image.Image:
    """Index 0 becomes transparent."""
    image.info["transparency"] = 0
    return image


RAMP = [v for grey in range(256) for v in (grey, grey, grey)]
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, *[9, 8, 7] * 252, 224, 224, 192]
PICTURES = {
    "0 and 255": (as_mode("L"), SMALL, None),
    "one bit": (as_mode("1"), SMALL, None),
    "0 and 1": (as_mode("L", SMALL * np.uint8(1)), SMALL, None),
    "colour": (as_mode("RGB"), SMALL, None),
    "16 bit, 0 and 65535": (Image.fromarray(SMALL * np.uint16(65535)), SMALL, None),
    "16 bit, 0 and 1": (Image.fromarray(SMALL * np.uint16(1)), SMALL, None),
    "16 bit matte": (Image.fromarray(MATTE * np.uint16(257)), MATTE > 127, MATTE),
    "matte": (as_mode("L", MATTE), MATTE > 127, MATTE),
    "alpha over white": (with_alpha(MATTE), MATTE > 127, MATTE),
    "alpha over black": (with_alpha(SMALL * np.uint8(255), 0), SMALL, None),
    "palette of classes": (as_palette([[0, 1, 2], [0, 255, 1]], VOC), SMALL, None),
    "grey palette": (as_palette(SMALL * 255, RAMP), SMALL, None),
    "grey palette of 0 and 1": (as_palette(SMALL, RAMP), SMALL, None),
    "black and white palette": (as_palette(SMALL, [0, 0, 0, 255, 255, 255]), SMALL, None),
    "palette with transparency": (see_through(as_palette(SMALL, VOC)), SMALL, None),
    "white and black palette": (as_palette(~SMALL, [255, 255, 255, 0, 0, 0]), SMALL, None),
    "all black": (as_mode("L", MATTE * 0), SMALL & False, None),
}


@pytest.mark.parametrize(("image", "mask", "alpha"), PICTURES.values(), ids=PICTURES)
def test_values_mean_what_the_file_says(
    image: Image.Image, mask: Any, alpha: Any, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    image.save(tmp_path / "one" / "full.png")
    truth = find_truth(tmp_path)[0].read()
    np.testing.assert_array_equal(truth.glasses, mask)
    assert (truth.alpha is None) == (alpha is None)
    if truth.alpha is not None:
        assert truth.alpha.dtype == np.float32
        np.testing.assert_allclose(truth.alpha, alpha / 255, atol=1e-6)


def test_the_noise_of_jpeg_is_no_matte(tmp_path: Path) -> None:
    pairs(tmp_path, [("a", True)])
    (tmp_path / "masks" / "a.png").unlink()
    write_image(tmp_path / "masks" / "a.jpg", GLASSES * np.uint8(255), quality=80)
    truth = find_truth(tmp_path)[0].read()
    assert truth.alpha is None
    assert_same(truth.glasses, GLASSES, exact=False)


@settings(max_examples=60)
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16]), st.sampled_from([(5, 7), (5, 7, 3), (5, 7, 4)])
    )
)
def test_masks_agree_with_the_yardstick(array: Any) -> None:
    array[0, 0] = np.iinfo(array.dtype).max  # or it may be a mask of 0 and 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.png"
        assert cv2.imwrite(str(path), array)
        np.testing.assert_array_equal(read_values(path)[0], read_mask(path))


def test_rendered_coverage_is_a_matte(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "1.jpg", (1, 4))
    coverage = np.array([[[0, 0, 0], [100, 0, 0], [100, 100, 0], [55, 200, 0]]], np.uint8)
    write_image(tmp_path / "masks" / "1_0.png", coverage)
    truth = find_truth(tmp_path)[0].read()
    assert truth.alpha is not None
    np.testing.assert_allclose(truth.alpha, np.array([[0, 100, 200, 255]]) / 255, atol=1e-6)
    np.testing.assert_array_equal(truth.glasses, [[False, False, True, True]])
    np.testing.assert_array_equal(truth.lens, [[False, False, False, True]])
