"""Measured properties say what was put into the photo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ValidationError
from pipeline.evaluation.properties import PROPERTIES, measure_photo
from toys import draw_toy


def bar(angle: float = 0.0, size: int = 300, length: int = 180) -> np.ndarray:
    """bool (size, size): a bar through the middle, turned by `angle` degrees."""
    box = cv2.boxPoints(((size / 2, size / 2), (length, 20), -angle))
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(box).astype(np.int32)], 1)
    return mask > 0


def paint(mask: np.ndarray, inside: int = 40, outside: int = 200) -> np.ndarray:
    grey = np.where(mask, inside, outside).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def test_every_property_is_described_and_measured() -> None:
    toy = draw_toy()[0]
    assert set(measure_photo(toy.rgb, toy.mask)) == {one.name for one in PROPERTIES}
    docs = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for one in PROPERTIES:
        assert f"| `{one.name}` | {one.unit} | {one.label} |" in docs


@settings(max_examples=25)
@given(st.floats(-89, 89))
def test_roll_is_the_angle_of_the_long_axis(angle: float) -> None:
    mask = bar(angle)
    found = measure_photo(paint(mask), mask)["roll"]
    assert abs((found - angle + 90) % 180 - 90) < 1.5


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_blur_is_the_sigma_of_the_edges(sigma: float) -> None:
    mask = bar(20)
    soft = cv2.GaussianBlur(paint(mask), (0, 0), sigma)
    assert measure_photo(soft, mask)["blur"] == pytest.approx(sigma, rel=0.25)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_noise_is_the_grain_whatever_the_edges(sigma: float) -> None:
    mask = bar(20)
    rng = np.random.default_rng(1)
    noise = rng.normal(0, sigma, mask.shape)[..., None]
    grainy = np.clip(paint(mask, 90, 160) + noise, 0, 255).astype(np.uint8)
    assert measure_photo(grainy, mask)["noise"] == pytest.approx(sigma, rel=0.15)
    assert measure_photo(paint(mask), mask)["noise"] < 0.2


def test_brightness_is_of_the_surroundings_and_contrast_grows_with_the_difference() -> None:
    mask = bar()
    white = measure_photo(paint(mask, 40, 255), mask)
    grey = measure_photo(paint(mask, 40, 119), mask)
    same = measure_photo(paint(mask, 200, 200), mask)
    assert white["brightness"] == pytest.approx(100, abs=0.5)
    assert grey["brightness"] == pytest.approx(50, abs=1)  # mid grey of sRGB is L* 50
    assert white["contrast"] > grey["contrast"] > same["contrast"] == 0


@pytest.mark.parametrize("length", [60, 150, 270])
def test_scale_is_a_share_of_the_photos_longer_side(length: int) -> None:
    mask = bar(0, 300, length)
    assert measure_photo(paint(mask), mask)["scale"] == pytest.approx(length / 300, abs=0.01)


def test_thinness_is_the_share_of_thin_parts() -> None:
    mask = bar()
    thick = measure_photo(paint(mask), mask)["thinness"]
    mask[149:151, 10:60] = True  # a wire
    assert thick < 0.01
    assert measure_photo(paint(mask), mask)["thinness"] == pytest.approx(100 / mask.sum(), rel=0.1)


def test_glasses_that_fill_the_photo_are_measured_too() -> None:
    mask = np.ones((40, 60), bool)
    assert all(np.isfinite(v) for v in measure_photo(paint(mask), mask).values())


@pytest.mark.parametrize("mask", [np.zeros((20, 20), bool), np.ones((20, 21), bool)])
def test_no_glasses_or_another_size_is_refused(mask: np.ndarray) -> None:
    with pytest.raises(ValidationError):
        measure_photo(np.zeros((20, 20, 3), np.uint8), mask)
