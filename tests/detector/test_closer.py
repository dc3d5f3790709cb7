"""The second look, with fakes for the networks."""

from __future__ import annotations

import numpy as np
import pytest

from detector.closer import CloserLook, suppress
from detector.types import Detections

PHOTO = np.zeros((400, 600, 3), np.uint8)


def found(*rows: tuple[float, ...]) -> Detections:
    """Rows x0, y0, x1, y1, score, label."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections.of(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


class Scripted:
    """Gives its answer and remembers the sizes of what it was shown."""

    def __init__(self, answer: Detections) -> None:
        self.answer, self.shown = answer, []

    def detect(self, rgb: np.ndarray) -> Detections:
        self.shown.append(rgb.shape[:2])
        return self.answer


def test_the_second_look_moves_the_box_and_shares_in_the_score() -> None:
    far = Scripted(found((200, 100, 300, 150, 0.25, 0)))
    near = Scripted(found((42, 62, 142, 118, 0.64, 0)))
    answer = CloserLook(far, near, room=1.8).detect(PHOTO)
    assert near.shown == [(180, 180)]
    np.testing.assert_allclose(answer.boxes, [[202, 97, 302, 153]])
    assert answer.scores == pytest.approx([0.4])


@pytest.mark.parametrize(
    "near", [found(), found((0, 0, 20, 20, 0.9, 0)), found((40, 65, 140, 115, 0.9, 1))]
)
def test_what_the_second_look_does_not_confirm_is_dropped(near: Detections) -> None:
    far = Scripted(found((200, 100, 300, 150, 0.9, 0)))
    assert not len(CloserLook(far, Scripted(near)).detect(PHOTO))


def test_glasses_that_fill_the_photo_are_looked_at_once() -> None:
    far, near = Scripted(found((50, 50, 500, 300, 0.9, 0))), Scripted(found())
    answer = CloserLook(far, near).detect(PHOTO)
    assert answer.scores == pytest.approx([0.9])
    assert not near.shown


def test_lenses_pass_as_the_first_look_saw_them() -> None:
    far, near = (
        Scripted(found((50, 50, 90, 90, 0.9, 1), (150, 50, 190, 90, 0.1, 1))),
        Scripted(found()),
    )
    answer = CloserLook(far, near).detect(PHOTO)
    assert answer.labels.tolist() == [1]
    assert not near.shown


def test_two_first_finds_of_one_pair_become_one() -> None:
    far = Scripted(found((200, 100, 300, 150, 0.5, 0), (210, 100, 310, 150, 0.4, 0)))
    near = Scripted(found((40, 65, 140, 115, 0.9, 0)))
    assert len(CloserLook(far, near).detect(PHOTO)) == 1


def test_many_faint_finds_do_not_cost_without_end() -> None:
    rows = [(5.0 * i, 10, 5.0 * i + 4, 20, 0.9 - 0.001 * i, 0) for i in range(100)]
    near = Scripted(found())
    CloserLook(Scripted(found(*rows)), near).detect(PHOTO)
    assert len(near.shown) <= 8


def test_classes_do_not_suppress_each_other() -> None:
    both = found((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.8, 1), (1, 0, 10, 10, 0.7, 0))
    assert suppress(both, 0.6).labels.tolist() == [0, 1]
