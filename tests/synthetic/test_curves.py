"""Lens outlines: closed, smooth enough, of the size that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.curves import OUTLINES, normals, resample, sample_outline


@pytest.mark.parametrize("kind", OUTLINES)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_outlines_have_their_size_and_run_counter_clockwise(kind: str, seed: int) -> None:
    outline = sample_outline(kind, np.random.default_rng(seed))
    curve = outline.points(96)
    half = np.abs(curve).max(axis=0)
    assert half == pytest.approx([outline.half_width, outline.half_height], rel=0.05)
    x, y = curve.T
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    assert 0.6 * 4 * half.prod() < area < 4 * half.prod()


@pytest.mark.parametrize("kind", OUTLINES)
def test_normals_point_outwards(kind: str) -> None:
    curve = sample_outline(kind, np.random.default_rng(3)).points(96)
    outward = np.einsum("ij,ij->i", normals(curve), curve)
    assert outward.min() > 0


def test_resampled_points_are_equally_far_apart() -> None:
    angle = np.sort(np.random.default_rng(0).uniform(0, 2 * np.pi, 400))
    circle = 20 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    curve = resample(circle, 64)
    step = np.linalg.norm(np.roll(curve, -1, 0) - curve, axis=1)
    assert step.max() / step.min() < 1.1


def test_an_unknown_outline_is_named() -> None:
    with pytest.raises(ValueError, match="heart"):
        sample_outline("heart", np.random.default_rng(0))
