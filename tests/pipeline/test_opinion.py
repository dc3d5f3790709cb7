"""Whether a pair is one, by what detector and segmenter say together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ValidationError
from pipeline.opinion import Opinion, fit_opinion

OPINIONS = st.builds(Opinion, st.floats(0.2, 4), st.floats(0, 6), st.floats(-4, 4))
SHARES = st.floats(0.01, 0.99)


def chance(opinion: Opinion, score: float, quality: float) -> float:
    told = opinion.probability(np.array([score], np.float32), np.array([quality], np.float32))
    assert told.dtype == np.float32
    return float(told[0])


@given(OPINIONS, SHARES, SHARES, SHARES)
def test_a_surer_network_never_makes_a_pair_less_probable(
    opinion: Opinion, score: float, quality: float, other: float
) -> None:
    low, high = sorted((quality, other))
    assert chance(opinion, score, low) <= chance(opinion, score, high) + 1e-6
    low, high = sorted((score, other))
    assert chance(opinion, low, quality) <= chance(opinion, high, quality) + 1e-6


@given(OPINIONS, SHARES, st.floats(0.05, 0.95))
def test_no_mask_saves_what_is_below_the_least_score(
    opinion: Opinion, quality: float, probability: float
) -> None:
    least = opinion.least(probability)
    if least * 0.99 > 2e-6:
        assert chance(opinion, least * 0.99, quality) < probability
    if 2e-6 < least < 1 - 1e-5:
        assert chance(opinion, least, 1.0) == pytest.approx(probability, abs=1e-3)


def test_the_fit_finds_what_pairs_were_drawn_from() -> None:
    rng = np.random.default_rng(3)
    scores = rng.uniform(0.05, 0.95, 20_000)
    quality = rng.uniform(0.2, 1, 20_000)
    meant = Opinion(0.8, 3.0, -1.5)
    right = rng.random(20_000) < meant.probability(scores, quality)
    found = fit_opinion(list(scores), list(quality), list(right))
    assert found.score == pytest.approx(meant.score, abs=0.1)
    assert found.quality == pytest.approx(meant.quality, abs=0.3)
    assert found.offset == pytest.approx(meant.offset, abs=0.2)


def test_a_quality_that_misleads_does_not_count() -> None:
    scores, right = [0.9, 0.8, 0.2, 0.1] * 5, [True, True, False, False] * 5
    assert fit_opinion(scores, [0.1, 0.2, 0.8, 0.9] * 5, right).quality == 0


@pytest.mark.parametrize("right", [[True, True], [False, False], []])
def test_an_opinion_needs_both_kinds_of_pairs(right: list[bool]) -> None:
    with pytest.raises(ValidationError, match="pairs that are none"):
        fit_opinion([0.5] * len(right), [0.5] * len(right), right)


@pytest.mark.parametrize("numbers", [(0, 1, 0), (-1, 1, 0), (1, -1, 0), (1, 1, float("nan"))])
def test_an_opinion_against_the_networks_is_refused(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(ValidationError, match="opinion"):
        Opinion(*numbers)
