"""Each figure sees its own fault, and is left out where nothing speaks for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odd_masks import pairs
from pipeline.errors import ValidationError
from pipeline.evaluation.measures import MEASURES, measure
from pipeline.evaluation.metrics import METRICS, score
from pipeline.evaluation.truth import Prediction, TruthMasks, box_around

Pair = tuple[np.ndarray, np.ndarray]


def labelled(glasses: np.ndarray, **more: np.ndarray) -> TruthMasks:
    return TruthMasks(glasses, box_around(glasses), **more)


def ring() -> np.ndarray:
    """A square with two square holes."""
    mask = np.zeros((120, 200), bool)
    mask[20:100, 20:180] = True
    mask[40:80, 40:80] = mask[40:80, 120:160] = False
    return mask


def round_mask(wobble: float = 0.0, shift: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[:240, :240] - 120.0 - shift
    return np.asarray(np.hypot(x, y) < 90 + wobble * np.sin(40 * np.arctan2(y, x)))


@given(pairs())
@settings(max_examples=40)
def test_the_yardstick_s_figures_are_taken_over(pair: Pair) -> None:
    got = measure(labelled(pair[0]), Prediction(pair[1]))
    assert {name: got[name] for name in METRICS} == score(*pair)


@given(pairs(), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=40)
def test_the_place_in_the_photo_changes_nothing(pair: Pair, left: int, top: int) -> None:
    """What the window rests on."""
    wide = [np.pad(m, 45) for m in pair]
    moved = [np.roll(m, (top, left), axis=(0, 1)) for m in wide]
    got, want = (measure(labelled(t), Prediction(p)) for t, p in (moved, wide))
    assert got == pytest.approx(want)


@given(pairs())
@settings(max_examples=40)
def test_shares_stay_shares(pair: Pair) -> None:
    got = measure(labelled(pair[0], lens=pair[0]), Prediction(pair[1]))
    units = {m.name: m.unit for m in MEASURES}
    assert all(value >= 0 for value in got.values())
    assert all(got[name] <= 1 for name in got if units[name] == "share")


def test_a_perfect_mask_has_every_figure_at_its_best() -> None:
    mask = ring()
    mask[50, 180:195] = True  # a thin temple
    lens, alpha = mask & (np.arange(200) > 110), mask.astype(np.float32)
    got = measure(labelled(mask, lens=lens, alpha=alpha), Prediction(mask, alpha))
    assert list(got) == [m.name for m in MEASURES]
    assert got.pop("roughness") > 0  # of this mask's own corners
    assert got == {m.name: float(m.better == "higher") for m in MEASURES if m.name in got}


def test_figures_that_nothing_speaks_for_are_left_out() -> None:
    truth = np.zeros((60, 80), bool)
    truth[20:40, 20:60] = True
    got = measure(labelled(truth, alpha=truth.astype(np.float32)), Prediction(truth & False))
    expected = {*METRICS, "dice", "recall", "boundary_iou", "boundary_f", "holes_extra"}
    assert set(got) == expected
    assert [got[name] for name in ("dice", "recall", "boundary_f", "holes_extra")] == [0, 0, 0, 0]


def test_lens_labels_without_frame_speak_for_the_lens_alone() -> None:
    got = measure(labelled(ring(), lens=ring()), Prediction(ring()))
    assert got["lens"] == 1
    assert "frame" not in got


def test_a_hole_filled_and_one_too_many_are_told_apart() -> None:
    pred = ring()
    pred[40:80, 40:80] = True
    pred[85:95, 95:105] = False
    got = measure(labelled(ring()), Prediction(pred))
    assert (got["holes_found"], got["holes_extra"]) == (0.5, 1)
    assert got["holes_area"] == pytest.approx(1600 / 3300)


def test_a_hole_half_as_large_is_still_found_and_a_smaller_one_not() -> None:
    for rows, right in ((20, 1.0), (21, 0.5)):
        pred = ring()
        pred[40 : 40 + rows, 40:80] = True
        got = measure(labelled(ring()), Prediction(pred))
        assert (got["holes_found"], got["holes_extra"]) == (right, 0 if right == 1 else 1)


def test_a_gap_that_opens_to_the_outside_is_no_hole() -> None:
    pred = ring()
    pred[20:40, 60] = False
    got = measure(labelled(ring()), Prediction(pred))
    assert (got["holes_found"], got["holes_extra"]) == (0.5, 0)


@pytest.mark.parametrize(("shift", "tolerance", "best"), [(2, 2, 1), (3, 2, 0), (3, 3, 1)])
def test_contours_agree_up_to_the_tolerance(shift: int, tolerance: int, best: int) -> None:
    moved = np.roll(ring(), shift, axis=1)
    got = measure(labelled(ring()), Prediction(moved), tolerance=tolerance)["boundary_f"]
    assert (got == 1) == bool(best)
    assert got > 0.5


def rough(mask: np.ndarray) -> float:
    return measure(labelled(np.ones_like(mask)), Prediction(mask))["roughness"]


def test_a_jagged_contour_is_rough_and_a_round_one_is_not() -> None:
    smooth, jagged, worse = (rough(round_mask(wobble)) for wobble in (0, 1, 2))
    assert smooth < 0.15
    assert 0.5 < jagged < 0.9
    assert 1 < worse < 1.6


@pytest.mark.parametrize("shift", [0.1, 0.25, 0.5, 0.75])
def test_roughness_hardly_depends_on_where_the_pixels_lie(shift: float) -> None:
    assert rough(round_mask(0, shift)) == pytest.approx(rough(round_mask()), abs=0.03)
    assert rough(round_mask(2, shift)) == pytest.approx(rough(round_mask(2)), abs=0.06)


def test_measures_are_named_once_and_explained() -> None:
    assert len({m.name for m in MEASURES}) == len(MEASURES)
    assert all(m.label.endswith(".") and len(m.label) < 70 for m in MEASURES)
    assert tuple(m.name for m in MEASURES)[:5] == METRICS


@pytest.mark.parametrize(
    ("truth", "pred", "tolerance", "words"),
    [
        (ring(), ring().T, 2.0, r"\(120, 200\).*\(200, 120\)"),
        (ring() & False, ring(), 2.0, "empty"),
        (ring(), ring(), -1.0, "tolerance"),
        (ring(), ring(), float("nan"), "tolerance"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    truth: np.ndarray, pred: np.ndarray, tolerance: float, words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        measure(labelled(truth), Prediction(pred), tolerance=tolerance)


def test_a_matte_of_another_size_is_refused() -> None:
    with pytest.raises(ValidationError, match="matte"):
        measure(
            labelled(ring(), alpha=ring().astype(np.float32)),
            Prediction(ring(), alpha=np.zeros((3, 3), np.float32)),
        )
