"""Glasses have the sizes of real ones, fold at their hinges and lie still."""

from __future__ import annotations

import numpy as np
import pytest

from synthetic.glasses import BUILDS, build, sample_spec
from synthetic.materials import dress
from synthetic.pose import rest


def points(spec_seed: int, fold: str) -> np.ndarray:
    parts = build(sample_spec(np.random.default_rng(spec_seed), fold))
    return np.concatenate([p.mesh.positions for p in parts])


@pytest.mark.parametrize("seed", range(12))
def test_open_glasses_are_as_large_as_real_ones(seed: int) -> None:
    size = np.ptp(points(seed, "open"), axis=0)
    assert 100 < size[0] < 185
    assert 20 < size[1] < 130
    assert 110 < size[2] < 185


def test_few_glasses_are_smaller_than_those_of_grown_ups() -> None:
    widths = np.array([np.ptp(points(seed, "open")[:, 0]) for seed in range(60)])
    assert np.percentile(widths, 5) > 105
    assert 120 < np.median(widths) < 150


@pytest.mark.parametrize("seed", range(12))
def test_folded_glasses_are_flat(seed: int) -> None:
    assert np.ptp(points(seed, "folded")[:, 2]) < 60


@pytest.mark.parametrize("seed", range(8))
def test_a_pair_has_two_lenses_left_and_right_of_the_bridge(seed: int) -> None:
    parts = build(sample_spec(np.random.default_rng(seed), "open"))
    centres = sorted(float(p.mesh.positions[:, 0].mean()) for p in parts if p.is_lens)
    assert len(centres) == 2
    assert centres[0] < -20 and centres[1] > 20
    assert centres[0] == pytest.approx(-centres[1], abs=0.01)


def test_every_build_occurs_and_every_part_finds_a_material() -> None:
    seen = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        spec = sample_spec(rng)
        outfit = dress(rng, spec.build, (None, None), None)
        assert {p.slot for p in build(spec)} <= set(outfit.slots)
        seen.add(spec.build)
    assert seen == set(BUILDS)


@pytest.mark.parametrize("kind", ["turntable", "white", "flat", "table"])
def test_resting_glasses_touch_the_set_and_nothing_sinks_into_it(kind: str) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        parts = build(sample_spec(rng))
        pose = rest(rng, parts, kind)
        heights = np.concatenate([p.mesh.transformed(pose).positions[:, 1] for p in parts])
        assert heights.min() > -2.5
        assert heights.min() < 41
