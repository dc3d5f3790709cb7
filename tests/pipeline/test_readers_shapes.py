"""Outlines, runs and classes become the masks that they mean."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as rle

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.readers.classes import kinds_of
from pipeline.evaluation.readers.shapes import polygon_mask
from pipeline.evaluation.truth import TruthMasks, box_around
from truth_sets import GLASSES, LENS, LENSES, PAIRS, SIZE, as_rle, as_runs, coco_file, put


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["eyeglasses", "lens", "person"], {0: "glasses", 1: "lens"}),
        (["Frame", "Lenses"], {0: "frame", 1: "lens"}),
        (["object"], {0: "glasses"}),
        (["object", "lens"], {0: "glasses", 1: "lens"}),
    ],
)
def test_classes_are_known_by_name(names: list[str], kinds: dict[int, str]) -> None:
    assert kinds_of(dict(enumerate(names)), Path("x")) == kinds


@pytest.mark.parametrize("names", [[], ["lens"], ["person", "wine glass"]])
def test_classes_that_leave_a_doubt_are_listed(names: list[str]) -> None:
    with pytest.raises(EvaluationError, match=f"x: which class.*{', '.join(names)}"):
        kinds_of(dict(enumerate(names)), Path("x"))


def read_coco(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> TruthMasks:
    content = coco_file([("a", True)])
    change(content)
    return find_truth(put(tmp_path / "c.json", content))[0].read()


def test_frames_and_lenses_make_glasses(tmp_path: Path) -> None:
    def frames(content: dict[str, Any]) -> None:
        content["categories"][0]["name"] = "frame"
        for note, pair, lens in zip(content["annotations"], PAIRS, LENSES, strict=False):
            note["segmentation"] = as_rle(pair & ~lens)

    truth = read_coco(tmp_path, frames)
    np.testing.assert_array_equal(truth.glasses, GLASSES)
    np.testing.assert_array_equal(truth.lens, LENS)
    assert len(truth.boxes) == 2


def test_a_crowd_counts_in_the_mask_but_is_no_pair(tmp_path: Path) -> None:
    def crowd(content: dict[str, Any]) -> None:
        content["annotations"][0]["iscrowd"] = 1

    truth = read_coco(tmp_path, crowd)
    np.testing.assert_array_equal(truth.glasses, GLASSES)
    np.testing.assert_array_equal(truth.boxes, box_around(PAIRS[1]))


def test_shapes_of_labelme_are_filled(tmp_path: Path) -> None:
    picture = cv2.imencode(".png", np.ones((4, 6), np.uint8))[1].tobytes()
    shapes = [
        {"shape_type": "rectangle", "points": [[30, 20], [10, 5]]},
        {"shape_type": "circle", "points": [[60, 30], [60, 40]]},
        {"shape_type": "mask", "points": [[100, 50], [105, 53]],
         "mask": base64.b64encode(picture).decode()},
    ]  # fmt: skip
    labelled = [{"label": "glasses", **shape} for shape in shapes]
    labelled += [{"label": "horizon", "shape_type": "line", "points": [[0, 9], [199, 9]]}]
    content = {"imagePath": "a.jpg", "imageHeight": 120, "imageWidth": 200, "shapes": labelled}
    put(tmp_path / "a.json", content)
    truth = find_truth(tmp_path)[0].read()
    assert truth.boxes.tolist() == [[10, 5, 30, 20], [50, 20, 70, 40], [100, 50, 106, 54]]
    assert truth.glasses[5:20, 10:30].all()
    assert truth.glasses[50:54, 100:106].all()
    assert abs(truth.glasses[20:40, 50:70].sum() - 100 * np.pi) < 6


coordinate = st.floats(-20, 60, allow_nan=False).map(lambda v: round(v, 2))
ring = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=9)


@given(ring)
def test_one_ring_is_filled_as_pycocotools_fills_it(points: list[tuple[float, float]]) -> None:
    flat = [[float(v) for point in points for v in point]]
    want = rle.decode(rle.merge(rle.frPyObjects(flat, 30, 40)))
    np.testing.assert_array_equal(polygon_mask([points], (30, 40), "x"), want > 0)


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=5), st.permutations(range(5)), st.booleans()
)
def test_rings_within_rings_are_holes_by_turns(
    steps: list[int], order: list[int], turn: bool
) -> None:
    want = np.zeros((90, 80), bool)
    rings, inset = [], 0
    for depth, step in enumerate(steps):
        inset += step + 1
        low, right, bottom = inset, 80 - inset, 90 - inset
        rings.append([(low, low), (right, low), (right, bottom), (low, bottom)][:: 1 - 2 * turn])
        want[low:bottom, low:right] = depth % 2 == 0
    shuffled = [rings[i] for i in order if i < len(rings)]
    np.testing.assert_array_equal(polygon_mask(shuffled, want.shape, "x"), want)


def test_rings_that_overlap_or_lie_apart_are_joined() -> None:
    squares = [[(a, a), (b, a), (b, b), (a, b)] for a, b in ((0, 10), (5, 15), (20, 30))]
    want = np.zeros((30, 30), bool)
    for a, b in ((0, 10), (5, 15), (20, 30)):
        want[a:b, a:b] = True
    np.testing.assert_array_equal(polygon_mask(squares, want.shape, "x"), want)


@settings(max_examples=60)
@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))), st.booleans())
def test_rle_comes_back_whole(mask: Any, compressed: bool) -> None:
    note = {"image_id": 1, "category_id": 1,
            "segmentation": as_rle(mask) if compressed else as_runs(mask)}  # fmt: skip
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": len(mask), "width": mask.shape[1]}],
        "categories": [{"id": 1, "name": "glasses"}],
        "annotations": [note],
    }
    with tempfile.TemporaryDirectory() as folder:
        (truth,) = find_truth(put(Path(folder) / "c.json", content))
        np.testing.assert_array_equal(truth.read().glasses, mask)


@settings(max_examples=100)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_damaged_rle_is_refused_and_never_read_beyond(counts: str) -> None:
    content = coco_file([("a", True)])
    content["annotations"][0]["segmentation"] = {"size": SIZE, "counts": counts}
    with tempfile.TemporaryDirectory() as folder:
        (truth,) = find_truth(put(Path(folder) / "c.json", content))
        with pytest.raises(EvaluationError, match="annotation 0 of a"):
            truth.read()
