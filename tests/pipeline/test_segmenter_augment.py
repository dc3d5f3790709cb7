"""Shadows that training adds: of the glasses, on what is behind them; of other things, on all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.segmenter.augment import block_light, cast_shadow, photometric

SIDE = 256


def glasses() -> tuple[np.ndarray, np.ndarray]:
    frame, lens = np.zeros((2, SIDE, SIDE), np.uint8)
    for x in (90, 170):
        cv2.circle(lens, (x, 120), 30, 255, -1)
        cv2.circle(frame, (x, 120), 32, 255, 4)
    cv2.line(frame, (122, 118), (138, 118), 255, 4)
    lens[frame > 0] = 0
    return frame, lens


@pytest.mark.parametrize("seed", range(20))
def test_a_shadow_darkens_what_is_behind_the_glasses_and_nothing_else(seed: int) -> None:
    frame, lens = glasses()
    paper = np.full((SIDE, SIDE, 3), 220, np.uint8)
    before = paper.copy()
    shaded = cast_shadow(np.random.default_rng(seed), paper, frame, lens)
    assert shaded.dtype == np.uint8
    assert np.array_equal(paper, before)
    assert (shaded[frame == 255] >= 219).all()
    assert (shaded <= paper).all()
    spread = shaded.reshape(-1, 3).astype(int).min(axis=0)
    assert np.ptp(spread) < 60, "a shadow has hardly a colour of its own"


def test_most_shadows_are_seen_and_some_have_an_outline() -> None:
    frame, lens = glasses()
    paper = np.full((SIDE, SIDE, 3), 220, np.uint8)
    seen = sharp = 0
    for seed in range(60):
        grey = cast_shadow(np.random.default_rng(seed), paper, frame, lens)[..., 1]
        behind = cv2.dilate(cv2.max(frame, lens), np.ones((5, 5), np.uint8)) == 0
        steps = np.abs(np.diff(grey.astype(int), axis=1))[behind[:, 1:] & behind[:, :-1]]
        seen += (grey[behind] < 205).sum() > 200
        sharp += (steps > 25).sum() > 40
    assert seen > 35
    assert sharp > 10


def test_the_same_seed_gives_the_same_shadow_and_light() -> None:
    frame, lens = glasses()
    rgb = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)

    def made() -> np.ndarray:
        rng = np.random.default_rng(5)
        return photometric(rng, cast_shadow(rng, rgb, frame, lens))

    assert np.array_equal(made(), made())


def test_without_glasses_there_is_no_shadow() -> None:
    rgb, none = np.full((SIDE, SIDE, 3), 99, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    assert np.array_equal(cast_shadow(np.random.default_rng(0), rgb, none, none), rgb)


@pytest.mark.parametrize("seed", range(20))
def test_blocked_light_darkens_bright_and_dark_alike(seed: int) -> None:
    bright, dark = (np.full((SIDE, SIDE, 3), grey, np.uint8) for grey in (200, 100))
    shaded, half = (block_light(np.random.default_rng(seed), one) for one in (bright, dark))
    assert shaded.dtype == np.uint8
    assert (shaded <= bright).all()
    assert (bright == 200).all()
    assert np.abs(shaded.astype(int) - 2 * half.astype(int)).max() <= 2


def test_most_blocked_light_is_seen_with_borders_hard_and_soft() -> None:
    paper = np.full((SIDE, SIDE, 3), 220, np.uint8)
    greys = [block_light(np.random.default_rng(seed), paper)[..., 1] for seed in range(60)]
    seen = [grey for grey in greys if grey.max() > grey.min() + 15]
    steps = [np.abs(np.diff(grey.astype(int), axis=1)).max() / np.ptp(grey) for grey in seen]
    assert len(seen) > 40
    assert sum(step > 0.3 for step in steps) > 10
    assert sum(step < 0.1 for step in steps) > 5
