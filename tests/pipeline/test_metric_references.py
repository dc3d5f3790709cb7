"""Every figure of a mask agrees with another implementation of its definition, on any mask."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from scipy.spatial.distance import cdist
from skimage.measure import euler_number, label
from skimage.morphology import erosion
from skimage.segmentation import find_boundaries

from odd_masks import every_kind, every_pair, masks, pairs
from pipeline.evaluation.geometry import contour_lines, holes
from pipeline.evaluation.measures import measure
from pipeline.evaluation.truth import Prediction, TruthMasks, box_around

Pair = tuple[np.ndarray, np.ndarray]
MANY = settings(max_examples=80)


def figures(pair: Pair, lens: np.ndarray | None = None, tolerance: float = 2.0) -> dict[str, float]:
    truth = TruthMasks(pair[0], box_around(pair[0]), lens=lens)
    return measure(truth, Prediction(pair[1]), tolerance=tolerance)


def close(value: float) -> object:
    return pytest.approx(value, abs=1e-6)


@every_pair()
@given(pairs())
@MANY
def test_iou_is_that_of_pycocotools(pair: Pair) -> None:
    truth, pred = (coco_mask.encode(np.asfortranarray(m.astype(np.uint8))) for m in pair)
    assert figures(pair)["iou"] == close(coco_mask.iou([pred], [truth], [False])[0, 0])


@every_pair()
@given(pairs())
@MANY
def test_areas_are_those_of_counted_pixels(pair: Pair) -> None:
    kinds = [(bool(t), bool(p)) for t, p in zip(pair[0].flat, pair[1].flat, strict=True)]
    hit, missed, extra = (kinds.count(k) for k in ((True, True), (True, False), (False, True)))
    got = figures(pair)
    assert got["dice"] == close(2 * hit / (2 * hit + missed + extra))
    assert got["recall"] == close(hit / (hit + missed))
    assert ("precision" in got) == (hit + extra > 0)
    if hit + extra:
        assert got["precision"] == close(hit / (hit + extra))


@every_pair()
@given(pairs(high=120))
@MANY
def test_boundary_iou_is_the_published_one(pair: Pair) -> None:
    """Cheng et al.: of each mask what lies within d of its contour, d = 2 % of the diagonal."""
    erosions = max(1, round(0.02 * float(np.hypot(*pair[0].shape))))

    def band(mask: np.ndarray) -> np.ndarray:
        kept = np.pad(mask, 1)
        for _ in range(erosions):
            kept = erosion(kept, np.ones((3, 3), bool))
        return mask & ~kept[1:-1, 1:-1]

    truth, pred = band(pair[0]), band(pair[1])
    assert figures(pair)["boundary_iou"] == close((truth & pred).sum() / (truth | pred).sum())


@every_pair(tolerance=1.5)
@given(pairs(high=32), st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.7]))
@MANY
def test_boundary_f_counts_contour_pixels_near_the_other_contour(
    pair: Pair, tolerance: float
) -> None:
    contours = (find_boundaries(np.pad(m, 1), connectivity=1, mode="inner") for m in pair)
    truth, pred = (np.column_stack(np.nonzero(contour)) for contour in contours)
    want = 0.0
    if len(pred):
        apart = cdist(truth, pred)
        recall = float((apart.min(axis=1) <= tolerance).mean())
        precision = float((apart.min(axis=0) <= tolerance).mean())
        want = 2 * precision * recall / max(precision + recall, 1e-12)
    assert figures(pair, tolerance=tolerance)["boundary_f"] == close(want)


def plain_holes(mask: np.ndarray) -> list[np.ndarray]:
    """Each component of the background, joined by edges, that the outside does not reach."""
    parts = label(~np.pad(mask, 1), connectivity=1)
    numbers = set(np.unique(parts)) - {0, parts[0, 0]}
    return [parts[1:-1, 1:-1] == number for number in sorted(numbers)]


@every_kind()
@given(masks())
@MANY
def test_holes_are_those_of_scikit_image(mask: np.ndarray) -> None:
    count, numbers = holes(mask)
    assert count == len(plain_holes(mask))
    pieces = label(np.pad(mask, 1), connectivity=2).max()
    assert count == pieces - euler_number(np.pad(mask, 1), connectivity=2)
    got = {np.packbits(numbers == n).tobytes() for n in range(1, count + 1)}
    assert got == {np.packbits(hole).tobytes() for hole in plain_holes(mask)}


@every_pair()
@given(pairs())
@MANY
def test_holes_are_matched_one_by_one(pair: Pair) -> None:
    truth, pred = (plain_holes(mask) for mask in pair)
    same = [
        (i, j)
        for (i, a), (j, b) in product(enumerate(truth), enumerate(pred))
        if (a & b).sum() / (a | b).sum() >= 0.5
    ]
    got = figures(pair)
    assert got["holes_extra"] == len(pred) - len({j for _, j in same})
    assert got.get("holes_found") == (len({i for i, _ in same}) / len(truth) if truth else None)
    assert ("holes_area" in got) == bool(truth or pred)
    if truth or pred:
        both = [np.logical_or.reduce([np.zeros_like(pair[0]), *parts]) for parts in (truth, pred)]
        assert got["holes_area"] == close((both[0] & both[1]).sum() / (both[0] | both[1]).sum())


@every_pair(seed=3)
@given(pairs(), st.integers(0, 9))
@MANY
def test_parts_are_counted_within_the_glasses(pair: Pair, seed: int) -> None:
    lens = pair[0] & (np.random.default_rng(seed).random(pair[0].shape) < 0.5)
    got = figures(pair, lens)
    for name, part in (("lens", lens), ("frame", pair[0] & ~lens)):
        assert (name in got) == bool(part.any())
        if part.any():
            assert got[name] == close(pair[1][part].mean())


def plain_lines(mask: np.ndarray) -> list[np.ndarray]:
    """The closed lines around each piece and each hole, followed step by step (Suzuki and Abe,
    "Topological structural analysis of digitized binary images by border following", 1985)."""
    there = np.pad(mask, 1)
    pieces = label(there, connectivity=2)
    starts = [(np.argwhere(pieces == n)[0], 4) for n in range(1, pieces.max() + 1)]
    # a hole's line starts left of its first pixel
    starts += [(np.argwhere(hole)[0] + (1, 0), 0) for hole in plain_holes(mask)]
    return [follow(there, (int(y), int(x)), side) - 1 for (y, x), side in starts]


RING = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def follow(mask: np.ndarray, start: tuple[int, int], outside: int) -> np.ndarray:
    """The border through `start`, whose neighbour `RING[outside]` is background; (N, 2) x y."""

    def beside(at: tuple[int, int], direction: int) -> tuple[int, int]:
        return at[0] + RING[direction % 8][0], at[1] + RING[direction % 8][1]

    around = [beside(start, outside - n) for n in range(8)]
    first = next((place for place in around if mask[place]), None)
    line, before, at = [start], first, start
    while before is not None:
        back = RING.index((before[0] - at[0], before[1] - at[1]))
        ahead = next(p for p in (beside(at, back + n) for n in range(1, 9)) if mask[p])
        if ahead == start and at == first:
            break
        before, at = at, ahead
        line.append(at)
    return np.array(line, float)[:, ::-1]


@every_kind()
@given(masks())
@MANY
def test_roughness_is_the_distance_from_local_cubics(mask: np.ndarray) -> None:
    """Smoothed pixel by pixel with numpy's polynomials and a written-out Gaussian."""
    reach, bell = np.arange(-15, 16), np.exp(-0.5 * np.arange(-4.0, 5.0) ** 2)
    apart: list[np.ndarray] = []
    for line in plain_lines(mask):
        at = np.arange(len(line) if len(line) >= 31 else 0)[:, None]
        for x_or_y in (line[(at + reach) % len(line)]).transpose(2, 1, 0) if len(at) else ():
            mean = np.polynomial.polynomial.polyfit(reach, x_or_y, 3)[0]  # value in the middle
            apart.append(bell @ x_or_y[11:20] / bell.sum() - mean)
    got = figures((np.ones_like(mask), mask))
    deviation = [np.hypot(x, y) for x, y in zip(apart[::2], apart[1::2], strict=True)]
    want = close(float(np.concatenate(deviation).mean())) if deviation else None
    assert got.get("roughness") == want


@every_kind()
@given(masks())
@MANY
def test_lines_run_along_the_contour(mask: np.ndarray) -> None:
    want = find_boundaries(np.pad(mask, 1), connectivity=1, mode="inner")[1:-1, 1:-1]
    got = np.zeros_like(mask)
    for line in contour_lines(mask):
        x, y = line.astype(int).T
        got[y, x] = True
        steps = abs(line - np.roll(line, 1, axis=0)).max(axis=1)
        assert (steps <= 1).all()
    np.testing.assert_array_equal(got & ~want, False)
    cross = np.array(cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    assert (cv2.dilate(got.view(np.uint8), cross)[want] == 1).all()
