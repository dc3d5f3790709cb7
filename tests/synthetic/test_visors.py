"""Sports glasses with one wide lens have the sizes of real ones, and every part a material."""

from __future__ import annotations

import numpy as np
import pytest

from synthetic.visors import build, dress_visor, sample_visor


@pytest.mark.parametrize("seed", range(12))
def test_visors_are_as_large_as_real_ones(seed: int) -> None:
    parts = build(sample_visor(np.random.default_rng(seed)))
    front = np.concatenate([p.mesh.positions for p in parts if p.slot in ("front", "lens")])
    width, height, _ = np.ptp(front, axis=0)
    assert 115 < width < 165
    assert 30 < height < 75


@pytest.mark.parametrize("seed", range(12))
def test_every_part_finds_a_material_and_there_is_one_lens(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = build(sample_visor(rng))
    assert {p.slot for p in parts} <= set(dress_visor(rng).slots)
    assert sum(p.is_lens for p in parts) == 1
    assert all(np.isfinite(p.mesh.positions).all() for p in parts)


def test_some_lenses_end_freely_below() -> None:
    visors = [sample_visor(np.random.default_rng(seed)) for seed in range(30)]
    lowest: dict[bool, list[float]] = {True: [], False: []}
    for visor in visors:
        rim = next(p for p in build(visor) if p.slot == "front").mesh.positions[:, 1].min()
        lens = next(p for p in build(visor) if p.is_lens).mesh.positions[:, 1].min()
        lowest[visor.rimmed].append(rim - lens)
    assert max(lowest[True]) < 0 < min(lowest[False])
