"""Strips along outlines, the edge in them, gaps, and the alpha for blending."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import WeightsError
from pipeline.refine import RefineSettings, refine
from pipeline.refine.blending import blending_alpha
from pipeline.refine.contour import outlines, smooth
from pipeline.refine.edges import Working, edge_matte
from pipeline.refine.gaps import clear_remains, open_gaps
from pipeline.refine.strips import WIDTH, Strips, roll_up, unroll
from pipeline.segmenter.edges import EMBEDDED, EdgeNet, NetworkEdges, load_edges, save_edges
from pipeline.segmenter.weights_io import CARD

PAPER, DARK = 225, 40


class ByColour:
    """An edge finder that believes the colours: dark is glasses."""

    def alpha(self, colours: np.ndarray, guess: np.ndarray) -> np.ndarray:
        paper, dark, seen = (linear(v) for v in (PAPER, DARK, colours[..., 0]))
        return np.clip((paper - seen) / (paper - dark), 0, 1).astype(np.float32)


def linear(level: float | np.ndarray) -> np.ndarray:
    return ((np.asarray(level, np.float32) / 255 + 0.055) / 1.055) ** 2.4


def encoded(light: np.ndarray) -> np.ndarray:
    return np.rint(255 * (1.055 * light ** (1 / 2.4) - 0.055)).astype(np.uint8)


def drawn(*bars: tuple[int, int, int, int], size: tuple[int, int] = (160, 400)) -> np.ndarray:
    mask = np.zeros(size, bool)
    for x0, y0, x1, y1 in bars:
        mask[y0:y1, x0:x1] = True
    return mask


def photo(mask: np.ndarray) -> np.ndarray:
    light = np.where(mask, linear(DARK), linear(PAPER)).astype(np.float32)
    return np.repeat(encoded(cv2.GaussianBlur(light, (0, 0), 0.6))[..., None], 3, axis=2)


@given(st.floats(4, 60), st.floats(4, 60), st.floats(0, 180))
@settings(max_examples=25)
def test_a_strip_has_the_glasses_on_its_left_and_rolls_up_again(
    a: float, b: float, angle: float
) -> None:
    mask = np.zeros((200, 200), np.uint8)
    cv2.ellipse(mask, ((100.0, 100.0), (2 * a, 2 * b), angle), 1, -1)
    cv2.circle(mask, (100, 100), 2, 0, -1)
    strips = unroll([smooth(o, 2.0) for o in outlines(mask.astype(bool))])
    assert strips is not None
    read = strips.read(mask * np.uint8(255)).astype(np.float32) / 255
    middle = WIDTH // 2
    assert read[:, middle - 2].mean() > 0.8
    assert read[:, middle + 2].mean() < 0.3
    back = roll_up(strips, read, mask.astype(np.float32))
    assert np.abs(back - mask).mean() < 0.02


def test_a_kink_in_an_outline_sends_no_whisker_out() -> None:
    across = np.arange(20, 180)
    normals = np.full(len(across), 1j)
    askew = slice(80, 83)  # the far side of a film that the mask drew beside the rim
    normals[askew] = -1j
    strips = Strips(across + 100j, normals, np.ones(len(across), bool))
    values = np.tile((np.arange(WIDTH) < WIDTH // 2).astype(np.float32), (len(across), 1))
    values[askew] = 1
    plain = np.zeros((140, 200), np.float32)
    plain[:101] = 1
    back = roll_up(strips, values, plain)
    assert (back[104:114, 30:170] == 0).all()
    assert (back[88:97, 30:170] == 1).all()


def test_where_no_row_tells_the_neighbours_do() -> None:
    """The true edge lies 5 pixels within the outline; a row that goes astray leaves no speck."""
    across = np.arange(20, 180)
    normals = np.full(len(across), 1j)
    normals[80] = -1j
    strips = Strips(across + 100j, normals, np.ones(len(across), bool))
    values = np.tile((np.arange(WIDTH) < WIDTH // 2 - 5).astype(np.float32), (len(across), 1))
    plain = np.zeros((140, 200), np.float32)
    plain[:101] = 1
    back = roll_up(strips, values, plain)
    assert (back[96:104, 30:170] < 0.5).all()
    assert (back[86:95, 30:170] > 0.5).all()


def test_outlines_too_short_have_no_strip() -> None:
    assert unroll([np.array([1 + 1j, 2 + 1j])]) is None


@pytest.mark.parametrize("grow", [-4, 0, 4])
def test_the_edge_is_found_where_the_photo_has_it(grow: int) -> None:
    truth = drawn((60, 40, 340, 120))
    kernel = np.ones((abs(grow) * 2 + 1,) * 2, np.uint8)
    act = cv2.dilate if grow > 0 else cv2.erode
    mask = act(truth.astype(np.uint8), kernel).astype(bool)
    box = np.array([60, 40, 340, 120], np.float32)
    alpha, _ = refine(photo(truth), mask, None, box, finder=ByColour())
    assert np.abs((alpha[80] > 0.5).sum() - 280) <= 1
    assert np.abs((alpha[:, 200] > 0.5).sum() - 80) <= 1
    assert alpha[80, 200] == 1
    assert alpha[10, 10] == 0


@pytest.mark.parametrize("width", [2, 3, 5, 6])
def test_wires_keep_their_width_under_a_mask_that_is_too_wide(width: int) -> None:
    truth = drawn((40, 80, 360, 80 + width))
    mask = drawn((40, 77, 360, 83 + width))
    box = np.array([40, 77, 360, 83 + width], np.float32)
    alpha, _ = refine(photo(truth), mask, None, box, finder=ByColour())
    assert np.abs(alpha[:, 100:300].sum(axis=0) - width).mean() < 0.7


def test_a_scrap_apart_from_the_glasses_goes() -> None:
    truth = drawn((60, 40, 340, 120))
    rgb = photo(truth)
    faint = encoded(0.3 * linear(DARK) + 0.7 * linear(PAPER))
    rgb[126:130, 150:170] = faint
    work = Working(rgb, truth, truth.view(np.uint8) * np.uint8(255), None, 1)
    alpha = edge_matte(work, 1.0, ByColour(), 300)
    assert (alpha[124:] == 0).all()
    assert (alpha[45:115, 65:335] > 0.99).all()


@pytest.mark.parametrize(("scale", "kept"), [(1, 3), (12, 16)])
def test_what_touches_small_glasses_is_not_taken_for_their_edge(scale: int, kept: int) -> None:
    truth = drawn((20, 30, 20 + 30 * scale, 40 + 10 * scale), size=(200, 440))
    right = 20 + 30 * scale
    hair = truth | drawn((right, 30, right + 30, 40 + 10 * scale), size=(200, 440))
    box = np.array([20, 30, right, 40 + 10 * scale], np.float32)
    soft = truth.view(np.uint8) * np.uint8(255)
    alpha, _ = refine(photo(hair), truth, None, box, None, soft, ByColour())
    middle = 35 + 5 * scale
    assert (alpha[middle, right + kept :] == 0).all()
    assert (alpha[middle, 25:right] > 0.99).all()


class Veiled(ByColour):
    """An edge finder that is never quite sure of the background."""

    def alpha(self, colours: np.ndarray, guess: np.ndarray) -> np.ndarray:
        return np.maximum(super().alpha(colours, guess), np.float32(1.2 / 255))


def test_an_alpha_too_faint_to_be_seen_leaves_the_background_white() -> None:
    truth = drawn((60, 40, 340, 120))
    work = Working(photo(truth), truth, truth.view(np.uint8) * np.uint8(255), None, 1)
    alpha = edge_matte(work, 1.0, Veiled(), 300)
    assert (alpha[:36] == 0).all()
    assert (alpha[124:] == 0).all()
    assert (alpha[:, :56] == 0).all()


def test_a_large_photo_is_looked_at_in_steps_and_drawn_at_its_own_size() -> None:
    truth = drawn((200, 100, 3800, 500), size=(600, 4000))
    box = np.array([200, 100, 3800, 500], np.float32)
    alpha, _ = refine(photo(truth), truth, None, box, finder=ByColour())
    assert alpha.shape == truth.shape
    assert np.abs(alpha[:, 2000].sum() - 400) < 2
    work = Working.of(photo(truth), truth, truth.view(np.uint8) * np.uint8(255), None)
    assert work.factor == 2
    assert edge_matte(work, 2.0, ByColour(), 2000).shape == (300, 2000)


def sliver(doubt: int, colour: int) -> tuple[Working, np.ndarray]:
    """Two bars with a gap between them, of which the mask closed the right half."""
    bars = drawn((40, 69, 360, 76), (40, 80, 360, 87))
    closed = drawn((200, 76, 340, 80))
    mask = bars | drawn((200, 76, 360, 80))
    rgb = photo(bars)
    rgb[closed] = colour
    guess = np.where(mask, 255, 0).astype(np.uint8)
    guess[closed] = doubt
    return Working(rgb, mask, guess, None, 1), closed


@pytest.mark.parametrize(
    ("doubt", "colour", "opened"),
    [(200, PAPER, True), (255, PAPER, False), (200, DARK, False), (200, 150, False)],
)
def test_a_gap_is_opened_where_the_network_doubts_and_the_colour_is_the_background_s(
    doubt: int, colour: int, opened: bool
) -> None:
    work, closed = sliver(doubt, colour)
    share = 1 - open_gaps(work, 400).mask[closed].mean()
    assert share > 0.9 if opened else share < 0.05


@pytest.mark.parametrize(("seen", "opened"), [((80, 76, 120, 80), True), ((80, 77, 83, 79), False)])
def test_a_speck_of_background_opens_no_gap(seen: tuple[int, int, int, int], opened: bool) -> None:
    """A network that is unsure in a clear lens leaves specks there."""
    whole, clear = drawn((40, 69, 360, 87)), drawn((80, 76, 300, 80))
    closed = drawn((120, 76, 300, 80))
    guess = whole * np.uint8(255)
    guess[clear] = 200
    work = Working(photo(whole & ~clear), whole & ~drawn(seen), guess, None, 1)
    share = 1 - open_gaps(work, 1000).mask[closed].mean()
    assert share > 0.4 if opened else share < 0.05


@pytest.mark.parametrize(("doubt", "left"), [(200, False), (255, True)])
def test_a_film_between_an_opened_gap_and_the_background_is_opened_too(
    doubt: int, left: bool
) -> None:
    bar, gap, film = (drawn((40, y0, 360, y1)) for y0, y1 in ((69, 76), (76, 80), (80, 82)))
    rgb = photo(bar)
    rgb[film] = 150
    guess = np.where(bar, 255, 0).astype(np.uint8)
    guess[gap], guess[film] = 200, doubt
    opened = open_gaps(Working(rgb, bar | gap | film, guess, None, 1), 1000).mask
    assert opened[gap].mean() < 0.3
    assert opened[film].mean() > 0.9 if left else opened[film].mean() < 0.1
    assert opened[bar].mean() > 0.95


def test_a_wide_place_of_the_background_s_colour_is_a_lens_and_stays() -> None:
    work, _ = sliver(200, PAPER)
    frame = drawn((40, 20, 360, 140))
    lens = drawn((100, 40, 300, 120))
    guess = np.where(lens, 200, 255).astype(np.uint8) * frame
    made = Working(photo(frame & ~lens), frame, guess, None, 1)
    assert open_gaps(made, 400).mask[lens].mean() > 0.95
    known = Working(work.rgb, work.mask, work.guess, work.mask, 1)
    assert np.array_equal(open_gaps(known, 400).mask, work.mask)


@pytest.mark.parametrize(
    ("colour", "alpha", "lens", "cleared"),
    [
        (PAPER, 0.7, False, True),
        (PAPER, 1.0, False, False),  # the edge was sure: a highlight, or pale glasses
        (150, 0.7, False, False),
        (PAPER, 0.7, True, False),  # what is seen through a lens
    ],
)
def test_background_that_an_unsure_edge_left_goes(
    colour: int, alpha: float, lens: bool, cleared: bool
) -> None:
    bars = drawn((40, 60, 360, 70), (40, 86, 360, 96))
    between = drawn((100, 70, 300, 86))
    rgb = photo(bars)
    rgb[between] = colour
    found = bars.astype(np.float32)
    found[between] = alpha
    work = Working(rgb, bars, bars.view(np.uint8) * np.uint8(255), between if lens else None, 1)
    after = clear_remains(work, found, 1200)
    middle = after[75:81, 110:290]
    assert (middle < 0.05).all() if cleared else (middle == np.float32(alpha)).all()
    assert (after[bars] == 1).all()
    assert (after <= found).all()


@pytest.mark.parametrize("across", [1, 2])
def test_a_line_of_the_backgrounds_colour_on_a_doubted_part_is_no_hole(across: int) -> None:
    """A glossy temple mirrors the backdrop: where alpha is unsure anyway, it stays even."""
    part = drawn((40, 60, 360, 100))
    picture = photo(part)
    line = np.s_[78 : 78 + across, 100:300]
    picture[line] = PAPER
    found = part.astype(np.float32)
    found[70:90, 90:310] = 0.8
    work = Working(picture, part, part.view(np.uint8) * np.uint8(255), None, 1)
    after = clear_remains(work, found, 1200)
    assert (after[line] == np.float32(0.8)).all()


def test_gaps_stay_closed_when_told_so() -> None:
    work, closed = sliver(200, PAPER)
    box = np.array([40, 69, 360, 87], np.float32)

    class Believer:
        def alpha(self, colours: np.ndarray, guess: np.ndarray) -> np.ndarray:
            return guess / np.float32(255)

    def share(open_them: bool) -> float:
        told = RefineSettings(open_gaps=open_them)
        alpha, _ = refine(work.rgb, work.mask, None, box, told, work.guess, Believer())
        return float((alpha[closed] > 0.5).mean())

    assert share(False) > 0.9
    assert share(True) < 0.1


@pytest.mark.parametrize(("fore", "back"), [(20, 240), (240, 20), (120, 125)])
def test_blending_alpha_shows_what_the_light_shows(fore: int, back: int) -> None:
    coverage = np.tile(np.clip((20 - np.arange(WIDTH)) / 9, 0, 1).astype(np.float32), (40, 1))
    light = coverage * linear(fore) + (1 - coverage) * linear(back)
    shown = encoded(light)
    alpha = blending_alpha(coverage, np.repeat(shown[..., None], 3, axis=2))
    blended = alpha * fore + (1 - alpha) * back
    assert np.abs(blended - shown).max() < 12
    assert (alpha[coverage == 0] < 0.02).all()
    assert (alpha[coverage == 1] > 0.98).all()


def test_the_network_gives_one_alpha_a_pixel_whatever_the_length(tmp_path) -> None:  # type: ignore[no-untyped-def]
    finder = NetworkEdges(EdgeNet())
    rng = np.random.default_rng(0)
    for rows in (9, 40, 4200):
        colours = rng.integers(0, 256, (rows, WIDTH, 3)).astype(np.uint8)
        alpha = finder.alpha(colours, colours[..., 0])
        assert alpha.shape == (rows, WIDTH)
        assert alpha.dtype == np.float32
        assert 0 <= alpha.min() <= alpha.max() <= 1
    save_edges(finder.network, tmp_path / "edges.safetensors")
    again = load_edges(str(tmp_path / "edges.safetensors"))
    assert np.array_equal(again.alpha(colours, colours[..., 0]), alpha)


def test_missing_and_foreign_weights_are_told(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "other.safetensors").write_bytes(b"nothing")
    for name in ("none.safetensors", "other.safetensors"):
        with pytest.raises(WeightsError, match=name):
            load_edges(str(tmp_path / name))


def test_weights_that_are_not_those_of_their_card_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for path in (EMBEDDED, EMBEDDED.with_name(CARD)):
        shutil.copy(path, tmp_path)
    load_edges(str(tmp_path / EMBEDDED.name))
    damaged = bytearray(EMBEDDED.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / EMBEDDED.name).write_bytes(damaged)
    with pytest.raises(WeightsError, match="SHA-256"):
        load_edges(str(tmp_path / EMBEDDED.name))


def test_the_embedded_network_finds_the_edge_of_a_plain_shape() -> None:
    truth = drawn((60, 40, 340, 120))
    mask = cv2.dilate(truth.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    box = np.array([58, 38, 342, 122], np.float32)
    soft = cv2.GaussianBlur(mask.view(np.uint8) * np.uint8(255), (0, 0), 2.0)
    alpha, _ = refine(photo(truth), mask, None, box, None, soft, load_edges())
    before, after = (float(np.abs(m - truth).sum()) for m in (mask.astype(float), alpha))
    assert after < 0.5 * before


def test_the_embedded_network_leaves_no_veil_beside_the_edge() -> None:
    truth = drawn((60, 40, 340, 120))
    soft = cv2.GaussianBlur(truth.view(np.uint8) * np.uint8(255), (0, 0), 2.0)
    box = np.array([58, 38, 342, 122], np.float32)
    alpha, _ = refine(photo(truth), truth, None, box, None, soft, load_edges())
    beside = cv2.dilate(truth.view(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert (alpha[beside] == 0).mean() > 0.99
    assert (alpha[cv2.erode(truth.view(np.uint8), np.ones((9, 9), np.uint8)) > 0] == 1).mean() > 0.9
