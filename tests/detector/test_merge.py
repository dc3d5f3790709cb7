"""Boxes of one pair become one box; neighbours stay apart."""

from __future__ import annotations

import numpy as np
import pytest

from detector.merge import merge_pieces
from detector.types import Detections

FRONT = (0, 0, 100, 40)
FRONT_AND_TEMPLE = (10, 5, 160, 60)
NEIGHBOUR = (150, 0, 250, 40)


def found(*boxes: tuple[float, ...], labels: tuple[int, ...] | None = None) -> Detections:
    scores = np.linspace(0.9, 0.5, len(boxes))
    return Detections.of(np.array(boxes), scores, np.array(labels or (0,) * len(boxes)))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ((FRONT,), [FRONT]),
        ((FRONT, FRONT_AND_TEMPLE), [(0, 0, 160, 60)]),
        ((FRONT, NEIGHBOUR), [FRONT, NEIGHBOUR]),
        # The temple's box touches both pairs; the best pair takes it, the neighbour stays.
        ((FRONT, FRONT_AND_TEMPLE, NEIGHBOUR), [(0, 0, 160, 60), NEIGHBOUR]),
    ],
)
def test_pieces_of_one_pair_become_one_box(
    boxes: tuple[tuple[float, ...], ...], expected: list[tuple[float, ...]]
) -> None:
    merged = merge_pieces(found(*boxes), 0.35)
    np.testing.assert_allclose(merged.boxes, expected)
    assert merged.scores[0] == pytest.approx(0.9)


def test_lenses_are_not_merged_with_glasses() -> None:
    merged = merge_pieces(found(FRONT, (5, 5, 45, 35), labels=(0, 1)), 0.35)
    assert merged.labels.tolist() == [0, 1]
    np.testing.assert_allclose(merged.boxes, [FRONT, (5, 5, 45, 35)])


def test_nothing_found_stays_nothing() -> None:
    assert len(merge_pieces(Detections.none(), 0.35)) == 0


def test_a_share_of_one_merges_none() -> None:
    assert len(merge_pieces(found(FRONT, FRONT_AND_TEMPLE), 1.0)) == 2
