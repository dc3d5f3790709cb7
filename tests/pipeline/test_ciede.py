"""CIEDE2000 against the published test pairs and the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from pipeline.errors import ValidationError
from pipeline.evaluation.ciede import ciede2000, lab_difference

# Sharma, Wu and Dalal 2005, table 1: pairs on which implementations have gone wrong.
PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "wanted"), PUBLISHED)
def test_the_published_pairs_come_out(
    first: tuple[float, ...], second: tuple[float, ...], wanted: float
) -> None:
    found = lab_difference(np.array([first], np.float64), np.array([second], np.float64))
    assert found[0] == pytest.approx(wanted, abs=1e-4)


def test_it_agrees_with_the_reference_on_any_colours() -> None:
    first, second = np.random.default_rng(0).integers(0, 256, (2, 3000, 3)).astype(np.uint8)
    wanted = deltaE_ciede2000(rgb2lab(first[None]), rgb2lab(second[None]))[0]
    off = np.abs(ciede2000(first, second) - wanted)
    # Between hues that face each other the formula jumps, so a rounding there is no fault.
    assert np.percentile(off, 99.8) < 0.01


def test_equal_colours_do_not_differ() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert ciede2000(grey, grey).max() == 0


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValidationError, match="colours"):
        ciede2000(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8))
