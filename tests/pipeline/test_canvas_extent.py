from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from canvas_scenes import draw_glasses, extents
from pipeline.canvas import Extent, measure
from pipeline.errors import ValidationError

SIDES = st.tuples(st.floats(20, 30), st.floats(22, 40), st.floats(70, 90), st.floats(60, 75))


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Area coverage of a rectangle in a photo of 100 x 80 pixels."""

    def along(low: float, high: float, count: int) -> np.ndarray:
        start = np.arange(count)
        return np.clip(np.minimum(high, start + 1) - np.maximum(low, start), 0, 1)

    return np.outer(along(y0, y1, 80), along(x0, x1, 100)).astype(np.float32)


@given(SIDES)
@example((20.125, 22.0, 70.875, 61.25))  # edges that the hull's rounding adds to
def test_the_box_is_known_to_a_fraction_of_a_pixel(sides: tuple[float, ...]) -> None:
    assert measure(rectangle(*sides)).box == pytest.approx(sides, abs=0.11)


@pytest.mark.parametrize("degrees", [-40.0, -3.0, 0.0, 12.0, 90.0])
def test_the_box_of_turned_glasses_is_that_of_the_turned_outline(degrees: float) -> None:
    box = measure(rectangle(20, 30, 80, 60)).turned(degrees)
    angle = math.radians(degrees)
    corners = [(x, y) for x in (20, 80) for y in (30, 60)]
    xs = [x * math.cos(angle) - y * math.sin(angle) for x, y in corners]
    ys = [x * math.sin(angle) + y * math.cos(angle) for x, y in corners]
    assert box == pytest.approx((min(xs), min(ys), max(xs), max(ys)), abs=0.5)


@pytest.mark.parametrize("tilt", [-12.0, 0.0, 7.5])
def test_lens_centres_tell_the_tilt(tilt: float) -> None:
    matte, lenses = draw_glasses(tilt=tilt)
    one, two = measure(matte.alpha, lenses).lenses
    assert math.degrees(math.atan2(two.y - one.y, two.x - one.x)) == pytest.approx(tilt, abs=0.1)
    assert (one.x + two.x) / 2 == pytest.approx(200, abs=0.2)
    assert (one.y + two.y) / 2 == pytest.approx(150, abs=0.2)


def test_specks_of_the_lens_mask_are_no_lenses() -> None:
    matte, lenses = draw_glasses()
    lenses[10:13, 10:13] = True
    assert len(measure(matte.alpha, lenses).lenses) == 2


def test_a_front_view_is_symmetric_and_one_with_a_temple_is_not() -> None:
    matte, lenses = draw_glasses(tilt=8)
    assert measure(matte.alpha, lenses).symmetry > 0.97
    alpha = matte.alpha.copy()
    alpha[165:185, 300:395] = 1
    alpha[185:260, 375:395] = 1
    assert measure(alpha, lenses).symmetry < 0.9


@pytest.mark.parametrize(
    ("box", "touches"),
    [
        ((20, 20, 80, 60), ()),
        ((0, 20, 80, 60), ("left",)),
        ((20, 0, 80, 60), ("top",)),
        ((20, 20, 100, 60), ("right",)),
        ((0, 20, 80, 80), ("left", "bottom")),
        ((1, 1, 99, 79), ()),
    ],
)
def test_touched_borders_are_named(box: tuple[int, ...], touches: tuple[str, ...]) -> None:
    extent = measure(rectangle(*box))
    assert extent.touches == touches
    assert extent.box == pytest.approx(box, abs=0.01)


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_no_glasses_have_no_hull(level: float) -> None:
    extent = measure(np.full((20, 30), level, np.float32))
    assert extent.is_empty
    assert extent.box == (0, 0, 0, 0)


@given(extents())
@settings(max_examples=30)
def test_an_extent_survives_json(extent: Extent) -> None:
    assert Extent.from_dict(json.loads(json.dumps(extent.to_dict()))) == extent


@pytest.mark.parametrize(
    "told",
    [{}, {"size": [1, 2], "hull": 3}, {"size": [0, 2], "hull": [], "lenses": [], "touches": []}],
)
def test_what_is_no_extent_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Extent.from_dict({"symmetry": 0.0} | told)


def test_lenses_of_another_size_are_refused() -> None:
    with pytest.raises(ValidationError, match="differ in size"):
        measure(np.zeros((4, 5), np.float32), np.zeros((5, 4), np.bool_))
