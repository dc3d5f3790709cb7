"""Several looks at one photo, with fakes for the networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detector.errors import DetectorError
from detector.looks import Look, SeveralLooks, several
from detector.types import Detections

PHOTO = np.zeros((300, 600, 3), np.uint8)
BOX = (200.0, 100.0, 350.0, 150.0)


def found(*rows: Sequence[float]) -> Detections:
    """Rows x0, y0, x1, y1, score, label."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections.of(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


class Scripted:
    """Gives its answer and remembers what it was shown."""

    def __init__(self, answer: Detections) -> None:
        self.answer = answer
        self.shown: list[np.ndarray] = []

    def detect(self, rgb: np.ndarray) -> Detections:
        self.shown.append(rgb)
        return self.answer


def looks(*answers: Detections, sizes: Sequence[int] | None = None) -> SeveralLooks:
    sizes = sizes or [600] * len(answers)
    pairs = zip(answers, sizes, strict=True)
    return SeveralLooks([Look(Scripted(a), s) for a, s in pairs], confidence=0.1)


def test_looks_that_agree_give_one_box_between_theirs_and_the_mean_score() -> None:
    answer = looks(found((*BOX, 0.8, 0)), found((210, 100, 360, 150, 0.8, 0))).detect(PHOTO)
    np.testing.assert_allclose(answer.boxes, [[205, 100, 355, 150]], atol=0.01)
    assert answer.scores == pytest.approx([0.8])


def test_the_surer_look_moves_the_box_more() -> None:
    answer = looks(found((*BOX, 0.9, 0)), found((210, 100, 360, 150, 0.1, 0))).detect(PHOTO)
    assert answer.boxes[0, 0] == pytest.approx(201, abs=0.1)


def test_what_one_look_alone_saw_loses_score() -> None:
    answer = looks(found((*BOX, 0.8, 0)), found()).detect(PHOTO)
    assert answer.scores == pytest.approx([0.4])


@pytest.mark.parametrize(
    ("length", "wins"), [(30, "large"), (560, "small")], ids=["small glasses", "large glasses"]
)
def test_a_look_is_trusted_with_what_it_sees_well(length: float, wins: str) -> None:
    box = (10.0, 10.0, 10.0 + length, 60.0)
    answers = {"small": found((*box, 0.9, 0)), "large": found((*box, 0.1, 0))}
    both = looks(answers["small"], answers["large"], sizes=[200, 800]).detect(PHOTO)
    assert (float(both.scores[0]) > 0.5) == (wins == "small")


def test_one_look_never_joins_two_of_its_own_boxes() -> None:
    near = (*BOX[:2], BOX[2] - 10, BOX[3])
    assert len(looks(found((*BOX, 0.8, 0), (*near, 0.7, 0)), found()).detect(PHOTO)) == 2


def test_classes_stay_apart() -> None:
    answer = looks(found((*BOX, 0.8, 0)), found((*BOX, 0.6, 1))).detect(PHOTO)
    assert sorted(answer.labels.tolist()) == [0, 1]


def test_a_mirrored_look_sees_the_mirror_image_and_answers_in_the_photo() -> None:
    rgb = PHOTO.copy()
    rgb[:, :100] = 255
    network = Scripted(found((250, 100, 400, 150, 0.8, 0)))
    answer = SeveralLooks([Look(network, 600, mirrored=True)]).detect(rgb)
    assert network.shown[0][0, -1, 0] == 255
    np.testing.assert_allclose(answer.boxes, [[200, 100, 350, 150]], atol=0.01)


def test_a_large_photo_is_shrunk_once_and_answered_at_its_own_size() -> None:
    network = Scripted(found((20, 10, 35, 15, 0.8, 0)))
    answer = SeveralLooks([Look(network, 64)]).detect(np.zeros((640, 1280, 3), np.uint8))
    assert network.shown[0].shape == (64, 128, 3)
    np.testing.assert_allclose(answer.boxes, [[200, 100, 350, 150]], atol=0.01)


def test_what_no_look_saw_is_no_find() -> None:
    assert not len(looks(found(), found()).detect(PHOTO))


def test_no_look_at_all_is_an_error() -> None:
    with pytest.raises(DetectorError, match="at least one"):
        SeveralLooks([])


class Sized(Scripted):
    """Remembers the sizes that it was asked for."""

    def __init__(self) -> None:
        super().__init__(found((*BOX, 0.8, 0)))
        self.sizes: list[int] = []

    def at(self, size: int) -> Sized:
        self.sizes.append(size)
        return self


@pytest.mark.parametrize(
    ("scales", "sizes"), [((1.0,), [352]), ((0.8, 1.0, 1.2, 1.45), [288, 352, 416, 512])]
)
def test_scales_become_sizes_that_the_network_can_take(
    scales: tuple[float, ...], sizes: list[int]
) -> None:
    network = Sized()
    answer = several(network, 352, scales, 0.1).detect(PHOTO)
    assert network.sizes == sizes
    assert len(network.shown) == len(sizes)
    assert len(answer) == 1 if len(sizes) == 1 else len(answer) == 2  # the mirrored find moves
