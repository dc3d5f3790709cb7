"""Intervals cover what they should; breakdowns group what belongs together."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ValidationError
from pipeline.evaluation.statistics import (
    RESAMPLES,
    by_property,
    by_tag,
    mean_interval,
    rank_correlation,
    ratio_interval,
    summarise,
)


@settings(max_examples=15)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_mean_lies_within_its_interval_and_both_within_the_values(values: list[float]) -> None:
    found = mean_interval(values)
    assert min(values) - 1e-9 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= max(values) + 1e-9
    assert found.count == len(values)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(60):
        found = mean_interval(rng.normal(0.5, 0.1, 40).tolist())
        inside += found.low <= 0.5 <= found.high
    assert 50 <= inside <= 60


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(0).uniform(size=50).tolist()
    assert mean_interval(values) == mean_interval(values)


@pytest.mark.parametrize("photos", [2, 10, 37, 4001])
def test_a_ratio_s_interval_is_scipy_s(photos: int) -> None:
    from scipy.stats import bootstrap

    rng = np.random.default_rng(photos)
    wholes = rng.integers(1, 5, photos)
    parts = rng.integers(0, wholes + 1)
    for whole in (wholes, np.ones(photos)):
        theirs = bootstrap(
            (parts, whole),
            lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=500,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        got = ratio_interval(parts, whole)
        assert got.mean == pytest.approx(parts.sum() / whole.sum())
        assert (got.low, got.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_memory_of_an_interval_does_not_grow_with_the_photos() -> None:
    values = np.random.default_rng(0).random(50_000)
    tracemalloc.start()
    mean_interval(values.tolist())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6  # all draws at once would take 800 MB and more


@pytest.mark.parametrize("wholes", [[1.0], [1.0, 0.0], [1.0, float("inf")], [[1.0, 1.0]]])
def test_wholes_that_are_none_are_refused(wholes: list[float]) -> None:
    with pytest.raises(ValidationError, match="above 0"):
        ratio_interval([1.0, 0.5], wholes)


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_no_values_or_no_numbers_are_refused(values: list[float]) -> None:
    with pytest.raises(ValidationError):
        mean_interval(values)


def test_a_breakdown_by_tag_names_what_was_not_said() -> None:
    tags = [{"frame": "round", "set": "a"}, {"frame": "round", "set": "a"}, {"set": "a"}]
    (frame,) = by_tag(tags, [1.0, 0.5, 0.2])  # one value of "set" tells nothing apart
    assert frame.by == "frame"
    assert [(g.name, g.mean, g.count) for g in frame.groups] == [
        ("round", 0.75, 2),
        ("not said", 0.2, 1),
    ]


def test_a_breakdown_by_property_puts_every_photo_into_one_range() -> None:
    numbers = np.arange(40.0)
    broken = by_property([{"blur": v} for v in numbers], (numbers / 40).tolist())
    (blur,) = broken
    assert [g.count for g in blur.groups] == [10, 10, 10, 10]
    means = [g.mean for g in blur.groups]
    assert means == sorted(means)
    assert blur.groups[0].name.startswith("0 to")


@pytest.mark.parametrize("properties", [[{"blur": 1.0}] * 40, [{"blur": 1.0}, {}], []])
def test_a_property_that_tells_nothing_apart_gives_no_breakdown(
    properties: list[dict[str, float]],
) -> None:
    assert by_property(properties, [0.5] * len(properties)) == []


def test_rank_correlation_is_of_ranks() -> None:
    x = [0.1, 0.4, 0.5, 0.9]
    assert rank_correlation(x, [v**3 for v in x]) == pytest.approx(1)
    assert rank_correlation(x, [-v for v in x]) == pytest.approx(-1)
    assert rank_correlation(x, [1.0] * 4) is None


def test_a_figure_that_some_photos_lack_is_the_mean_of_the_others() -> None:
    found = summarise([{"iou": 1.0, "holes": 0.5}, {"iou": 0.0}], ["iou", "holes", "alpha_mae"])
    assert found["iou"].mean == 0.5 and found["holes"].count == 1 and "alpha_mae" not in found
