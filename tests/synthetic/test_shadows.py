"""Soft shadows: dark at contacts, softer and paler from higher up."""

from __future__ import annotations

import numpy as np
import pytest

from synthetic.shadows import key_shadow, occlusion


def caster(height: float) -> tuple[np.ndarray, np.ndarray]:
    heights = np.full((200, 200), height, np.float32)
    density = np.zeros((200, 200), np.float32)
    density[95:105, 20:180] = 1
    return heights, density


@pytest.mark.parametrize("function", ["key", "sky"])
def test_nothing_above_casts_no_shadow(function: str) -> None:
    empty = np.zeros((50, 50), np.float32)
    lit = key_shadow(empty, empty, 0.2, 0.5) if function == "key" else occlusion(empty, empty, 0.5)
    assert lit.min() == 1.0


def test_contact_shadow_is_dark_and_sharp() -> None:
    lit = key_shadow(*caster(0.5), 0.2, 0.5)
    assert lit[100, 100] < 0.05
    assert lit[115, 100] > 0.98


def test_high_casters_throw_softer_shadows() -> None:
    low, high = (key_shadow(*caster(h), 0.3, 0.5) for h in (3.0, 60.0))
    assert high[100, 100] > low[100, 100] + 0.2
    assert high[120, 100] < low[120, 100]


def test_occlusion_stays_in_range() -> None:
    lit = occlusion(*caster(8.0), 0.5)
    assert 0.2 < lit.min() < 0.95
    assert lit.max() <= 1.0
