from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from synthetic.prints import invented_word, lens_print, lettering

SEEDS = range(40)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("maker", "size"),
    [(lens_print, (256, 256)), (lens_print, (96, 128)), (lettering, (128, 1024)),
     (lettering, (64, 256)), (lettering, (100, 60))],
)  # fmt: skip
def test_prints_come_in_the_size_asked_for_and_show_something(
    maker: Callable[..., np.ndarray], size: tuple[int, int]
) -> None:
    for seed in range(20):
        rgba = maker(rng(seed), size)
        assert rgba.shape == (*size, 4)
        assert rgba.dtype == np.uint8
        assert rgba[..., 3].max() > 90
        assert np.array_equal(rgba, maker(rng(seed), size))


def test_lens_print_leaves_most_of_the_lens_and_its_edge_clear() -> None:
    covers = []
    for seed in SEEDS:
        alpha = lens_print(rng(seed))[..., 3]
        covers.append(float((alpha > 0).mean()))
        inside = alpha[31:-31, 31:-31].sum(dtype=int)
        assert inside == alpha.sum(dtype=int), seed
    assert max(covers) < 0.4
    assert np.mean(covers) < 0.12


def test_prints_vary() -> None:
    distinct = {lens_print(rng(seed)).tobytes() for seed in SEEDS}
    assert len(distinct) == len(SEEDS)


def test_clear_pixels_carry_ink_so_that_scaling_draws_no_rim() -> None:
    for seed in range(12):
        rgba = lettering(rng(seed)).astype(int)
        solid, clear = rgba[rgba[..., 3] == 255, :3], rgba[rgba[..., 3] == 0, :3]
        assert np.abs(clear.mean(0) - solid.mean(0)).max() <= 3


def test_words_are_short_and_of_letters() -> None:
    words = {invented_word(rng(seed)) for seed in SEEDS}
    assert len(words) > 35
    assert all(word.isalpha() and word.isascii() and 2 <= len(word) <= 16 for word in words)
