from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ValidationError
from pipeline.evaluation.ciede import ciede2000
from pipeline.evaluation.lenses import (
    ALL,
    LensFigure,
    lens_error,
    lens_table,
    summarise_lenses,
)


def picture(colour: tuple[int, int, int], alpha: int = 255) -> np.ndarray:
    return np.full((6, 8, 4), (*colour, alpha), np.uint8)


LENS = np.zeros((6, 8), np.bool_)
LENS[2:4, 2:6] = True
FULL = np.ones((6, 8), np.float32)


def test_colour_differences_are_those_of_scikit_image() -> None:
    reference = pytest.importorskip("skimage.color")
    first, second = np.random.default_rng(0).integers(0, 256, (2, 500, 3), np.uint8)
    wanted = reference.deltaE_ciede2000(
        reference.rgb2lab(first[None]), reference.rgb2lab(second[None])
    )[0]
    assert ciede2000(first, second) == pytest.approx(wanted, rel=0.02, abs=0.05)


def test_only_lenses_count() -> None:
    truth = picture((250, 250, 250))
    colours = np.zeros((6, 8, 3), np.uint8)
    colours[LENS] = 250
    assert lens_error(truth, LENS, colours, FULL) == 0
    colours[2, 2] = 0
    assert lens_error(truth, LENS, colours, FULL) == pytest.approx(
        float(ciede2000(colours[2:3, 2], truth[2:3, 2, :3])[0]) / 8
    )


def test_both_are_laid_on_white() -> None:
    truth = picture((100, 100, 100), 0)
    black = np.zeros((6, 8, 3), np.uint8)
    assert lens_error(truth, LENS, black, FULL * 0) == 0
    assert lens_error(truth, LENS, black, FULL) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("lens", [np.zeros((6, 8), np.bool_), np.ones((5, 8), np.bool_)])
def test_no_lens_and_other_sizes_are_refused(lens: np.ndarray) -> None:
    with pytest.raises(ValidationError):
        lens_error(picture((0, 0, 0)), lens, np.zeros((6, 8, 3), np.uint8), FULL)


def figure(kind: str, keep: float, clear: float, *cleared: str) -> LensFigure:
    auto = clear if "auto" in cleared else keep
    return LensFigure(kind, {"keep": keep, "clear": clear, "auto": auto}, frozenset(cleared))


def test_summaries_are_by_kind_and_of_those_that_are_to_be_cleared() -> None:
    figures = [
        figure("clear", 20, 2, "clear", "auto"),
        figure("clear", 30, 10, "clear"),
        figure("dark", 5, 5),
    ]
    found = {one.kind: one for one in summarise_lenses(figures)}
    assert list(found) == [ALL, "clear", "dark"]
    assert found[ALL].count == 2
    assert found["clear"].share == pytest.approx(2 / 3)
    assert found[ALL].errors["auto"].mean == 16
    assert found[ALL].worst["clear"] == 10
    assert found[ALL].cleared == {"keep": 0, "clear": 2, "auto": 1}
    assert found[ALL].chosen == {"keep": 20, "clear": 2, "auto": 2}
    assert found["dark"].chosen == {}


def test_the_table_has_a_row_a_kind() -> None:
    lines = lens_table(summarise_lenses([figure("clear", 20, 2, "clear", "auto")])).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert "| 2.00 (2.00 to 2.00) | 2.00 | 1, 1 | 20.00, 2.00 | 2.0 |" in lines[2]
