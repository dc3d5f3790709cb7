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
from skimage.morphology import binary_erosion
from skimage.segmentation import find_boundaries

from odd_masks import masks, pairs
from pipeline.evaluation.geometry import contour_lines, holes
from pipeline.evaluation.measures import measure
from pipeline.evaluation.truth import Prediction, TruthMasks, box_around

Pair = tuple[np.ndarray, np.ndarray]
MANY = settings(max_examples=80, deadline=None)


def figures(pair: Pair, lens: np.ndarray | None = None, tolerance: float = 2.0) -> dict[str, float]:
    truth = TruthMasks(pair[0], box_around(pair[0]), lens=lens)
    return measure(truth, Prediction(pair[1]), tolerance=tolerance)


def close(value: float) -> object:
    return pytest.approx(value, abs=1e-6)


@given(pairs())
@MANY
def test_iou_is_that_of_pycocotools(pair: Pair) -> None:
    truth, pred = (coco_mask.encode(np.asfortranarray(m.astype(np.uint8))) for m in pair)
    assert figures(pair)["iou"] == close(coco_mask.iou([pred], [truth], [False])[0, 0])


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


@given(pairs(high=120))
@MANY
def test_boundary_iou_is_the_published_one(pair: Pair) -> None:
    """Cheng et al.: of each mask what lies within d of its contour, d = 2 % of the diagonal."""
    erosions = max(1, round(0.02 * float(np.hypot(*pair[0].shape))))

    def band(mask: np.ndarray) -> np.ndarray:
        kept = np.pad(mask, 1)
        for _ in range(erosions):
            kept = binary_erosion(kept, np.ones((3, 3), bool))
        return mask & ~kept[1:-1, 1:-1]

    truth, pred = band(pair[0]), band(pair[1])
    assert figures(pair)["boundary_iou"] == close((truth & pred).sum() / (truth | pred).sum())


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


@given(masks())
@MANY
def test_holes_are_those_of_scikit_image(mask: np.ndarray) -> None:
    count, numbers = holes(mask)
    assert count == len(plain_holes(mask))
    pieces = label(np.pad(mask, 1), connectivity=2).max()
    assert count == pieces - euler_number(np.pad(mask, 1), connectivity=2)
    got = {np.packbits(numbers == n).tobytes() for n in range(1, count + 1)}
    assert got == {np.packbits(hole).tobytes() for hole in plain_holes(mask)}


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


@given(pairs(), st.integers(0, 9))
@MANY
def test_parts_are_counted_within_the_glasses(pair: Pair, seed: int) -> None:
    lens = pair[0] & (np.random.default_rng(seed).random(pair[0].shape) < 0.5)
    got = figures(pair, lens)
    for name, part in (("lens", lens), ("frame", pair[0] & ~lens)):
        assert (name in got) == bool(part.any())
        if part.any():
            assert got[name] == close(pair[1][part].mean())


@given(masks(high=24))
@settings(max_examples=40, deadline=None)
def test_roughness_is_the_distance_from_local_cubics(mask: np.ndarray) -> None:
    """Smoothed pixel by pixel with numpy's polynomials and a written-out Gaussian."""
    reach, bell = np.arange(-15, 16), np.exp(-0.5 * np.arange(-4.0, 5.0) ** 2)
    apart: list[float] = []
    for line in contour_lines(mask):
        for at in range(len(line)) if len(line) >= 31 else ():
            near = line[(at + reach) % len(line)]
            mean = np.polynomial.polynomial.polyfit(reach, near, 3)[0]  # its value in the middle
            fine = bell @ line[(at + np.arange(-4, 5)) % len(line)] / bell.sum()
            apart.append(float(np.linalg.norm(fine - mean)))
    got = figures((np.ones_like(mask), mask))
    assert got.get("roughness") == (close(float(np.mean(apart))) if apart else None)


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
