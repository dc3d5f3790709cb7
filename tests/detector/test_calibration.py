"""Scores become probabilities, and say so only where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.calibration import Calibrated, Calibration, calibration_error, fit_calibration
from detector.errors import DetectorError
from detector.metrics import answered
from detector.types import Detections, Detector

SLOPES = st.floats(0.2, 5.0)
OFFSETS = st.floats(-3.0, 3.0)


def drawn(true: Calibration, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and hits that come as often as `true` says."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.02, 0.98, count)
    return scores, rng.random(count) < true.probability(scores)


@pytest.mark.parametrize("true", [Calibration(2.4, 1.6), Calibration(0.5, -1.0)])
def test_the_fit_finds_how_often_a_score_is_right(true: Calibration) -> None:
    scores, hits = drawn(true)
    found = fit_calibration(list(scores), list(hits))
    assert found.slope == pytest.approx(true.slope, rel=0.1)
    assert found.offset == pytest.approx(true.offset, abs=0.15)
    before = calibration_error(list(scores), list(hits))
    after = calibration_error([float(p) for p in found.probability(scores)], list(hits))
    assert before > 0.1
    assert after < 0.03


@given(SLOPES, OFFSETS, st.floats(0.01, 0.99))
def test_the_way_back_leads_to_the_score(slope: float, offset: float, score: float) -> None:
    fit = Calibration(slope, offset)
    told = float(fit.probability(np.array([score]))[0])
    if 0.001 < told < 0.999:  # float32 says no more
        assert fit.score(told) == pytest.approx(score, abs=0.01)


@given(SLOPES, OFFSETS, st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_the_order_of_boxes_stays(slope: float, offset: float, scores: list[float]) -> None:
    told = Calibration(slope, offset).probability(np.sort(np.array(scores)))
    assert (np.diff(told) >= 0).all()
    assert ((told >= 0) & (told <= 1)).all()


def test_a_perfect_score_has_no_error_and_a_boastful_one_has() -> None:
    assert calibration_error([0.5] * 10, [True] * 5 + [False] * 5) == 0
    assert calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert calibration_error([], []) == 0


@pytest.mark.parametrize("hits", [[True] * 20, [False] * 20, [True, False] * 4])
def test_too_little_to_fit_is_said(hits: list[bool]) -> None:
    with pytest.raises(DetectorError, match="right"):
        fit_calibration([0.5] * len(hits), hits)


@pytest.mark.parametrize("bad", [(0.0, 1.0), (-1.0, 0.0), (float("nan"), 0.0), (1.0, np.inf)])
def test_numbers_that_turn_the_order_are_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(DetectorError, match="positive slope"):
        Calibration(*bad)


class Found:
    """A detector with fixed answers."""

    def detect(self, rgb: np.ndarray) -> Detections:
        boxes = np.array([[0, 0, 9, 9], [1, 1, 8, 8]])
        return Detections.of(boxes, np.array([0.8, 0.2]), np.array([0, 1]))


def test_a_calibrated_detector_changes_scores_alone() -> None:
    fit = Calibration(2.0, 0.5)
    detector = Calibrated(Found(), fit)
    assert isinstance(detector, Detector)
    rgb = np.zeros((10, 10, 3), np.uint8)
    before, after = Found().detect(rgb), detector.detect(rgb)
    assert (before.boxes == after.boxes).all()
    assert (before.labels == after.labels).all()
    np.testing.assert_allclose(after.scores, fit.probability(before.scores))


def test_each_pair_is_answered_once_by_the_best_box() -> None:
    pair = np.array([[0, 0, 100, 50], [200, 0, 300, 50]], np.float32)
    answers = np.array(
        [[0, 0, 98, 50], [2, 0, 100, 50], [150, 0, 300, 50], [400, 0, 500, 50]], np.float32
    )
    assert answered(pair, answers) == [0, None, 1, None]
    assert answered(np.zeros((0, 4), np.float32), answers) == [None] * 4
