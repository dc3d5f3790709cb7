from __future__ import annotations

import cv2
import numpy as np
import pytest

from canvas_scenes import draw_glasses, preset
from pipeline.canvas import Canvas, CanvasPreset, Placement, ShadowKind, measure, place, render
from pipeline.compose import over_white, to_cutout
from pipeline.errors import ValidationError
from pipeline.types import Matte


def test_the_source_canvas_is_the_matte_over_white_bit_for_bit() -> None:
    matte, lenses = draw_glasses()
    canvas = render(matte, place(measure(matte.alpha, lenses), CanvasPreset()))
    assert canvas.matte is matte
    assert canvas.white.dtype == np.uint8
    assert np.array_equal(canvas.white, over_white(matte.foreground, matte.alpha))


def test_sixteen_bits_of_the_source_canvas_round_to_its_eight() -> None:
    matte, _ = draw_glasses()
    placement = Placement(matte.alpha.shape[::-1])
    eight, sixteen = (render(matte, placement, bits=bits).white for bits in (8, 16))
    assert sixteen.dtype == np.uint16
    assert np.abs(sixteen / 257 - eight).max() <= 0.501
    assert np.array_equal(sixteen[matte.alpha == 0], np.full_like(sixteen[matte.alpha == 0], 65535))
    assert len(np.unique(sixteen)) > len(np.unique(eight))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("scale", [0.11, 0.4, 1.0, 2.7])
@pytest.mark.parametrize("turn", [0.0, -7.0, 30.0])
def test_glasses_land_where_they_were_placed(scale: float, turn: float, bits: int) -> None:
    matte, _ = draw_glasses()
    extent = measure(matte.alpha)
    x0, y0, x1, y1 = (scale * v for v in extent.turned(turn))
    size = int(x1 - x0) + 21, int(y1 - y0) + 17
    shift = (10.3 - x0, 8.6 - y0)
    box = (10.3, 8.6, 10.3 + x1 - x0, 8.6 + y1 - y0)
    placement = Placement(size, scale, turn, shift, box)
    canvas = render(matte, placement, bits=bits)  # type: ignore[arg-type]
    assert measure(canvas.matte.alpha).box == pytest.approx(box, abs=0.3)
    full = np.iinfo(canvas.white.dtype).max
    assert (canvas.white[canvas.matte.alpha == 0] == full).all()
    covered = canvas.matte.alpha.sum(dtype=float)
    assert covered == pytest.approx(scale**2 * matte.alpha.sum(dtype=float), rel=0.01)


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 1 / 8])
def test_shrinking_averages_over_what_a_pixel_covers(scale: float) -> None:
    matte, _ = draw_glasses(480, 240, wire=3)
    size = round(480 * scale), round(240 * scale)
    canvas = render(matte, Placement(size, scale))
    plain = cv2.resize(
        over_white(matte.foreground, matte.alpha), size, interpolation=cv2.INTER_AREA
    )
    apart = np.abs(canvas.white.astype(float) - plain)
    assert apart.mean() < 1.2  # another kernel of the same width, no aliasing


def test_a_fine_grid_shrinks_to_an_even_grey() -> None:
    alpha = np.zeros((240, 240), np.float32)
    alpha[20:220, 20:220] = np.indices((200, 200)).sum(axis=0) % 2
    matte = Matte(alpha, np.zeros((240, 240, 3), np.uint8))
    canvas = render(matte, Placement((60, 60), 0.25))
    inner = canvas.white[10:-10, 10:-10].astype(float)
    assert np.abs(inner - 127.5).max() <= 1


@pytest.mark.parametrize("scale", [0.3, 1.7])
def test_a_wire_keeps_its_width(scale: float) -> None:
    alpha = np.zeros((200, 300), np.float32)
    alpha[98:101, 30:270] = 1
    matte = Matte(alpha, np.full((200, 300, 3), 40, np.uint8))
    placement = Placement((round(300 * scale), round(200 * scale)), scale, -4.0, (0.4, 7.7))
    canvas = render(matte, placement)
    columns = slice(round(100 * scale), round(200 * scale))
    width = canvas.matte.alpha[:, columns].sum(axis=0)
    assert width == pytest.approx(3 * scale / np.cos(np.radians(4)), rel=0.04)


@pytest.mark.parametrize("scale", [0.37, 1.0, 1.9])
def test_the_transparent_cut_out_over_white_is_the_canvas(scale: float) -> None:
    matte, _ = draw_glasses()
    size = round(400 * scale) + 1, round(300 * scale) + 1
    canvas = render(matte, Placement(size, scale, 3.0, (0.5, 0.25)))
    rgba = to_cutout(canvas.matte).rgba.astype(float)
    over = 255 - rgba[..., 3:] / 255 * (255 - rgba[..., :3])
    assert np.abs(over - canvas.white).max() <= 1.5


def test_the_colour_of_the_photo_beyond_the_matte_does_not_come_in() -> None:
    matte, _ = draw_glasses()
    loud = matte.foreground.copy()
    loud[matte.alpha == 0] = (255, 0, 255)
    placement = Placement((150, 120), 0.37, 5.0, (0.3, 4.0))
    quiet = render(matte, placement)
    noisy = render(Matte(matte.alpha, loud), placement)
    assert np.array_equal(quiet.white, noisy.white)
    assert np.array_equal(quiet.matte.foreground, noisy.matte.foreground)


@pytest.mark.parametrize("shift", [(1000.0, 0.0), (0.0, -1000.0)])
def test_glasses_beyond_the_canvas_leave_it_white(shift: tuple[float, float]) -> None:
    matte, _ = draw_glasses()
    canvas = render(matte, Placement((50, 40), 0.5, 2.0, shift), "soft")
    assert (canvas.white == 255).all()
    assert not canvas.matte.alpha.any()


def test_no_glasses_give_a_white_canvas() -> None:
    matte = Matte(np.zeros((30, 40), np.float32), np.zeros((30, 40, 3), np.uint8))
    for kind in ("none", "soft", "natural"):
        canvas = render(
            matte, place(measure(matte.alpha), preset()), kind, np.zeros((30, 40, 3), np.uint8)
        )
        assert canvas.white.shape == (240, 300, 3)
        assert (canvas.white == 255).all()


@pytest.mark.parametrize("kind", ["natural", "soft"])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 30), (40, 1)])
@pytest.mark.parametrize("level", [0.01, 1.0])
def test_shadows_of_hardly_anything_break_nothing(
    size: tuple[int, int], level: float, kind: ShadowKind
) -> None:
    alpha = np.zeros(size[::-1], np.float32)
    alpha[-1, -1] = level
    photo = np.full((*alpha.shape, 3), 90, np.uint8)
    for placement in (Placement(size), Placement((50, 50), 2.0)):
        canvas = render(Matte(alpha, photo), placement, kind, photo)
        assert canvas.white.shape[:2] == placement.size[::-1]


def test_a_natural_shadow_without_its_photo_is_refused() -> None:
    matte, _ = draw_glasses()
    placement = Placement((400, 300))
    for photo in (None, np.zeros((10, 10, 3), np.uint8)):
        with pytest.raises(ValidationError, match="needs the photo"):
            render(matte, placement, "natural", photo)


def test_a_canvas_of_two_sizes_is_refused() -> None:
    matte, _ = draw_glasses()
    with pytest.raises(ValidationError, match="white"):
        Canvas(np.zeros((3, 4, 3), np.uint8), matte)
