from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvas_scenes import draw_glasses, extents, preset, presets
from pipeline.canvas import CanvasPreset, Extent, Lens, Placement, measure, place
from pipeline.canvas.place import TILT
from pipeline.errors import ValidationError

GROUPS = st.lists(extents(), min_size=1, max_size=4)


def landed(placement: Placement, points: tuple[tuple[float, float], ...]) -> np.ndarray:
    return np.array(points) @ placement.matrix[:, :2].T + placement.matrix[:, 2]


@given(GROUPS, presets())
@settings(max_examples=200)
def test_glasses_keep_the_margins_and_land_in_their_box(
    group: list[Extent], canvas: CanvasPreset
) -> None:
    for extent in group:
        placement = place(extent, canvas, group)
        size = np.array(placement.size)
        points = landed(placement, extent.hull)
        assert (points >= canvas.margin * size - 1e-6).all()
        assert (points <= (1 - canvas.margin) * size + 1e-6).all()
        low, high = points.min(axis=0), points.max(axis=0)
        assert [*low, *high] == pytest.approx(placement.box, abs=1e-6)
        assert (low + high)[0] / 2 == pytest.approx(size[0] / 2)


@given(GROUPS, presets())
@settings(max_examples=200)
def test_the_largest_fills_its_share_unless_something_holds_it(
    group: list[Extent], canvas: CanvasPreset
) -> None:
    assert canvas.fill is not None
    for extent in group:
        placement = place(extent, canvas, group)
        if placement.limit == "fill":
            assert placement.fill == pytest.approx(canvas.fill.target)
        else:
            assert placement.fill <= canvas.fill.target
        if placement.limit == "upscaling":
            assert placement.scale == canvas.max_upscaling
        assert placement.scale <= canvas.max_upscaling
        assert placement.limit != "room" or canvas.baseline is not None
    boxes = [place(extent, canvas, group).box for extent in group]
    shares = [
        max((b[2] - b[0]) / placement.size[0], (b[3] - b[1]) / placement.size[1]) for b in boxes
    ]
    widest = max(b[2] - b[0] for b in boxes) / placement.size[0]
    tallest = max(b[3] - b[1] for b in boxes) / placement.size[1]
    assert max(shares) == pytest.approx(max(widest, tallest))
    assert placement.fill == pytest.approx(max(shares))


@given(GROUPS, presets())
@settings(max_examples=200)
def test_a_group_shares_canvas_scale_and_baseline(
    group: list[Extent], canvas: CanvasPreset
) -> None:
    placements = [place(extent, canvas, group) for extent in group]
    first = placements[0]
    for extent, placement in zip(group, placements, strict=True):
        assert placement.size == first.size
        assert placement.scale == first.scale
        assert placement.box[3] == pytest.approx(first.box[3], abs=1e-6)
        if canvas.baseline is not None:
            assert placement.box[3] == pytest.approx(canvas.baseline * placement.size[1])
        assert place(extent, canvas, [e for e in group if e is not extent]) == placement


@given(extents(), presets())
@settings(max_examples=100)
def test_alone_without_a_baseline_glasses_stand_in_the_middle(
    extent: Extent, canvas: CanvasPreset
) -> None:
    placement = place(extent, canvas.model_copy(update={"baseline": None}))
    assert (placement.box[1] + placement.box[3]) / 2 == pytest.approx(placement.size[1] / 2)


@given(extents(), presets() | st.just(CanvasPreset(straighten=True)))
@settings(max_examples=200)
def test_lens_centres_of_a_front_view_are_level(extent: Extent, canvas: CanvasPreset) -> None:
    placement = place(extent, canvas)
    if not canvas.straighten or not extent.lenses:
        assert placement.rotation == 0
        return
    one, two = landed(placement, tuple((lens.x, lens.y) for lens in extent.lenses))
    assert one[1] == pytest.approx(two[1], abs=1e-6)
    assert one[0] < two[0]


@given(extents())
@settings(max_examples=100)
def test_levelled_in_place_glasses_stay_on_the_photo_if_they_can(extent: Extent) -> None:
    placement = place(extent, CanvasPreset(straighten=True))
    assert placement.scale == 1
    assert placement.size == extent.size
    size = np.array(extent.size)
    points = landed(placement, extent.hull)
    for axis in (0, 1):
        if np.ptp(points[:, axis]) <= size[axis]:
            assert points[:, axis].min() >= -1e-6
            assert points[:, axis].max() <= size[axis] + 1e-6


@given(GROUPS)
@settings(max_examples=30)
def test_the_source_canvas_moves_nothing(group: list[Extent]) -> None:
    placement = place(group[0], CanvasPreset(), group)
    assert placement.moves_nothing
    assert placement.box == pytest.approx(group[0].box)


FRONT = Extent(
    (400, 300),
    ((50.0, 100.0), (350.0, 100.0), (350.0, 200.0), (50.0, 200.0)),
    (Lens(130, 150, 1000), Lens(270, 160, 950)),
    symmetry=0.95,
)


@pytest.mark.parametrize(
    ("change", "turns"),
    [
        ({}, True),
        ({"symmetry": 0.6}, False),
        ({"lenses": ()}, False),
        ({"lenses": (Lens(130, 150, 1000),)}, False),
        ({"lenses": (*FRONT.lenses, Lens(350, 170, 900))}, False),
        ({"lenses": (Lens(130, 150, 1000), Lens(270, 160, 600))}, False),
        ({"lenses": (Lens(130, 150, 1000), Lens(270, 200, 1000))}, False),
    ],
)
def test_only_front_views_are_levelled(change: dict[str, object], turns: bool) -> None:
    placement = place(replace(FRONT, **change), preset(straighten=True))  # type: ignore[arg-type]
    assert (placement.rotation != 0) is turns
    assert abs(placement.rotation) <= TILT


def test_a_drawn_front_view_is_levelled() -> None:
    matte, lenses = draw_glasses(tilt=9)
    placement = place(measure(matte.alpha, lenses), preset(straighten=True))
    assert placement.rotation == pytest.approx(-9, abs=0.1)


@pytest.mark.parametrize(
    ("told", "size"),
    [
        ({"aspect": 1.0}, (375, 375)),
        ({"aspect": 1.5}, (375, 250)),
        ({"aspect": 0.5}, (375, 750)),
        ({"aspect": 5.0}, (625, 125)),
        ({"aspect": 1.0, "least_side": 1000}, (1000, 1000)),
        ({"aspect": 1.0, "most_side": 200}, (200, 200)),
    ],
)
def test_a_canvas_of_an_aspect_is_cut_around_the_glasses(
    told: dict[str, object], size: tuple[int, int]
) -> None:
    placement = place(FRONT, preset(**told))
    assert placement.size == size
    assert placement.fill == pytest.approx(0.8)
    if len(told) == 1:
        assert placement.scale == pytest.approx(1.0)


def test_empty_photos_change_nothing_for_their_group() -> None:
    empty = Extent((400, 300), ())
    assert place(FRONT, preset(), [empty]) == place(FRONT, preset())
    assert place(empty, preset()).size == (300, 240)
    assert place(empty, preset(), [FRONT]).scale == place(FRONT, preset()).scale


@pytest.mark.parametrize(
    "told", [{"size": (0, 3)}, {"size": (3, 3), "scale": 0.0}, {"size": (3, 3), "fill": np.nan}]
)
def test_a_placement_that_cannot_be_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Placement(**told)  # type: ignore[arg-type]
