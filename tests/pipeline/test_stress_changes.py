"""Each change does what its unit says, to the photo as to its truth, every time the same."""

from __future__ import annotations

import sys
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")

from pipeline.errors import ConfigError  # noqa: E402
from pipeline.evaluation.truth import TruthMasks, box_around  # noqa: E402
from pipeline.refine.light import to_encoded, to_linear  # noqa: E402
from pipeline.stress.changes import CHANGES, Case, choose  # noqa: E402
from pipeline.stress.light import (  # noqa: E402
    chromaticity,
    gain_table,
    illuminant_gains,
)
from pipeline.stress.transforms import BUILDERS, resized, tilt_matrix  # noqa: E402
from pipeline.types import Photo  # noqa: E402
from toys import draw_toy  # noqa: E402

MOVING = [name for name, change in CHANGES.items() if change.moves]
STILL = [name for name, change in CHANGES.items() if not change.moves]
# A strength that is hardly any, for each change that has one.
SLIGHT = {
    "exposure": 0.01,
    "white_balance": 6510,
    "contrast": 1.005,
    "shadow": 0.005,
    "noise": 101,
    "blur": 0.1,
    "scale": 0.999,
    "distance": 1.001,
    "rotation": 0.05,
    "perspective": 0.05,
    "crop": 0.001,
}


@cache
def case(pairs: int = 1, height: int = 240, width: int = 400) -> Case:
    toys = draw_toy(height, width, pairs)
    glasses = np.logical_or.reduce([toy.mask for toy in toys])
    lens = np.logical_or.reduce([toy.lens for toy in toys])
    boxes = np.array([toy.box for toy in toys], np.float32)
    return Case(toys[0].photo(), TruthMasks(glasses, boxes, lens, glasses.astype(np.float32)))


def magenta(side: int = 300) -> Case:
    """A photo on whose grey the glasses alone are magenta, and smooth enough to resample."""
    glasses = np.zeros((side, side + 60), np.uint8)
    for x in (120, 240):
        cv2.circle(glasses, (x, 140), 45, 1, 14)
    cv2.rectangle(glasses, (40, 90), (120, 102), 1, -1)
    rgb = np.where(glasses[..., None] > 0, (255, 0, 255), (128, 128, 128)).astype(np.uint8)
    return Case(Photo("m.png", rgb), TruthMasks(glasses > 0, box_around(glasses > 0)))


def painted(rgb: np.ndarray) -> np.ndarray:
    """Where a picture made of `magenta()` is more magenta than grey."""
    return np.asarray(rgb[..., 1] <= 64)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def test_every_change_has_a_transform_and_its_neutral_strength_in_order() -> None:
    assert set(BUILDERS) == set(CHANGES)
    for change in CHANGES.values():
        assert change.neutral in change.strengths
        assert sorted(set(change.strengths)) == list(change.strengths)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("exposure", -3, 3),
        ("white_balance", 2500, 10000),
        ("jpeg", 10, 95),
        ("scale", 0.1, 2),
        ("rotation", -180, 180),
    ],
)
def test_sweeps_reach_what_is_promised(name: str, least: float, most: float) -> None:
    strengths = CHANGES[name].strengths
    assert strengths[0] == least
    assert most in strengths


@pytest.mark.parametrize("name", CHANGES)
def test_the_neutral_strength_changes_nothing(name: str) -> None:
    assert CHANGES[name].apply(case(), CHANGES[name].neutral) is case()


@pytest.mark.parametrize("name", SLIGHT)
def test_a_slight_change_changes_little(name: str) -> None:
    """No jump between the neutral strength, which is left as it is, and those beside it."""
    before = magenta()
    after = CHANGES[name].apply(before, SLIGHT[name])
    if name == "crop":  # the margin beside the glasses goes at once; they themselves hardly
        assert abs(int(after.truth.glasses.sum()) - int(before.truth.glasses.sum())) < 60
        return
    height, width = before.photo.size
    assert abs(after.photo.height - height) <= 3
    rgb = cv2.resize(after.photo.rgb, (width, height))
    assert np.abs(rgb.astype(int) - before.photo.rgb).mean() < 2.5
    glasses = cv2.resize(after.truth.glasses * 1.0, (width, height)) > 0.5
    assert iou(glasses, before.truth.glasses) > 0.9  # half a pixel's shift of a thin ring


@pytest.mark.parametrize("name", STILL)
def test_the_truth_stays_where_the_photo_does(name: str) -> None:
    for strength in CHANGES[name].strengths:
        after = CHANGES[name].apply(case(), strength)
        assert after.truth is case().truth
        assert after.photo.size == case().photo.size


@pytest.mark.parametrize("name", CHANGES)
def test_every_strength_changes_the_photo_and_gives_the_same_pixels_again(name: str) -> None:
    change = CHANGES[name]
    for strength in (change.strengths[0], change.strengths[-1]):
        first, second = change.apply(case(), strength), change.apply(case(), strength)
        assert np.array_equal(first.photo.rgb, second.photo.rgb)
        assert np.array_equal(first.truth.glasses, second.truth.glasses)
        same = np.array_equal(first.photo.rgb, case().photo.rgb)
        assert same == (strength == change.neutral)


def test_chance_differs_between_photos() -> None:
    one, other = magenta(), Case(Photo("n.png", magenta().photo.rgb), magenta().truth)
    for name, strength in (("noise", 25600), ("shadow", 0.8)):
        pictures = [CHANGES[name].apply(c, strength).photo.rgb for c in (one, other)]
        assert not np.array_equal(*pictures)


@given(st.sampled_from(MOVING), st.floats(0, 1))
@settings(max_examples=60)
def test_truth_moves_exactly_as_the_photo(name: str, where: float) -> None:
    change, before = CHANGES[name], magenta()
    low, high = max(change.strengths[0], 0.4 if name == "scale" else -1e9), change.strengths[-1]
    if name == "distance":
        high = 2.5
    after = change.apply(before, low + where * (high - low))
    assert after.photo.size == after.truth.glasses.shape
    assert iou(after.truth.glasses, painted(after.photo.rgb)) > 0.97
    # Nothing is made up: the one pair stays one, and the fill is the border's grey.
    assert np.allclose(after.truth.boxes, box_around(after.truth.glasses), atol=1e-3)
    assert np.abs(after.photo.rgb[0, 0].astype(int) - 128).max() <= 1 or name == "crop"


@given(st.floats(-180, 180))
@settings(max_examples=25)
def test_turns_and_tilts_lose_nothing(degrees: float) -> None:
    before = magenta()
    area = int(before.truth.glasses.sum())
    turned = CHANGES["rotation"].apply(before, degrees)
    assert abs(int(turned.truth.glasses.sum()) - area) < 0.02 * area
    tilted = CHANGES["perspective"].apply(before, degrees / 4)
    back = cv2.warpPerspective(
        tilted.truth.glasses * np.uint8(255),
        tilt_matrix(degrees / 4, before.photo.size)[0],
        before.photo.size[::-1],
        flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR,
    )
    assert iou(back > 127, before.truth.glasses) > 0.97


def test_a_positive_turn_is_counterclockwise_and_a_positive_tilt_moves_the_right_side_away() -> (
    None
):
    assert CHANGES["rotation"].apply(case(), 90).photo.height > case().photo.height
    wide = np.zeros((100, 300), np.uint8)
    wide[:10, 150:] = 1  # top right goes to top left
    before = Case(
        Photo("a.png", np.dstack([wide * 255] * 3)), TruthMasks(wide > 0, box_around(wide > 0))
    )
    box = CHANGES["rotation"].apply(before, 90).truth.boxes[0]
    assert np.allclose(box, (0, 0, 10, 150), atol=3)
    matrix, (width, height) = tilt_matrix(30, (101, 301))
    corners = np.array([[[0, 0], [0, 100], [300, 0], [300, 100]]], float)
    seen = cv2.perspectiveTransform(corners, matrix)[0]
    assert seen[1, 1] - seen[0, 1] > seen[3, 1] - seen[2, 1] + 20
    assert seen.min() > -1e-6
    assert np.all(seen.max(axis=0) <= (width - 1, height - 1))
    middle = cv2.perspectiveTransform(np.array([[[150, 0], [150, 100]]], float), matrix)[0]
    assert middle[1, 1] - middle[0, 1] == pytest.approx(100)


def test_a_pair_in_the_box_of_another_does_not_move_its_box() -> None:
    """Where pairs are told apart: the diagonal's box holds the small one."""
    one, other = np.zeros((2, 200, 300), np.uint8)
    cv2.line(one, (40, 160), (260, 40), 1, 5)
    other[130:150, 200:240] = 1
    pairs = one > 0, other > 0
    boxes = np.concatenate([box_around(pair) for pair in pairs])
    rgb = np.full((200, 300, 3), 200, np.uint8)
    both = Case(Photo("a.png", rgb), TruthMasks(pairs[0] | pairs[1], boxes, None, None, pairs))
    alone = Case(Photo("a.png", rgb), TruthMasks(pairs[0], boxes[:1], None, None, pairs[:1]))
    for degrees in (-30, 30):
        moved, want = (CHANGES["rotation"].apply(one, degrees).truth for one in (both, alone))
        np.testing.assert_array_equal(moved.boxes[0], want.boxes[0])
        assert len(moved.pairs) == 2


def test_two_pairs_keep_a_box_each_around_themselves() -> None:
    before = case(pairs=2, height=400, width=300)
    assert len(before.truth.boxes) == 2
    for name in MOVING:
        if name != "crop":
            after = CHANGES[name].apply(before, CHANGES[name].strengths[1])
            assert len(after.truth.boxes) == 2
            joined = np.zeros_like(after.truth.glasses)
            for x0, y0, x1, y1 in after.truth.boxes.astype(int):
                joined[y0:y1, x0:x1] = True
            assert not (after.truth.glasses & ~joined).any()


def test_a_pair_that_is_cut_off_is_gone_with_its_box() -> None:
    before = case(pairs=2, height=400, width=300)
    boxes = []
    for key in "abcdefgh":  # the side of the cut depends on the key
        after = CHANGES["crop"].apply(Case(Photo(key, before.photo.rgb), before.truth), 0.5)
        assert after.truth.glasses.sum() < before.truth.glasses.sum()
        boxes.append(len(after.truth.boxes))
    assert {1, 2} == set(boxes)


@given(st.floats(0.01, 0.5), st.text("abcdef", min_size=1, max_size=3))
@settings(max_examples=25)
def test_a_cut_takes_the_share_of_the_box(share: float, key: str) -> None:
    solid = np.zeros((200, 300), bool)
    solid[40:140, 50:250] = True
    rgb = np.zeros((200, 300, 3), np.uint8)
    after = CHANGES["crop"].apply(
        Case(Photo(key, rgb), TruthMasks(solid, box_around(solid))), share
    )
    assert after.truth.glasses.sum() / solid.sum() == pytest.approx(1 - share, abs=0.006)
    assert after.photo.size == after.truth.glasses.shape


def test_lens_and_matte_move_along() -> None:
    for name in MOVING:
        after = CHANGES[name].apply(case(), CHANGES[name].strengths[1]).truth
        assert after.lens is not None
        assert after.alpha is not None
        assert after.lens.any()
        assert not (after.lens & ~after.glasses).any()
        assert after.alpha.dtype == np.float32
        assert iou(after.alpha > 0.5, after.glasses) > 0.9


def test_a_photo_is_shrunk_with_its_truth() -> None:
    small = resized(case(), 0.5)
    assert small.photo.size == (120, 200)
    assert np.allclose(small.truth.boxes, case().truth.boxes / 2, atol=1)
    assert iou(small.truth.glasses, draw_toy(120, 200)[0].mask) > 0.8


def test_srgb_and_light_are_inverse() -> None:
    values = np.arange(256) / 255
    assert np.allclose(to_encoded(to_linear(values)), values, atol=1e-9)
    assert to_linear(np.array([0.5])) == pytest.approx(0.21404, abs=1e-5)


@given(st.integers(0, 255), st.floats(-3, 3))
def test_stops_double_the_light_where_nothing_clips(value: int, stops: float) -> None:
    light = to_linear(np.array([value / 255])) * 2.0**stops
    after = gain_table(np.full(3, 2.0**stops))[value] / 255
    assert np.allclose(after, to_encoded(np.clip(light, 0, 1)), atol=0.5 / 255 + 1e-9)
    assert light > 1 or np.allclose(to_linear(after), light, atol=0.01)


def test_one_stop_more_doubles_the_light_of_a_photo() -> None:
    before = Case(Photo("g.png", np.full((20, 30, 3), 100, np.uint8)), magenta().truth)
    up, down = (CHANGES["exposure"].apply(before, s).photo.rgb / 255 for s in (1, -1))
    was = to_linear(np.array(100 / 255))
    assert to_linear(up) == pytest.approx(2 * was, rel=0.02)
    assert to_linear(down) == pytest.approx(was / 2, rel=0.02)


@pytest.mark.parametrize(
    ("kelvin", "x", "y"),  # black bodies, CIE 15: 2018
    [
        (2000, 0.5267, 0.4133),
        (2856, 0.4475, 0.4074),
        (4000, 0.3804, 0.3768),
        (6500, 0.3135, 0.3236),
        (10000, 0.2806, 0.2883),
    ],
)
def test_black_bodies_have_their_colour(kelvin: float, x: float, y: float) -> None:
    assert chromaticity(kelvin) == pytest.approx((x, y), abs=6e-4)


def test_daylight_is_neutral_and_low_temperatures_are_orange() -> None:
    assert np.allclose(illuminant_gains(6500), 1)
    reds, blues = [], []
    for kelvin in CHANGES["white_balance"].strengths:
        red, green, blue = illuminant_gains(kelvin)
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue == pytest.approx(1)
        reds.append(red)
        blues.append(blue)
    assert sorted(reds, reverse=True) == reds
    assert sorted(blues) == blues


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("noise", lambda rgb: np.diff(rgb.astype(float), axis=1).std()),
        ("contrast", lambda rgb: rgb.std()),
        ("blur", lambda rgb: -np.abs(np.diff(rgb.astype(float), axis=1)).mean()),
        ("shadow", lambda rgb: -rgb.mean()),
        ("exposure", lambda rgb: rgb.mean()),
    ],
)
def test_more_strength_does_more(name: str, measure: object) -> None:
    assert callable(measure)
    change = CHANGES[name]
    seen = [measure(change.apply(case(), s).photo.rgb) for s in change.strengths]
    assert sorted(seen) == seen
    assert seen[-1] > seen[0]


def test_noise_keeps_the_mean_light() -> None:
    flat = Case(Photo("g.png", np.full((80, 80, 3), 128, np.uint8)), magenta().truth)
    after = CHANGES["noise"].apply(flat, 25600).photo.rgb / 255
    assert (after**2.2).mean() == pytest.approx((128 / 255) ** 2.2, rel=0.02)
    photons = (128 / 255) ** 2.2 * 30_000 * 100 / 25600
    assert (after**2.2).std() == pytest.approx((128 / 255) ** 2.2 / np.sqrt(photons), rel=0.1)


def test_changes_are_chosen_by_name() -> None:
    assert [change.name for change in choose([])] == list(CHANGES)
    assert [change.name for change in choose(["blur", "crop", "blur"])] == ["blur", "crop"]
    with pytest.raises(ConfigError, match="'zoom'; known: exposure"):
        choose(["zoom"])


def test_without_albumentations_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(ConfigError, match=r"'\.\[train\]'"):
        CHANGES["blur"].apply(case(), 1)
