from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from synthetic.environment import (
    ROUGHNESS,
    ambient,
    irradiance_coefficients,
    key_light,
    load_hdr,
    prefilter,
    prefilter_hdr,
)
from synthetic.errors import AssetError
from synthetic.lights import KINDS, procedural
from synthetic.panorama import LUMA, directions, harmonics, normalised, rotate, solid_angles


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def lamp(towards: tuple[float, float, float], degrees: float = 6, base: float = 0.02) -> np.ndarray:
    """A round lamp of radiance 100 in a dim room."""
    aim = np.array(towards) / np.linalg.norm(towards)
    near = directions() @ aim.astype(np.float32) > np.cos(np.radians(degrees))
    return np.where(near[..., None], np.float32(100), np.float32(base)) * np.ones(3, np.float32)


def total(env: np.ndarray) -> np.ndarray:
    return (env * solid_angles(*env.shape[:2])[..., None]).sum((0, 1))


# ---- where texels look ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [(0, 0, (0, 1, 0)), (127, 9, (0, -1, 0)), (64, 128, (0, 0, -1)), (64, 192, (1, 0, 0)),
     (64, 64, (-1, 0, 0)), (64, 0, (0, 0, 1))],
)  # fmt: skip
def test_directions_follow_the_convention(
    row: int, column: int, expected: tuple[float, float, float]
) -> None:
    assert directions()[row, column] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("shape", [(128, 256), (16, 32), (5, 7)])
def test_solid_angles_make_a_whole_sphere(shape: tuple[int, int]) -> None:
    assert solid_angles(*shape).sum() * shape[1] == pytest.approx(4 * np.pi, rel=1e-5)


def test_rotation_turns_from_minus_z_towards_plus_x() -> None:
    turned, _, _ = key_light(rotate(lamp((0, 1, -1)), np.pi / 2))
    assert turned == pytest.approx(np.array([1, 1, 0]) / 2**0.5, abs=0.03)


@pytest.mark.parametrize("radians", [0.0, 2 * np.pi, -4 * np.pi])
def test_whole_turns_change_nothing(radians: float) -> None:
    env = procedural(rng(), "softboxes")
    assert np.allclose(rotate(env, radians), env, atol=1e-4)


def test_rotation_keeps_the_light() -> None:
    env = procedural(rng(), "window")
    assert total(rotate(env, 1.234)) == pytest.approx(total(env), rel=1e-4)


# ---- filtering ------------------------------------------------------------------------------


def test_levels_shrink_and_the_first_is_the_map() -> None:
    env = procedural(rng(), "ring")
    levels, irradiance = prefilter(env)
    assert len(levels) == len(ROUGHNESS)
    assert levels[0] is env
    assert irradiance.shape == (9, 3)
    for level in levels:
        assert level.dtype == np.float32
        assert level.shape[0] <= 128
        assert level.shape[1] == 2 * level.shape[0]


def test_even_light_stays_even() -> None:
    env = np.full((128, 256, 3), 0.7, np.float32)
    for level in prefilter(env)[0]:
        assert np.allclose(level, 0.7, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_filtering_neither_makes_nor_loses_light(kind: str) -> None:
    env = procedural(rng(2), kind)
    for level in prefilter(env)[0]:
        assert total(level) == pytest.approx(total(env), rel=0.03)
        assert level.min() >= 0
        assert level.max() <= env.max() * 1.001


@pytest.mark.parametrize("level", range(1, 5))
def test_a_lamp_is_blurred_alike_at_the_pole_and_at_the_horizon(level: int) -> None:
    peaks = [float(prefilter(lamp(aim))[0][level].max()) for aim in
             ((0, 1, 0), (1, 0, 0), (0, 0, 1), (1, 2, 1))]  # fmt: skip
    assert max(peaks) / min(peaks) < 1.15


@pytest.mark.parametrize("level", range(1, 5))
def test_level_is_the_mean_under_a_ggx_lobe(level: int) -> None:
    env = procedural(rng(5), "softboxes")
    found = prefilter(env)[0][level]
    around, alpha2 = directions().astype(float), ROUGHNESS[level] ** 4
    for row, column in ((0, 3), (5, 20), (9, 0), (15, 31)):
        here = tuple(k * s // n for k, s, n in zip((row, column), found.shape, (16, 32)))  # noqa: B905
        normal = directions(*found.shape[:2])[here].astype(float)
        half = around + normal
        half /= np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-9)
        spread = (half @ normal) ** 2 * (alpha2 - 1) + 1
        weight = np.maximum(around @ normal, 0) / spread**2 * solid_angles()
        expected = (env * weight[..., None]).sum((0, 1)) / weight.sum()
        assert found[here] == pytest.approx(expected, rel=0.12, abs=0.03)


def test_irradiance_of_even_light_is_pi() -> None:
    coefficients = irradiance_coefficients(np.ones((128, 256, 3), np.float32))
    normals = rng().normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert np.allclose(harmonics(normals) @ coefficients, np.pi, atol=0.01)


@pytest.mark.parametrize("kind", ["tent", "gradient", "outdoor_overcast", "softboxes"])
def test_irradiance_agrees_with_brute_force(kind: str) -> None:
    env = procedural(rng(1), kind)
    coefficients = irradiance_coefficients(env)
    normals = rng(3).normal(size=(12, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for normal in normals:
        cosine = np.maximum(directions() @ normal.astype(np.float32), 0) * solid_angles()
        expected = (env * cosine[..., None]).sum((0, 1))
        # Nine coefficients are within a few per cent of the mean (Ramamoorthi and Hanrahan).
        bound = 0.12 * float(total(env).mean()) / 4
        assert harmonics(normal) @ coefficients == pytest.approx(expected, abs=bound)


# ---- the key light --------------------------------------------------------------------------


@pytest.mark.parametrize("towards", [(0, 1, 0), (1, 1, 0), (-1, 0.6, 2), (0.2, 0.5, -1)])
def test_key_light_finds_the_lamp(towards: tuple[float, float, float]) -> None:
    env = lamp(towards)
    direction, colour, share = key_light(env)
    aim = np.array(towards) / np.linalg.norm(towards)
    assert float(direction @ aim) > np.cos(np.radians(2))
    assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5)
    assert colour == pytest.approx(total(env - np.float32(0.03)), rel=0.05)
    assert share > 0.8


def test_a_tent_casts_hardly_a_shadow() -> None:
    assert np.mean([key_light(procedural(rng(s), "tent"))[2] for s in range(8)]) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_key_light_and_the_rest_make_up_the_map(kind: str) -> None:
    env = procedural(rng(4), kind)
    direction, colour, share = key_light(env)
    rest = ambient(env)
    assert rest.min() >= 0
    assert total(rest) + colour == pytest.approx(total(env), rel=1e-3)
    assert direction[1] > 0
    assert 0 <= share <= 1


# ---- maps made up ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_procedural_maps_are_sound(kind: str) -> None:
    for seed in range(5):
        env = procedural(rng(seed), kind)
        assert env.shape == (128, 256, 3)
        assert env.dtype == np.float32
        assert np.isfinite(env).all()
        assert env.min() >= 0
        assert np.array_equal(env, procedural(rng(seed), kind))
        up = np.maximum(directions()[..., 1], 0) * solid_angles()
        assert ((env @ LUMA) * up).sum() / np.pi == pytest.approx(1, rel=0.35)


@pytest.mark.parametrize("kind", ["tent", "gradient", "outdoor_overcast", "outdoor_sun"])
def test_sky_goes_on_across_the_border_of_the_map(kind: str) -> None:
    for seed in range(4):
        sky = procedural(rng(seed), kind)[:50] @ LUMA
        steps = np.abs(np.diff(sky, axis=1)).max(axis=1)
        assert (np.abs(sky[:, 0] - sky[:, -1]) <= steps * 1.5 + 0.02).all()


def test_unknown_environment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="disco.*tent"):
        procedural(rng(), "disco")


# ---- maps read ------------------------------------------------------------------------------


def write_hdr(path: Path, env: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), env[..., ::-1])
    return path


def test_hdr_is_read_in_rgb_and_normalised(tmp_path: Path) -> None:
    env = np.ones((256, 512, 3), np.float32) * np.array([4, 2, 1], np.float32)
    found = load_hdr(write_hdr(tmp_path / "even.hdr", env))
    assert found.shape == (128, 256, 3)
    assert found[5, 7] / found[5, 7, 2] == pytest.approx([4, 2, 1], rel=0.02)
    assert np.allclose(normalised(found), found, rtol=1e-3)


def test_a_firefly_is_calmed_and_the_sun_stays_the_key_light(tmp_path: Path) -> None:
    env = np.ones((128, 256, 3), np.float32)
    env[40, 100] = 1e6
    found = load_hdr(write_hdr(tmp_path / "sun.hdr", env))
    assert found.max() < 1000 * np.median(found)
    assert float(key_light(found)[0] @ directions()[40, 100]) > 0.99


def test_prefiltered_file_is_kept_in_memory_and_cannot_be_changed(tmp_path: Path) -> None:
    path = write_hdr(tmp_path / "some.hdr", procedural(rng(), "window"))
    levels, irradiance = prefilter_hdr(path)
    assert prefilter_hdr(path)[0] is levels
    assert not any(array.flags.writeable for array in (*levels, irradiance))


@pytest.mark.parametrize("content", [None, b"", b"#?RADIANCE\nbroken"])
def test_unreadable_map_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "dusk.hdr"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AssetError, match=r"dusk\.hdr"):
        load_hdr(path)
