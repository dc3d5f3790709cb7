"""The camera frames its subject as asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.camera import aim

SUBJECT = np.random.default_rng(0).uniform([-70, 0, -140], [70, 45, 0], (200, 3))


def test_only_what_is_ahead_and_within_the_picture_is_in_view() -> None:
    camera = aim(np.random.default_rng(0), SUBJECT, 0.0, 0.3, (400, 600), tight=True)
    assert camera.share_in_view(SUBJECT) > 0.95
    behind = camera.eye - 50 * camera.forward + SUBJECT * 0.01
    beside = SUBJECT + [5000, 0, 0]
    assert camera.share_in_view(behind) == camera.share_in_view(beside) == 0
    assert camera.share_in_view(np.concatenate([SUBJECT, beside])) == pytest.approx(0.5, abs=0.03)


@given(
    seed=st.integers(0, 10_000),
    azimuth=st.floats(-np.pi, np.pi),
    elevation=st.floats(0, 1.55),
    size=st.sampled_from([(512, 512), (400, 600), (640, 480)]),
)
@settings(max_examples=60)
def test_the_subject_fills_a_sensible_share_of_the_picture(
    seed: int, azimuth: float, elevation: float, size: tuple[int, int]
) -> None:
    camera = aim(np.random.default_rng(seed), SUBJECT, azimuth, elevation, size, tight=True)
    pixels = camera.project(SUBJECT)
    share = np.ptp(pixels, axis=0) / [size[1], size[0]]
    assert share.max() < 1.1
    assert share.max() > 0.05


def test_points_ahead_project_upright() -> None:
    rng = np.random.default_rng(1)
    camera = aim(rng, SUBJECT, 0.0, 0.1, (512, 512), tight=True)
    top, bottom = camera.project(np.array([[0.0, 60, -70], [0.0, 0, -70]]))
    assert top[1] < bottom[1] or pytest.fail("the picture is upside down")
