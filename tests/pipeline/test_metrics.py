"""The figures agree with a plain implementation, and with the project's yardstick."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import ConvexHull

from odd_masks import every_pair, pairs
from pipeline.errors import ValidationError
from pipeline.evaluation.geometry import hull
from pipeline.evaluation.metrics import METRICS, score

SHARED = Path(__file__).parents[3] / "shared"
YARDSTICK = SHARED / "eval" / "score.py"


def blob(seed: int, size: tuple[int, int], softness: float) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(size)
    field = ndimage.gaussian_filter(noise, softness)
    return np.asarray(field > np.quantile(field, 0.7))


def ellipse_rows(radius: int) -> np.ndarray:
    """OpenCV's elliptic kernel: each row as wide as the circle is there, rounded."""
    side = np.arange(-radius, radius + 1)
    half = np.rint(radius * np.sqrt((radius**2 - side**2) / radius**2)).astype(int)
    return np.asarray(np.abs(side)[None, :] <= half[:, None])


def corners(mask: np.ndarray) -> list[tuple[int, int]]:
    """The corners x y of the convex hull, by Andrew's monotone chain in whole numbers."""

    def chain(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
        kept: list[tuple[int, int]] = []
        for x, y in places:
            while len(kept) > 1:
                (ax, ay), (bx, by) = kept[-2:]
                if (bx - ax) * (y - ay) > (by - ay) * (x - ax):
                    break
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    places = sorted((int(x), int(y)) for y, x in np.argwhere(mask))
    return chain(places) + chain(places[::-1]) or places


def plain_hull(mask: np.ndarray) -> np.ndarray:
    """The hull's pixels by the definition: those of its sides, drawn as lines of 8-neighbours, and
    in each row what lies between the sides, their crossings rounded.

    Lines go from left to right, and a crossing halfway between two pixels takes the first of them.
    Between the sides, crossings have 16 binary places and halves are rounded up: OpenCV's
    arithmetic, which decides pixels that lie on the limit.
    """
    filled = np.zeros(mask.shape, bool)
    ends: dict[int, list[int]] = {}
    ring = corners(mask)
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        (x0, y0), (x1, y1) = min(a, b), max(a, b)
        steps = max(x1 - x0, abs(y1 - y0), 1)
        for t in range(steps + 1):
            right, down = ((2 * t * n + steps - 1) // (2 * steps) for n in (x1 - x0, abs(y1 - y0)))
            filled[y0 + (down if y1 > y0 else -down), x0 + right] = True
        (top, y), (bottom, last) = sorted((a, b), key=lambda place: place[1])
        rows = last - y
        if rows and len(ring) > 2:
            slope = int((((bottom - top) << 17) + rows) / (2 * rows))
            for t in range(rows + 1):
                ends.setdefault(y + t, []).append((top * 65536 + t * slope + 32768) >> 16)
    for y, xs in ends.items():
        filled[y, min(xs) : max(xs) + 1] = True
    return filled


def plain_score(truth: np.ndarray, pred: np.ndarray) -> dict[str, float]:
    """The definitions word for word: no OpenCV, no windows."""

    def band(mask: np.ndarray) -> np.ndarray:
        radius = max(1, round(0.005 * float(np.hypot(*mask.shape))))
        return mask & ~ndimage.binary_erosion(mask, ellipse_rows(radius), border_value=0)

    ys, xs = np.nonzero(truth)
    radius = max(1, round(0.006 * float(np.hypot(np.ptp(xs) + 1, np.ptp(ys) + 1))))
    padded = np.pad(truth, radius)
    kernel = ellipse_rows(radius)
    opened = ndimage.binary_dilation(ndimage.binary_erosion(padded, kernel), kernel)
    thin = truth & ~opened[radius:-radius, radius:-radius]
    a, b = band(truth), band(pred)
    gaps = plain_hull(truth) & ~truth
    return {
        "iou": (truth & pred).sum() / (truth | pred).sum(),
        "boundary": (a & b).sum() / max((a | b).sum(), 1),
        "thin": (thin & pred).sum() / max(thin.sum(), 1),
        "gaps": (gaps & ~pred).sum() / max(gaps.sum(), 1),
        "tight": max(0.0, 1.0 - (pred & ~truth).sum() / truth.sum()),
    }


def bars() -> tuple[np.ndarray, np.ndarray]:
    """A rectangle with a thin temple, so that the hull's pixels are beyond doubt."""
    truth = np.zeros((200, 300), bool)
    truth[50:150, 40:140] = True
    truth[50:52, 140:260] = True
    truth[80:110, 60:120] = False
    return truth, np.roll(truth, (2, -3), axis=(0, 1))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("softness", [2.0, 8.0])
@pytest.mark.parametrize("size", [(150, 210), (480, 800)])
def test_agrees_with_the_definitions_on_shapes(
    seed: int, softness: float, size: tuple[int, int]
) -> None:
    truth, pred = (blob(s, size, softness) for s in (seed, seed + 100))
    truth[:, :9] = False  # the rest touches the picture's border
    assert score(truth, pred) == pytest.approx(plain_score(truth, pred), abs=1e-6)


@every_pair()
@given(pairs())
@settings(max_examples=150)
def test_agrees_with_the_definitions_on_odd_masks(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert score(*pair) == pytest.approx(plain_score(*pair), abs=1e-6)


places = st.tuples(st.integers(0, 699), st.integers(0, 699))


@given(st.lists(places, min_size=1, max_size=9))
@settings(max_examples=100)
def test_hulls_of_single_pixels_far_apart_are_the_defined_ones(told: list[tuple[int, int]]) -> None:
    """Long slanting sides, lines and points, to the pixel."""
    mask = np.zeros((700, 700), bool)
    mask[tuple(np.array(told).T)] = True
    np.testing.assert_array_equal(hull(mask), plain_hull(mask))


@every_pair()
@given(pairs())
@settings(max_examples=50)
def test_the_hull_holds_the_convex_polygon_and_at_most_its_rounding(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    truth = pair[0]
    places = np.column_stack(np.nonzero(truth))
    assume(np.linalg.matrix_rank(places - places[0]) == 2)
    sides = ConvexHull(places).equations
    distance = (np.stack(np.indices(truth.shape), -1) @ sides[:, :2].T + sides[:, 2]).max(axis=-1)
    got = hull(truth)
    assert got[distance <= 1e-6].all()
    assert not got[distance > 0.71].any()


@given(st.integers(0, 99), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=30)
def test_empty_space_around_both_masks_changes_nothing(seed: int, left: int, top: int) -> None:
    """What the window rests on: only the band's width depends on the picture's size."""
    truth, pred = (np.pad(blob(s, (60, 80), 5), 70) for s in (seed, seed + 500))
    moved = [np.roll(m, (top, left), axis=(0, 1)) for m in (truth, pred)]
    assert score(*moved) == score(truth, pred)


def test_a_perfect_mask_scores_one() -> None:
    truth, _ = bars()
    assert score(truth, truth) == dict.fromkeys(METRICS, 1.0)


def test_an_empty_mask_finds_nothing_and_takes_nothing_along() -> None:
    truth, _ = bars()
    got = score(truth, np.zeros_like(truth))
    assert got == {"iou": 0, "boundary": 0, "thin": 0, "gaps": 1, "tight": 1}


def test_each_figure_sees_its_own_fault() -> None:
    truth, _ = bars()
    no_temple = truth.copy()
    no_temple[:, 141:] = False
    assert score(truth, no_temple)["thin"] < 0.1
    filled = truth.copy()
    filled[80:110, 60:120] = True
    assert score(truth, filled)["gaps"] < 1
    assert score(truth, filled)["thin"] == 1
    shadow = truth.copy()
    shadow[160:190, 40:140] = True
    assert score(truth, shadow)["tight"] == pytest.approx(1 - 3000 / truth.sum())


@pytest.mark.parametrize(
    ("truth", "pred", "words"),
    [
        (np.ones((4, 5), bool), np.ones((5, 4), bool), r"\(4, 5\).*\(5, 4\)"),
        (np.zeros((4, 5), bool), np.ones((4, 5), bool), "empty"),
    ],
)
def test_what_cannot_be_scored_is_refused(truth: np.ndarray, pred: np.ndarray, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        score(truth, pred)


@pytest.fixture(scope="module")
def yardstick() -> ModuleType:
    if not YARDSTICK.exists():
        pytest.skip("needs ../shared/eval/score.py, which lies beside the project at its makers'")
    spec = importlib.util.spec_from_file_location("yardstick", YARDSTICK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(pairs())
@settings(max_examples=80)
def test_equals_the_yardstick_on_odd_masks(
    yardstick: ModuleType, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    assert score(*pair) == yardstick.score(*pair)


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_yardstick_on_shapes(yardstick: ModuleType, seed: int) -> None:
    truth, pred = (blob(s, (300, 400), 6) for s in (seed, seed + 50))
    assert score(truth, pred) == yardstick.score(truth, pred)


@pytest.mark.parametrize("name", ["ainius_pic12", "ainius_pic8", "seed_03"])
def test_equals_the_yardstick_on_photos(yardstick: ModuleType, name: str) -> None:
    truth = yardstick.load(SHARED / "real" / "labelled" / name / "full.png")
    pred = np.roll(truth, (3, -2), axis=(0, 1))
    assert score(truth, pred) == yardstick.score(truth, pred)
