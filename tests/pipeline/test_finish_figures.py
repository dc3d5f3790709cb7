"""The yardstick of the finish: band, colours, widths of wires."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.compose import over_white
from pipeline.evaluation.finish import band_figures, edge_band, wire_widths
from pipeline.refine.light import to_levels, to_light


def wire(width: float, angle: float = 17.0, size: int = 240) -> np.ndarray:
    """The coverage of a straight wire through the middle of a picture, float32."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    across = x * np.sin(np.radians(angle)) - y * np.cos(np.radians(angle))
    along = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    bar = np.clip(width / 2 + 0.5 - np.abs(across), 0, 1)
    return (bar * (np.abs(along) < size / 3)).astype(np.float32)


@pytest.mark.parametrize("width", [2.0, 3.3, 4.7, 6.0])
@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, 90.0, 151.0])
def test_widths_of_wires_are_found(width: float, angle: float) -> None:
    truth = wire(width, angle)
    found = wire_widths(truth, wire(width + 1, angle), (1.5, 6.5))
    assert len(found) > 100
    assert np.percentile(np.abs(found[:, 0] - width), 90) < 0.25
    assert np.percentile(np.abs(found[:, 1] - found[:, 0] - 1), 90) < 0.25


def test_a_lost_wire_has_no_width() -> None:
    truth = wire(4.0)
    found = wire_widths(truth, np.zeros_like(truth))
    assert len(found) > 100
    assert (found[:, 1] == 0).all()


@pytest.mark.parametrize("other", ["plate", "second wire"])
def test_wide_parts_and_crowded_wires_do_not_count(other: str) -> None:
    truth = wire(30.0) if other == "plate" else np.maximum(wire(3.0), np.roll(wire(3.0), 6, 0))
    assert len(wire_widths(truth, truth)) < 20


def scene() -> tuple[np.ndarray, np.ndarray]:
    disc = np.zeros((120, 120), np.float32)
    cv2.circle(disc, (60, 60), 30, 1, -1)
    alpha = cv2.GaussianBlur(disc, (0, 0), 1.0)
    rgba = np.dstack([np.full((120, 120, 3), 40), np.rint(alpha * 255)]).astype(np.uint8)
    return rgba, (rgba[..., 3] / np.float32(255)).astype(np.float32)


def test_the_truth_itself_is_without_fault() -> None:
    truth, alpha = scene()
    canvas = over_white(truth[..., :3], alpha)
    found = band_figures(truth, np.zeros_like(alpha), alpha, canvas, edge_band(alpha))
    assert found["alpha"] < 1e-6
    assert found["colour"] < 0.2
    assert found["light"] > 1, "programs blend dark edges heavier than light does"


def test_an_edge_blended_as_light_mixes_agrees_with_the_photo_before_white() -> None:
    truth, alpha = scene()
    canvas = np.rint(to_levels(1 - (1 - to_light(np.float32(40))) * alpha)).astype(np.uint8)
    canvas = np.repeat(canvas[..., None], 3, axis=2)
    found = band_figures(truth, np.zeros_like(alpha), alpha, canvas, edge_band(alpha))
    assert found["light"] < 0.2 < 1 < found["colour"]


def test_a_shifted_edge_and_a_wrong_colour_are_told() -> None:
    truth, alpha = scene()
    moved = np.roll(alpha, 1, axis=1)
    band, lens = edge_band(alpha), np.zeros_like(alpha)
    off = band_figures(truth, lens, moved, over_white(truth[..., :3], moved), band)
    assert 0.03 < off["alpha"] < 0.15
    bright = over_white(np.full_like(truth[..., :3], 90), alpha)
    assert band_figures(truth, lens, alpha, bright, band)["colour"] > 3
    glazed = band_figures(truth, np.ones_like(alpha), alpha, bright, band)
    assert glazed["colour"] == 0


def test_the_band_reaches_as_far_as_told() -> None:
    _, alpha = scene()
    band = edge_band(alpha, 4.0)
    assert band[60, 90]
    assert not band[60, 60]
    assert not band[60, 100]
