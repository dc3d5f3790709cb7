"""Hypothesis strategies of masks that metrics trip over."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from hypothesis import example
from hypothesis import strategies as st
from scipy import ndimage


def speckle(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(rng.random(size) < rng.random())


def blob(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(size), rng.uniform(0.5, 4))
    return np.asarray(field > np.quantile(field, rng.random()))


def one_pixel(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[rng.integers(size[0]), rng.integers(size[1])] = True
    return mask


def rings(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Holes in holes: squares within each other, cut by the border where they reach it."""
    ys, xs = np.indices(size)
    y, x = rng.integers(size[0]), rng.integers(size[1])
    return np.asarray(np.maximum(abs(ys - y), abs(xs - x)) // rng.integers(1, 4) % 2 == 0)


def border(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    mask = np.ones(size, bool)
    width = int(rng.integers(1, 4))
    mask[width:-width, width:-width] = False
    return mask


def empty(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return np.zeros(size, bool)


def full(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return np.ones(size, bool)


KINDS: tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], ...] = (
    speckle,
    blob,
    rings,
    border,
    one_pixel,
    full,
    empty,
)


def every_kind(**more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Also run a property of `mask` on one mask of each kind; `more` is its other arguments."""

    def told(test: Callable[..., None]) -> Callable[..., None]:
        for kind in KINDS:
            test = example(mask=kind(np.random.default_rng(7), (21, 24)), **more)(test)
        return test

    return told


def every_pair(**more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Also run a property of `pair` on one truth of each kind with one mask of each kind."""

    def told(test: Callable[..., None]) -> Callable[..., None]:
        for first, second in product(KINDS, KINDS):
            truth, pred = (
                kind(np.random.default_rng(seed), (29, 32))
                for kind, seed in ((first, 7), (second, 8))
            )
            if truth.any():
                test = example(pair=(truth, pred), **more)(test)
        return test

    return told


@st.composite
def masks(draw: st.DrawFn, high: int = 48) -> np.ndarray:
    """A mask of any kind, bool (H, W), of 1 to `high` pixels a side."""
    size = draw(st.integers(1, high)), draw(st.integers(1, high))
    return _mask(draw, size)


@st.composite
def pairs(draw: st.DrawFn, high: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """A truth that is not empty, and a prediction: of any kind, wrong in places, or perfect."""
    truth = draw(masks(high))
    truth[draw(st.integers(0, truth.shape[0] - 1)), draw(st.integers(0, truth.shape[1] - 1))] = True
    other = _mask(draw, (truth.shape[0], truth.shape[1]))
    return truth, draw(st.sampled_from([other, truth ^ other, truth]))


def _mask(draw: st.DrawFn, size: tuple[int, int]) -> np.ndarray:
    kind = draw(st.sampled_from(KINDS))
    return kind(np.random.default_rng(draw(st.integers(0, 2**32 - 1))), size)
