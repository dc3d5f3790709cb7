from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from canvas_scenes import draw_glasses, preset
from pipeline.canvas import CanvasPreset, Placement, measure, place, render
from pipeline.canvas.contact import natural
from pipeline.canvas.shadow import soft
from pipeline.types import Bytes, Floats, Matte

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Still:
    """Glasses on a ground, and the shadow on it: float32 (H, W), the share of light it takes."""

    matte: Matte
    photo: Bytes
    shadow: Floats


def still(*, tint: tuple[float, float, float] = (1, 1, 1), shadow: float = 0.4) -> Still:
    """A grainy ground that falls off to one side, a shadow under the rims, the glasses on top."""
    rng = np.random.default_rng(7)
    matte, _ = draw_glasses(WIDTH, HEIGHT)
    ramp = np.linspace(150, 210, WIDTH, dtype=np.float32)
    ground = np.tile(ramp, (HEIGHT, 1)) + rng.normal(0, 1.5, (HEIGHT, WIDTH))
    cast = np.zeros((HEIGHT, WIDTH), np.float32)
    bottom = int(measure(matte.alpha).box[3])
    for x in (198, 442):
        cv2.ellipse(cast, (x, bottom), (70, 10), 0, 0, 360, shadow, -1)
    cast = cv2.GaussianBlur(cast, (0, 0), 4)
    lit = (ground * (1 - cast))[..., None] * np.array(tint)
    alpha = matte.alpha[..., None]
    photo = np.clip(alpha * matte.foreground + (1 - alpha) * lit, 0, 255).astype(np.uint8)
    return Still(matte, photo, cast)


def found(photo: Bytes, matte: Matte) -> Floats:
    darkness = natural(photo, matte.alpha)
    result = np.zeros(matte.alpha.shape, np.float32)
    if darkness is not None:
        result[darkness.window] = darkness.plane
    return result


@pytest.mark.parametrize("tint", [(1, 1, 1), (0.5, 0.8, 1), (1, 0.6, 0.4)])
def test_the_shadow_of_the_photo_is_found_on_any_ground(tint: tuple[float, ...]) -> None:
    scene = still(tint=tint)  # type: ignore[arg-type]
    darkness = found(scene.photo, scene.matte)
    seen = (scene.shadow > 0.1) & (scene.matte.alpha == 0)
    assert np.abs(darkness - scene.shadow)[seen].mean() < 0.06
    free = (scene.shadow < 0.002) & (scene.matte.alpha == 0)
    assert darkness[free].mean() < 0.002


def test_without_a_shadow_there_is_none() -> None:
    scene = still(shadow=0)
    assert found(scene.photo, scene.matte)[scene.matte.alpha == 0].max() < 0.05


def test_other_dark_things_are_no_shadow() -> None:
    scene = still(shadow=0)
    photo = scene.photo.copy()
    photo[430:450, 100:200] //= 2  # apart from the glasses
    photo[:100] //= 2  # the far end of the table
    assert found(photo, scene.matte)[scene.matte.alpha == 0].max() < 0.05


def test_the_natural_shadow_is_neutral_behind_the_glasses_and_gone_at_the_border() -> None:
    scene = still(tint=(1, 0.6, 0.4))
    extent = measure(scene.matte.alpha)
    for canvas in (CanvasPreset(), preset()):
        bare, cast = (
            render(scene.matte, place(extent, canvas), kind, scene.photo)
            for kind in ("none", "natural")
        )
        behind = cast.matte.alpha == 0
        assert np.ptp(cast.white[behind], axis=1).max() == 0
        assert cast.white[behind].min() < 190
        solid = cast.matte.alpha == 1
        assert np.array_equal(cast.white[solid], bare.white[solid])
        assert (cast.white <= bare.white).all()
        for edge in (cast.white[0], cast.white[-1], cast.white[:, 0], cast.white[:, -1]):
            assert (edge == 255).all()


def test_the_drawn_shadow_lies_under_what_stands_and_nowhere_else() -> None:
    matte, _ = draw_glasses(WIDTH, HEIGHT)
    x0, y0, x1, y1 = measure(matte.alpha).box
    canvas = render(matte, Placement((WIDTH, HEIGHT)), "soft")
    grey = canvas.white[..., 0]
    under = grey[int(y1) + 2]
    feet = under[198], under[442]
    assert max(feet) < 230
    assert under[WIDTH // 2] > max(feet) + 15
    assert (grey[: int((y0 + y1) / 2), : int(x0) - 1] == 255).all()
    behind = canvas.matte.alpha == 0
    assert np.ptp(canvas.white[behind], axis=1).max() == 0


def test_feet_at_different_heights_each_have_their_shadow() -> None:
    alpha = np.zeros((300, 600), np.float32)
    alpha[100:110, 60:540] = 1
    alpha[100:200, 100:110] = 1  # the far foot
    alpha[100:250, 480:490] = 1  # the near one
    darkness = soft(alpha)
    assert darkness is not None
    plane = np.zeros(alpha.shape, np.float32)
    plane[darkness.window] = darkness.plane
    assert plane[203, 105] > 0.05
    assert plane[253, 485] > 0.05
    assert plane[112:140, 290:310].max() < 0.01  # what hangs between them has none


def test_the_drawn_shadow_grows_with_the_canvas() -> None:
    matte, _ = draw_glasses(WIDTH, HEIGHT)
    small = render(matte, Placement((WIDTH // 2, HEIGHT // 2), 0.5), "soft").white
    large = render(matte, Placement((WIDTH * 2, HEIGHT * 2), 2.0), "soft").white
    shrunk = cv2.resize(large, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(float) - small).mean() < 0.6


def test_sixteen_bits_carry_the_shadow_too() -> None:
    matte, _ = draw_glasses(WIDTH, HEIGHT)
    eight, sixteen = (render(matte, Placement((300, 240), 0.5), "soft", bits=b) for b in (8, 16))
    assert np.abs(sixteen.white / 257 - eight.white).max() <= 1.01
