"""Glasses of two lenses, drawn by the model that the module inverts: backdrop times tint, plus
what lies on the lens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ValidationError
from pipeline.refine.backdrop import Palette, fill, find_backdrop, masked_blur
from pipeline.refine.lens import LensFinish, LensMode, finish_lenses
from pipeline.refine.light import to_levels, to_light
from pipeline.types import Bools, Bytes

SIZE = 300, 560
BLUE = (90, 120, 160)


@dataclass(frozen=True)
class Scene:
    """A photo of glasses, and where its parts are."""

    rgb: Bytes
    lens: Bools
    glasses: Bools
    print: Bools
    temple: Bools

    @property
    def bare(self) -> Bools:
        """Lens with nothing on it or behind it, off the edges."""
        things = (~self.lens | self.print | self.temple).astype(np.uint8)
        return ~cv2.dilate(things, np.ones((13, 13), np.uint8)).astype(np.bool_)


def draw(
    backdrop: tuple[int, int, int] | Bytes = BLUE,
    tint: float | tuple[float, float, float] = 0.95,
    noise: float = 2.0,
    scale: int = 1,
) -> Scene:
    """Round lenses in black rims, a print on the left one, a grey temple behind the right one."""
    height, width = (side * scale for side in SIZE)
    lens, rim, ink, temple = (np.zeros((height, width), np.uint8) for _ in range(4))
    for x in (160, 400):
        cv2.circle(rim, (x * scale, 150 * scale), 92 * scale, 1, -1)
        cv2.circle(lens, (x * scale, 150 * scale), 84 * scale, 1, -1)
    cv2.putText(ink, "52-18", (120 * scale, 190 * scale), 0, 0.8 * scale, 1, 3 * scale)
    cv2.line(temple, (475 * scale, 110 * scale), (360 * scale, 190 * scale), 1, 14 * scale)
    temple &= lens
    behind = np.empty((height, width, 3), np.uint8)
    behind[:] = backdrop
    light = to_light(behind.astype(np.float32))
    light[lens > 0] *= np.asarray(tint, np.float32)
    rgb = to_levels(light)
    for part, colour in ((temple, 75), (rim & ~lens, 20), (ink, 30)):
        rgb[part > 0] = colour
    rgb = cv2.GaussianBlur(rgb, (0, 0), 0.7)
    rgb += np.random.default_rng(0).normal(0, noise, rgb.shape)
    parts = (part.astype(np.bool_) for part in (lens, rim, ink, temple))
    return Scene(np.rint(np.clip(rgb, 0, 255)).astype(np.uint8), *parts)


def finished(scene: Scene, mode: LensMode = "clear") -> tuple[Bytes, LensFinish]:
    done = finish_lenses(scene.rgb, scene.rgb, scene.lens, scene.glasses, mode)
    colours = scene.rgb.copy()
    if done.window is not None and done.colours is not None:
        colours[done.window] = done.colours
    return colours, done


def stripes(period: int, low: int = 120, high: int = 180) -> Bytes:
    rows = np.where(np.arange(SIZE[0]) // period % 2, low, high).astype(np.uint8)
    return np.repeat(np.repeat(rows[:, None, None], SIZE[1], 1), 3, 2)


def slope() -> Bytes:
    across = np.linspace(90, 200, SIZE[1], dtype=np.float32)
    return np.repeat(np.repeat(across[None, :, None], SIZE[0], 0), 3, 2).astype(np.uint8)


def shadowed() -> Bytes:
    plain = np.full((*SIZE, 3), 170, np.float32)
    shade = np.zeros(SIZE, np.float32)
    cv2.ellipse(shade, (280, 230), (260, 60), 0, 0, 360, 1, -1)
    return (plain * (1 - 0.4 * cv2.GaussianBlur(shade, (0, 0), 15))[..., None]).astype(np.uint8)


@pytest.mark.parametrize("backdrop", [BLUE, (40, 40, 45), (190, 170, 150), slope(), shadowed()])
@pytest.mark.parametrize("mode", ["clear", "auto"])
def test_clear_lenses_turn_white_whatever_even_backdrop_is_behind(
    backdrop: tuple[int, int, int] | Bytes, mode: LensMode
) -> None:
    scene = draw(backdrop)
    colours, done = finished(scene, mode)
    assert (done.kind, done.doubts) == ("clear", ())
    assert np.percentile(colours[scene.bare].min(axis=1), 2) > 235


@pytest.mark.parametrize("scale", [1, 3])
def test_prints_and_temples_stay_as_they_are(scale: int) -> None:
    scene = draw(scale=scale)
    colours, _ = finished(scene)
    for part in (scene.print, scene.temple):
        core = cv2.erode(part.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
        change = np.abs(colours[core].astype(int) - scene.rgb[core]).mean(axis=1)
        assert (change < 12).mean() > 0.95


def test_nothing_changes_off_the_lenses() -> None:
    scene = draw()
    colours, _ = finished(scene)
    away = ~cv2.dilate(scene.lens.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.bool_)
    change = np.abs(colours[away].astype(int) - scene.rgb[away])
    assert np.percentile(change, 99.9) <= 2
    assert (colours[~scene.glasses] == scene.rgb[~scene.glasses]).all()


@pytest.mark.parametrize("tint", [(0.9, 0.5, 0.45), (0.45, 0.62, 0.8)])
def test_tints_stay_and_lose_the_backdrop(tint: tuple[float, float, float]) -> None:
    scene = draw((150, 150, 150), tint)
    colours, done = finished(scene)
    assert done.kind == "tinted"
    shown = np.median(colours[scene.bare], axis=0)
    assert np.abs(shown - to_levels(np.array(tint, np.float32))).max() < 12


def test_auto_keeps_a_tint_that_might_be_a_mirror_and_says_so() -> None:
    scene = draw((150, 150, 150), (0.9, 0.5, 0.45))
    colours, done = finished(scene, "auto")
    assert (colours == scene.rgb).all()
    assert any("mirror" in doubt for doubt in done.doubts)


@pytest.mark.parametrize(
    ("tint", "kind"), [((0.08, 0.1, 0.07), "dark"), ((0.2, 2.2, 0.4), "mirrored")]
)
def test_dark_and_mirrored_lenses_are_left_alone_without_a_flag(
    tint: tuple[float, float, float], kind: str
) -> None:
    scene = draw((120, 120, 120), tint)
    for mode in ("clear", "auto"):
        done = finish_lenses(scene.rgb, scene.rgb, scene.lens, scene.glasses, mode)
        assert (done.kind, done.window, done.doubts) == (kind, None, ())


def test_a_mirror_over_a_textured_backdrop_is_told_by_hiding_it() -> None:
    rough = np.random.default_rng(1).integers(110, 190, (*SIZE, 1), np.uint8)
    scene = draw(np.repeat(rough, 3, 2))
    rgb = scene.rgb.copy()
    rgb[scene.lens] = (40, 130, 60)
    hidden = Scene(rgb, scene.lens, scene.glasses, scene.print, scene.temple)
    assert finished(hidden)[1].kind == "mirrored"


def test_auto_keeps_what_an_uneven_backdrop_makes_unsure() -> None:
    scene = draw(stripes(7, 60, 200))
    colours, done = finished(scene, "auto")
    assert done.doubts
    assert (colours == scene.rgb).all()


def test_a_white_backdrop_leaves_the_photo_as_it_is() -> None:
    scene = draw((254, 254, 254), (0.97, 0.9, 0.93), noise=0)
    colours, _ = finished(scene)
    assert (colours == scene.rgb).all()


@pytest.mark.parametrize("mode", ["keep", "clear", "auto"])
def test_glasses_without_lenses_and_keep_change_nothing(mode: LensMode) -> None:
    scene = draw()
    nothing = np.zeros_like(scene.lens)
    lens = scene.lens if mode == "keep" else nothing
    done = finish_lenses(scene.rgb, scene.rgb, lens, scene.glasses, mode)
    assert (done.kind, done.window, done.doubts) == (None, None, ())


def test_glasses_that_fill_the_photo_are_kept_with_a_reason() -> None:
    scene = draw()
    done = finish_lenses(scene.rgb, scene.rgb, scene.lens, np.ones_like(scene.lens), "clear")
    assert done.window is None
    assert "backdrop" in done.doubts[0]


def test_sizes_that_differ_are_refused() -> None:
    scene = draw()
    with pytest.raises(ValidationError, match="do not fit the photo"):
        finish_lenses(scene.rgb, scene.rgb, scene.lens[1:], scene.glasses, "clear")


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_light_and_levels_undo_each_other(r: int, g: int, b: int) -> None:
    levels = np.array([r, g, b], np.float32)
    assert np.abs(to_levels(to_light(levels)) - levels).max() < 0.3


@given(st.floats(10, 245), st.floats(-0.1, 0.1))
def test_fill_goes_on_with_what_is_around(level: float, tilt: float) -> None:
    field = level + tilt * np.arange(128, dtype=np.float32)[None, :, None]
    field = np.repeat(np.repeat(field, 96, 0), 3, 2).astype(np.float32)
    weight = np.ones((96, 128), np.float32)
    weight[30:70, 40:90] = 0
    assert np.abs(fill(field * weight[..., None], weight) - field).max() < 2.5 + 20 * abs(tilt)


def test_masked_blur_ignores_what_has_no_weight() -> None:
    values = np.full((40, 40, 3), 100, np.float32)
    weight = np.ones((40, 40), np.float32)
    values[:, 20:], weight[:, 20:] = 7000, 0
    mean, share = masked_blur(values, weight, 3.0)
    assert mean[:, :22] == pytest.approx(100, abs=0.01)
    assert share[20, 5] == pytest.approx(1, abs=0.01)


def test_a_palette_knows_its_colours_and_no_others() -> None:
    colours = np.random.default_rng(0).normal(120, 3, (4000, 3)).astype(np.float32)
    palette = Palette.of(colours)
    assert palette.share(colours).mean() > 100 * palette.share(np.array([[20, 200, 90]]))[0]
    assert palette.shares.sum() == pytest.approx(1, abs=1e-3)


def test_too_few_colours_make_an_even_palette() -> None:
    assert np.ptp(Palette.of(np.zeros((3, 3), np.float32)).shares) == 0


def test_grain_is_that_of_the_backdrop() -> None:
    scene = draw(noise=6.0)
    image = scene.rgb.astype(np.float32)
    backdrop = find_backdrop(image, scene.glasses, scene.lens, 500.0)
    assert backdrop is not None
    assert 6 < backdrop.grain < 18  # of three channels together
    assert np.abs(backdrop.field[150, 160] - BLUE).max() < 8
