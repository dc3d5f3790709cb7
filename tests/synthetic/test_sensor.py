from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.sensor import (
    CURVES,
    Settings,
    depth_of_field,
    expose,
    photograph,
    random_settings,
    smear,
)

SIZE = (96, 128)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def thing() -> np.ndarray:
    """Coverage of a ring, float32 (H, W)."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.circle(mask, (64, 48), 26, 255, 6, cv2.LINE_AA)
    return mask.astype(np.float32) / 255


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A white ring on black, and maps that are the same: what befalls one befalls the other."""
    ring = thing()
    return np.dstack([ring] * 3), np.dstack([ring, ring * 0.5])


# ---- exposure -------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", CURVES)
def test_curves_rise_from_black_to_white(curve: str) -> None:
    ramp = np.linspace(0, 8, 4000, dtype=np.float32)[None, :, None] * np.ones(3, np.float32)
    shown = expose(ramp, curve=curve)
    assert shown.dtype == np.float32
    assert (np.diff(shown[0, :, 0]) >= 0).all()
    assert shown.min() == pytest.approx(0, abs=0.01)
    assert 0.95 < shown.max() <= 1


@pytest.mark.parametrize(("linear", "encoded"), [(0.0, 0.0), (0.18, 0.4613), (0.5, 0.7354),
                                                 (1.0, 1.0), (3.0, 1.0)])  # fmt: skip
def test_srgb_curve_is_the_standard_one(linear: float, encoded: float) -> None:
    flat = np.full((4, 4, 3), linear, np.float32)
    assert np.allclose(expose(flat), encoded, atol=0.003)


def test_exposure_and_white_balance_multiply() -> None:
    flat = np.full((4, 4, 3), 0.1, np.float32)
    gains = expose(flat, 2.0, (1.5, 1.0, 0.5))
    for channel, linear in enumerate((0.3, 0.2, 0.1)):
        alone = expose(np.full((4, 4, 3), linear, np.float32))
        assert np.allclose(gains[..., channel], alone[..., channel], atol=0.002)


def test_unknown_curve_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="log.*filmic"):
        expose(np.zeros((2, 2, 3), np.float32), curve="log")


# ---- focus ----------------------------------------------------------------------------------


def test_what_is_in_focus_stays_as_it_is() -> None:
    rgb, maps = scene()
    same, still = depth_of_field(rgb, maps, np.full(SIZE, 0.5, np.float32), 0.5, 30)
    assert np.array_equal(same, rgb)
    assert np.array_equal(still, maps)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), aperture=st.floats(0, 60), value=st.floats(0.1, 4))
def test_even_picture_stays_even_at_any_depth(seed: int, aperture: float, value: float) -> None:
    depth = rng(seed).uniform(0.2, 3, (7, 9)).astype(np.float32)
    depth = cv2.resize(depth, (60, 50), interpolation=cv2.INTER_NEAREST)
    even = np.full((50, 60, 3), value, np.float32)
    rgb, maps = depth_of_field(even, even[..., :2], depth, 0.7, aperture)
    assert rgb.shape == (50, 60, 3)
    assert maps.shape == (50, 60, 2)
    assert np.allclose(rgb, value, rtol=0.02)
    assert np.allclose(maps, value, rtol=0.02)


@pytest.mark.parametrize("depths", [(0.5, 2.0), (0.3, 0.5), (0.4, 1.5), (0.5, 0.52)])
def test_labels_follow_the_picture_through_the_lens(depths: tuple[float, float]) -> None:
    rgb, maps = scene()
    depth = np.where(thing() > 0, depths[0], depths[1]).astype(np.float32)
    blurred, covered = depth_of_field(rgb, maps, depth, 0.5, 25)
    assert np.allclose(blurred[..., 0], covered[..., 0], atol=1e-4)
    assert np.allclose(blurred[..., 0] * 0.5, covered[..., 1], atol=1e-4)


def test_sharp_frame_before_a_blurred_wall_gets_no_halo() -> None:
    rgb, maps = scene()
    ring = thing()
    noisy = rgb + rng().uniform(0, 0.5, (*SIZE, 1)).astype(np.float32) * (1 - ring[..., None])
    depth = np.where(ring > 0, 0.5, 5).astype(np.float32)
    blurred, covered = depth_of_field(noisy, maps, depth, 0.5, 12)
    away = cv2.dilate((ring > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    assert covered[away].max() < 0.02
    assert np.allclose(covered[ring == 1, 0], 1, atol=0.02)
    assert blurred[away].std() < noisy[away].std() / 2


def test_blurred_frame_spreads_over_a_sharp_wall() -> None:
    rgb, maps = scene()
    ring = thing()
    depth = np.where(ring > 0, 0.3, 0.5).astype(np.float32)
    _, covered = depth_of_field(rgb, maps, depth, 0.5, 12)  # radius 8
    outside = cv2.dilate((ring > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    assert covered[outside].max() > 0.15
    assert covered[ring == 1].max() < 0.8
    assert covered[..., 0].sum() == pytest.approx(ring.sum(), rel=0.1)


def test_more_maps_than_three_are_treated_alike() -> None:
    rgb, _ = scene()
    maps = np.dstack([thing()] * 7)
    depth = np.full(SIZE, 1.5, np.float32)
    _, covered = depth_of_field(rgb, maps, depth, 0.5, 8)
    assert covered.shape == maps.shape
    assert np.allclose(covered, covered[..., :1], atol=1e-5)


# ---- smear ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "faults", [Settings(blur=1.2), Settings(motion=6, motion_angle=0.7), Settings(1.0, 3, 2)]
)
def test_smear_moves_labels_and_picture_alike(faults: Settings) -> None:
    rgb, maps = scene()
    soft, covered = smear(rgb, maps, faults)
    assert np.allclose(soft[..., 1], covered[..., 0], atol=1e-5)
    assert covered[..., 0].sum() == pytest.approx(thing().sum(), rel=0.02)
    assert np.abs(soft - rgb).max() > 0.1


def test_motion_runs_along_its_angle_and_about_the_middle() -> None:
    dot = np.zeros((31, 31, 1), np.float32)
    dot[15, 15] = 1
    _, trace = smear(np.zeros((31, 31, 3), np.float32), dot, Settings(motion=8, motion_angle=0))
    assert trace[15].sum() == pytest.approx(1, abs=1e-4)
    columns = np.flatnonzero(trace[15, :, 0] > 0.01)
    assert 7 <= np.ptp(columns) <= 9
    assert columns.mean() == pytest.approx(15, abs=0.01)


# ---- camera ---------------------------------------------------------------------------------


def test_perfect_camera_only_rounds() -> None:
    picture = rng().random((20, 30, 3), dtype=np.float32)
    stored = photograph(picture, rng(), Settings())
    assert stored.dtype == np.uint8
    assert np.abs(stored - picture * 255).max() <= 0.51


def test_photograph_depends_on_nothing_but_its_arguments() -> None:
    picture = rng().random((64, 48, 3), dtype=np.float32)
    kept = picture.copy()
    for seed in range(6):
        faults = random_settings(rng(seed))
        first, again = (photograph(picture, rng(9), faults) for _ in range(2))
        assert first.shape == picture.shape
        assert np.array_equal(first, again)
    assert np.array_equal(picture, kept)


FAULTS = [Settings(vignette=0.3), Settings(chromatic=2.0), Settings(noise=0.03),
          Settings(sharpen=1.0), Settings(flare=0.2), Settings(quality=40)]  # fmt: skip


@pytest.mark.parametrize("faults", FAULTS)
def test_each_fault_shows(faults: Settings) -> None:
    picture = np.dstack([thing() * 0.6 + 0.2] * 3)
    clean, spoilt = (photograph(picture, rng(), s).astype(int) for s in (Settings(), faults))
    change = np.abs(spoilt - clean)
    assert change.max() >= 4
    assert change.mean() < 60


def test_vignette_spares_the_middle() -> None:
    white = np.full((41, 61, 3), 0.8, np.float32)
    stored = photograph(white, rng(), Settings(vignette=0.4))
    assert stored[20, 30].min() == 204
    assert stored[0, 0].max() == pytest.approx(204 * 0.6, abs=1)


def test_noise_has_the_strength_asked_for() -> None:
    grey = np.full((200, 200, 3), 0.5, np.float32)
    stored = photograph(grey, rng(), Settings(noise=0.02, chroma=0.0)).astype(float)
    assert stored[..., 1].std() / 255 == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("size", [(33, 47), (1, 1), (2, 300)])
def test_any_size_passes(size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 0.4, np.float32)
    maps = np.ones((*size, 1), np.float32)
    depth = np.linspace(0.2, 2, size[0] * size[1], dtype=np.float32).reshape(size)
    rgb, covered = depth_of_field(picture, maps, depth, 0.5, 20)
    rgb, covered = smear(rgb, covered, Settings(blur=1, motion=3))
    faults = Settings(noise=0.02, chromatic=1, flare=0.1, vignette=0.2, sharpen=1, quality=60)
    assert photograph(rgb, rng(), faults).shape == (*size, 3)
    assert covered.shape == (*size, 1)
