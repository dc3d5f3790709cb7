from __future__ import annotations

import numpy as np
import pytest

from detector.errors import DetectionsError
from detector.types import Detections, overlap

BOX = np.array([[1, 2, 3, 4]], np.float32)
SCORE = np.array([0.5], np.float32)
LABEL = np.array([0], np.int64)


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "message"),
    [
        (BOX.astype(np.float64), SCORE, LABEL, "boxes: expected float32"),
        (BOX[:, :3], SCORE, LABEL, "boxes: expected float32"),
        (BOX, SCORE, LABEL.astype(np.int32), "labels: expected int64"),
        (BOX, np.zeros(2, np.float32), LABEL, "boxes"),
        (BOX[:, [2, 1, 0, 3]], SCORE, LABEL, "x0 < x1"),
        (BOX * np.float32(np.nan), SCORE, LABEL, "finite"),
        (BOX, SCORE + 1, LABEL, "scores"),
        (BOX, SCORE * np.float32(np.nan), LABEL, "scores"),
        (BOX, SCORE, LABEL + 2, "labels"),
        (BOX.repeat(2, 0), np.array([0.1, 0.9], np.float32), LABEL.repeat(2), "descending"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(DetectionsError, match=message):
        Detections(boxes, scores, labels)


def test_of_sorts_by_score_and_converts() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]], np.float64)
    found = Detections.of(boxes, np.array([0.2, 0.9, 0.5]), np.array([1, 0, 1], np.int32))
    assert found.boxes[:, 2].tolist() == [2, 3, 1]
    assert found.labels.tolist() == [0, 1, 1]
    assert found.only(1).boxes[:, 2].tolist() == [3, 1]


def test_none_is_empty() -> None:
    assert len(Detections.none()) == 0


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    np.testing.assert_allclose(overlap(box, others), [1, 1 / 3, 0])
