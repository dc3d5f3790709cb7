from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from canvas_scenes import draw_glasses, preset
from pipeline.canvas import (
    Canvas,
    CanvasPreset,
    Extent,
    Placement,
    ShadowKind,
    check,
    measure,
    place,
    render,
)
from pipeline.config import canvas_names, load_canvas
from pipeline.images import read_photo, read_raw
from pipeline.types import Bytes, Matte

SAMPLES = Path(__file__).resolve().parents[2] / "datasets" / "samples"


@cache
def samples() -> tuple[tuple[Matte, Extent, Bytes], ...]:
    """Matte, extent and photo of each sample with glasses, from the labels."""
    found = []
    for path in sorted((SAMPLES / "images").glob("*.jpg")):
        labels = [read_raw(p) for p in sorted((SAMPLES / "masks").glob(f"{path.stem}_*.png"))]
        if labels:
            frame, lens = (sum(m[..., c].astype(np.float32) for m in labels) / 255 for c in (0, 1))
            photo = read_photo(path, path.name).rgb
            matte = Matte(np.clip(frame + lens, 0, 1).astype(np.float32), photo)
            found.append((matte, measure(matte.alpha, lens > 0.5), photo))
    return tuple(found)


@pytest.mark.parametrize("name", canvas_names())
def test_every_preset_passes_on_the_sample_catalogue(name: str) -> None:
    canvas = load_canvas(name)
    assert len(samples()) == 10
    kinds: tuple[ShadowKind, ...] = ("none", "natural", "soft")
    for index, (matte, extent, photo) in enumerate(samples()):
        placement = place(extent, canvas)
        picture = render(matte, placement, kinds[index % 3], photo)
        verdict = check(picture, extent, placement, canvas)
        assert verdict.passed, verdict.reasons


@pytest.mark.parametrize("name", canvas_names())
def test_a_group_of_samples_passes_as_its_largest_does(name: str) -> None:
    canvas = load_canvas(name)
    group = [extent for _, extent, _ in samples()[:4]]
    for matte, extent, _ in samples()[:4]:
        placement = place(extent, canvas, group)
        verdict = check(render(matte, placement), extent, placement, canvas)
        assert verdict.passed, verdict.reasons


@dataclass(frozen=True)
class Case:
    """What `check` takes."""

    canvas: Canvas
    extent: Extent
    placement: Placement
    preset: CanvasPreset


def good(shadow: ShadowKind = "none", **told: object) -> Case:
    matte, lenses = draw_glasses()
    canvas, extent = preset(**told), measure(matte.alpha, lenses)
    placement = place(extent, canvas)
    return Case(render(matte, placement, shadow), extent, placement, canvas)


def spot(case: Case, row: int, column: int, value: int = 254) -> Case:
    white = case.canvas.white.copy()
    white[row, column, 1] = value
    return replace(case, canvas=replace(case.canvas, white=white))


def wanting(case: Case, **told: object) -> Case:
    return replace(case, preset=preset(**told))


def moved(case: Case, **told: object) -> Case:
    """The picture of another placement, the old one's still claimed."""
    matte, _ = draw_glasses()
    canvas = render(matte, replace(case.placement, **told))  # type: ignore[arg-type]
    return replace(case, canvas=canvas)


def cropped(case: Case) -> Case:
    canvas = case.canvas
    matte = Matte(canvas.matte.alpha[:-1], canvas.matte.foreground[:-1])
    return replace(case, canvas=Canvas(canvas.white[:-1], matte))


def emptied(case: Case) -> Case:
    canvas = case.canvas
    matte = Matte(np.zeros_like(canvas.matte.alpha), canvas.matte.foreground)
    return replace(case, canvas=Canvas(np.full_like(canvas.white, 255), matte))


def small_photo() -> Case:
    return good(max_upscaling=1.0, size=(900, 700))


VIOLATIONS: list[tuple[str, Callable[[], Case], set[str], str]] = [
    (
        "a grey corner",
        lambda: spot(good(), 0, -1),
        {"corners", "border", "background"},
        "1 pixel in the corners",
    ),
    (
        "a grey border",
        lambda: spot(good(), 100, 0),
        {"border", "background"},
        "1 pixel on the border",
    ),
    ("a grey speck", lambda: spot(good(), 20, 30), {"background"}, "1 pixel of the background"),
    (
        "a speck beyond the shadow",
        lambda: spot(good("soft"), 10, 150),
        {"background"},
        "1 pixel of the background",
    ),
    ("too small", lambda: cropped(good()), {"size"}, "300 x 239 pixels, not 300 x 240"),
    ("another size", lambda: wanting(good(), size=(320, 240)), {"size"}, "not 320 x 240"),
    ("another aspect", lambda: wanting(good(), aspect=1.0), {"aspect"}, "width by height 1"),
    ("wide, not upright", lambda: wanting(good(), aspect=0.8), {"aspect"}, "width by height 0.8"),
    (
        "too few pixels",
        lambda: wanting(good(aspect=1.0), aspect=1.0, least_side=1600),
        {"longest side"},
        "not 1600 to",
    ),
    (
        "too many pixels",
        lambda: wanting(good(aspect=1.0), aspect=1.0, most_side=200),
        {"longest side"},
        "not 1 to 200",
    ),
    (
        "little of the canvas filled",
        lambda: moved(good(), scale=0.2, shift=(110.0, 90.0)),
        {"fill"},
        "not 50 to 90 %",
    ),
    (
        "a photo too small to fill it",
        small_photo,
        {"fill"},
        "the photo has too few pixels",
    ),
    (
        "too much of the canvas filled",
        lambda: wanting(good(), fill={"target": 0.6, "most": 0.7}),
        {"fill"},
        "take up 80.0 %",
    ),
    (
        "near the border",
        lambda: moved(good(), shift=(good().placement.shift[0] - 20, 0.0)),
        {"margin"},
        "less than 5 %",
    ),
    (
        "clipped",
        lambda: moved(good(), shift=(good().placement.shift[0] - 60, 0.0)),
        {"border", "whole on canvas", "margin"},
        "clipped by the border of the canvas",
    ),
    (
        "placed beyond the canvas",
        lambda: replace(
            c := good(), placement=replace(c.placement, box=(-5.0, 80.0, 235.0, 160.0))
        ),
        {"whole on canvas"},
        "clipped by the border of the canvas",
    ),
    (
        "cut off in the photo",
        lambda: replace(c := good(), extent=replace(c.extent, touches=("left", "top"))),
        {"whole in photo"},
        "touch the photo's border (left, top)",
    ),
    (
        "enlarged too far",
        lambda: wanting(good(size=(900, 700)), size=(900, 700), max_upscaling=1.5),
        {"upscaling"},
        "more than 1.5",
    ),
    ("nothing there", lambda: emptied(good()), {"glasses"}, "no glasses"),
]


@pytest.mark.parametrize(
    ("make", "rules", "words"),
    [row[1:] for row in VIOLATIONS],
    ids=[row[0] for row in VIOLATIONS],
)
def test_a_picture_that_breaks_a_rule_fails_for_that_reason(
    make: Callable[[], Case], rules: set[str], words: str
) -> None:
    case = make()
    verdict = check(case.canvas, case.extent, case.placement, case.preset)
    assert not verdict.passed
    assert {rule.name for rule in verdict.rules if not rule.passed} == rules
    assert any(words in reason for reason in verdict.reasons), verdict.reasons


def test_every_rule_is_seen_to_fail() -> None:
    told = {rule.name for case in (good(), good(aspect=1.0)) for rule in verdict_of(case).rules}
    assert told == {name for row in VIOLATIONS for name in row[2]}


def verdict_of(case: Case):  # type: ignore[no-untyped-def]
    return check(case.canvas, case.extent, case.placement, case.preset)


@pytest.mark.parametrize("shadow", ["none", "soft"])
@pytest.mark.parametrize("told", [{}, {"aspect": 1.3}, {"baseline": 0.7}, {"straighten": True}])
def test_a_good_picture_passes(told: dict[str, object], shadow: ShadowKind) -> None:
    verdict = verdict_of(good(shadow, **told))
    assert verdict.passed, verdict.reasons
    assert verdict.reasons == ()


def test_sixteen_bit_white_is_judged_to_its_last_bit() -> None:
    matte, _ = draw_glasses()
    case = good()
    canvas = render(matte, case.placement, bits=16)
    assert verdict_of(replace(case, canvas=canvas)).passed
    grey = spot(replace(case, canvas=canvas), 5, 5, 65534)
    assert "1 pixel of the background is not exactly 65535" in verdict_of(grey).reasons[0]


def test_side_views_pass_beside_their_front_and_say_so() -> None:
    front, lenses = draw_glasses()
    side, _ = draw_glasses(200, 150)
    extents = [measure(front.alpha, lenses), measure(side.alpha)]
    canvas = preset(fill={"target": 0.8, "least": 0.75})
    placement = place(extents[1], canvas, extents)
    verdict = check(render(side, placement), extents[1], placement, canvas)
    assert verdict.passed, verdict.reasons
    told = next(rule for rule in verdict.rules if rule.name == "fill")
    largest, own = map(float, re.findall(r"[\d.]+", told.measured))
    assert largest == pytest.approx(80, abs=0.3)
    assert own == pytest.approx(40, abs=1)


def test_a_verdict_is_json() -> None:
    told = json.loads(json.dumps(verdict_of(small_photo()).to_dict()))
    assert told["preset"] == "test"
    assert told["passed"] is False
    assert len(told["reasons"]) == 1
    assert {"name", "passed", "measured", "wanted", "reason"} == set(told["rules"][0])
