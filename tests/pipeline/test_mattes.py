"""Figures of mattes agree with scipy's Gaussian derivatives and with sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from odd_masks import every_pair, pairs
from pipeline.errors import ValidationError
from pipeline.evaluation.mattes import matte_figures

Pair = tuple[np.ndarray, np.ndarray]


def plain_gradient(alpha: np.ndarray) -> np.ndarray:
    """Magnitude of the derivatives of a Gaussian of 1.4 pixels, as kernels of unit norm."""
    impulse = np.zeros((17, 17))
    impulse[8, 8] = 1
    parts = []
    for order in ((0, 1), (1, 0)):
        options = {"sigma": 1.4, "order": order, "mode": "nearest", "radius": 4}
        norm = np.linalg.norm(gaussian_filter(impulse, **options))
        parts.append(gaussian_filter(alpha.astype(np.float64), **options) / norm)
    return np.asarray(np.hypot(*parts))


def soft(mask: np.ndarray, seed: int) -> np.ndarray:
    alpha = mask * np.random.default_rng(seed).random(mask.shape)
    return np.asarray(gaussian_filter(alpha, 0.7, truncate=2), np.float32)


@every_pair(seed=1, hard=True)
@every_pair(seed=1, hard=False)
@given(pairs(), st.integers(0, 99), st.booleans())
@settings(max_examples=80)
def test_agree_with_plain_sums(pair: Pair, seed: int, hard: bool) -> None:
    truth, pred = (np.asarray(m, np.float32) for m in pair)
    if not hard:
        truth, pred = soft(pair[0], seed), soft(pair[1], seed + 100)
    apart = abs(truth.astype(np.float64) - pred)
    got = matte_figures(truth, pred)
    assert got["alpha_mae"] == pytest.approx(apart.mean(), abs=1e-6)
    assert got["alpha_sad"] == pytest.approx(apart.sum() / 1000, abs=1e-6)
    steps = (plain_gradient(truth) - plain_gradient(pred)) ** 2
    assert got["alpha_gradient"] == pytest.approx(steps.sum() / 1000, abs=1e-6)


def test_equal_mattes_and_empty_mattes_differ_by_nothing() -> None:
    alpha = soft(np.ones((20, 30), bool), 1)
    nothing = {"alpha_mae": 0.0, "alpha_sad": 0.0, "alpha_gradient": 0.0}
    assert matte_figures(alpha, alpha) == nothing
    assert matte_figures(alpha * 0, alpha * 0) == nothing


def test_space_around_the_mattes_costs_the_mean_alone() -> None:
    truth, pred = (np.pad(soft(np.ones((20, 30), bool), seed), 9) for seed in (1, 2))
    wide = matte_figures(np.pad(truth, 40), np.pad(pred, 40))
    near = matte_figures(truth, pred)
    assert wide["alpha_sad"] == near["alpha_sad"]
    assert wide["alpha_gradient"] == pytest.approx(near["alpha_gradient"])
    assert wide["alpha_mae"] < near["alpha_mae"]


def test_a_blurred_edge_costs_gradient_and_a_shade_does_not() -> None:
    edge = np.zeros((40, 40), np.float32)
    edge[:, 20:] = 1
    blurred = matte_figures(edge, gaussian_filter(edge, 2))
    shaded = matte_figures(edge, edge * np.float32(0.97))
    assert blurred["alpha_sad"] == pytest.approx(shaded["alpha_sad"], rel=3)
    assert blurred["alpha_gradient"] > 50 * shaded["alpha_gradient"]


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"\(4, 5\).*\(5, 4\)"):
        matte_figures(np.zeros((4, 5), np.float32), np.zeros((5, 4), np.float32))
