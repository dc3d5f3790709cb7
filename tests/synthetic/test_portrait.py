"""Heads fit the glasses that they wear, and portraits are labelled like other scenes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthetic.assets import Assets
from synthetic.heads import build_head, sample_head, sample_looks
from synthetic.portrait import sample_portrait
from synthetic.renderer import Renderer

SIZE = (160, 120)


@pytest.mark.parametrize("seed", range(6))
def test_a_head_is_as_large_as_a_real_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    head, looks = sample_head(rng, 134.0), sample_looks(rng, Assets())
    skull = build_head(rng, head, looks)[0].mesh.positions
    width, height, depth = np.ptp(skull, axis=0)
    assert 125 < width < 145
    assert 190 < height < 260
    assert 170 < depth < 260


@pytest.mark.parametrize("seed", range(6))
def test_the_nose_stands_out_between_the_lenses_and_the_eyes_lie_behind_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    head, looks = sample_head(rng, 134.0), sample_looks(rng, Assets())
    skull = build_head(rng, head, looks)[0].mesh.positions
    middle = skull[(np.abs(skull[:, 0]) < 6) & (skull[:, 2] > -60)]
    tip = middle[middle[:, 2].argmax()]
    assert -55 < tip[1] < -20
    eyes = skull[(np.abs(np.abs(skull[:, 0]) - 31) < 5) & (np.abs(skull[:, 1]) < 6)]
    assert eyes[eyes[:, 2] > -80][:, 2].max() < -8, "the lenses are at 0"


@pytest.mark.parametrize("seed", range(4))
def test_nobody_wears_what_is_not_asked_for(seed: int) -> None:
    bare = sample_portrait(seed, Assets(), SIZE, with_glasses=False)
    assert all(item.pair == -1 for item in bare.items)
    worn = sample_portrait(seed, Assets(), SIZE, with_glasses=True)
    assert {item.pair for item in worn.items} == {-1, 0}
    assert worn.tags["set"] == "portrait"


def test_the_same_seed_gives_the_same_portrait() -> None:
    first, second = (sample_portrait(7, Assets(), SIZE, with_glasses=True) for _ in range(2))
    assert len(first.items) == len(second.items)
    for one, other in zip(first.items, second.items, strict=True):
        assert np.array_equal(one.mesh.positions, other.mesh.positions)


def test_the_head_hides_what_is_behind_it(renderer: Renderer) -> None:
    hidden = shown = 0
    for seed in range(4):
        scene = sample_portrait(seed, Assets(), (240, 180), with_glasses=True)
        (worn,) = renderer.draw(scene).instances
        alone = tuple(item for item in scene.items if item.pair == 0)
        (free,) = renderer.draw(replace(scene, items=alone)).instances
        hidden += int(((free.alpha > 127) & (worn.alpha < 100)).sum())
        shown += int((worn.alpha > 127).sum())
        assert not ((worn.alpha > 160) & (free.alpha < 100)).any()
    assert 0.02 * shown < hidden < shown
