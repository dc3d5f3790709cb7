"""Hands of portraits have the measures of hands, and hold what they are raised to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from synthetic.hands import bend_fingers, raise_hands
from synthetic.heads import sample_head
from synthetic.materials import Material
from synthetic.props import Thing

SKIN, CLOTH = Material((0.8, 0.6, 0.5)), Material((0.1, 0.1, 0.4))


def hands_of(seed: int) -> Sequence[Thing]:
    rng = np.random.default_rng(seed)
    return raise_hands(rng, sample_head(rng, 140.0), SKIN, CLOTH)


@pytest.mark.parametrize("seed", range(8))
def test_fingers_are_as_long_as_real_ones_and_thumb_and_index_meet(seed: int) -> None:
    thumb, *fingers = bend_fingers(np.random.default_rng(seed)).paths
    for path in fingers:
        assert 60 < np.linalg.norm(np.diff(path, axis=0), axis=1).sum() < 100
    assert np.linalg.norm(thumb[-1] - fingers[0][-1]) < 15


def test_some_people_raise_no_hand_some_one_some_both() -> None:
    skins = [sum(thing.material is SKIN for thing in hands_of(seed)) for seed in range(200)]
    one = 5 + 1 + 1  # fingers, palm and forearm
    assert set(skins) == {0, one, 2 * one}
    assert 100 < skins.count(0) < 150
    assert 5 < skins.count(2 * one) < 30


def test_finger_tips_touch_the_head_or_what_it_wears() -> None:
    for seed in range(60):
        things = hands_of(seed)
        for thumb in things[: 1 if things else 0]:
            tip = thumb.mesh.positions[-1]
            assert abs(tip[0]) < 95
            assert -125 < tip[1] < 35
            assert -70 < tip[2] < 50


def test_elbows_are_below_hands() -> None:
    for seed in range(60):
        skin = [thing.mesh.positions for thing in hands_of(seed) if thing.material is SKIN]
        for arm in range(0, len(skin), 7):
            hand, forearm = np.concatenate(skin[arm : arm + 6]), skin[arm + 6]
            assert forearm[:, 1].min() < hand[:, 1].min() - 60
