"""Figures of boxes agree with cases worked out by hand and with COCO's own evaluation."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.errors import ValidationError
from pipeline.evaluation.boxes import BOX_MEASURES, box_figures

SIZE = (100, 200)
Boxes = np.ndarray
Found = tuple[np.ndarray, np.ndarray]


def boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(*rows: tuple[float, float, float, float, float]) -> Found:
    array = np.array(rows, np.float32).reshape(-1, 5)
    return array[:, :4], array[:, 4]


WIDE, MIDDLE, NARROW = (10, 10, 190, 60), (10, 10, 90, 60), (10, 10, 50, 30)


def test_figures_carry_the_names_of_the_registry() -> None:
    assert list(box_figures([], [], [])) == [m.name for m in BOX_MEASURES]


def test_a_small_case_worked_out_by_hand() -> None:
    """Three photos of one pair: a hit, a false find with more confidence, a hit with less."""
    truths = [boxes(WIDE)] * 3
    answers = [found((*WIDE, 0.9)), found((0, 90, 9, 99, 0.8)), found((*WIDE, 0.7))]
    got = box_figures(truths, answers, [SIZE] * 3)
    # precision 1 up to a recall of 1/3 (34 of COCO's 101 points), 2/3 up to 2/3 (33), then none
    assert got["AP50"] == pytest.approx((34 + 33 * 2 / 3) / 101, abs=1e-6)
    assert got["AP50-95"] == pytest.approx(got["AP50"], abs=1e-6)
    assert got["recall"] == got["recall_wide"] == pytest.approx(2 / 3)
    assert got["recall_narrow"] is got["recall_middle"] is None


def test_strict_overlap_counts_for_the_strict_figure_only() -> None:
    near = (10, 10, 190, 60 - 12.25)  # overlaps by 0.755: six of the ten thresholds
    got = box_figures([boxes(WIDE)], [found((*near, 0.5))], [SIZE])
    assert got["AP50"] == pytest.approx(1)
    assert got["AP50-95"] == pytest.approx(0.6)


def test_recall_is_told_apart_by_width_at_any_confidence() -> None:
    truths = [boxes(WIDE), boxes(MIDDLE), boxes(NARROW, (100, 10, 140, 30))]
    answers = [found(), found((*MIDDLE, 0.01)), found((*NARROW, 0.0), (*NARROW, 0.9))]
    got = box_figures(truths, answers, [SIZE] * 3)
    assert (got["recall_wide"], got["recall_middle"], got["recall_narrow"]) == (0, 1, 0.5)
    assert got["recall"] == 0.5


def test_nothing_to_find_gives_no_figures() -> None:
    assert set(box_figures([boxes()], [found((*WIDE, 0.9))], [SIZE]).values()) == {None}


@pytest.mark.parametrize(
    ("truths", "answers", "words"),
    [
        ([boxes()], [], "1 truths, 0 predictions"),
        ([boxes()], [(boxes(WIDE), np.zeros(2, np.float32))], "photo 0"),
        ([boxes()], [found((5, 5, 1, 1, 0.5))], "photo 0.*x0 < x1"),
        ([boxes()], [found((1, 1, 5, 5, 1.5))], r"photo 0.*\[0, 1\]"),
    ],
)
def test_what_are_no_boxes_is_refused(
    truths: list[Boxes], answers: list[Found], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        box_figures(truths, answers, [SIZE])


def direct(truths: list[Boxes], answers: list[Found]) -> tuple[float, float]:
    """AP50 and AP50-95 as COCOeval sums them up itself."""

    def rows(photos: list[Boxes], scores: list[np.ndarray] | None) -> list[dict[str, object]]:
        found = []
        for photo, array in enumerate(photos):
            for n, (x0, y0, x1, y1) in enumerate(array.tolist()):
                box = [x0, y0, x1 - x0, y1 - y0]
                row = {"image_id": photo, "category_id": 1, "bbox": box, "iscrowd": 0}
                row |= {"id": len(found) + 1, "area": box[2] * box[3]}
                found.append(row | ({} if scores is None else {"score": float(scores[photo][n])}))
        return found

    images = [{"id": n, "height": SIZE[0], "width": SIZE[1]} for n in range(len(truths))]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "categories": [{"id": 1}], "annotations": None}
        truth.dataset["annotations"] = rows(truths, None)
        truth.createIndex()
        results = rows([b for b, _ in answers], [s for _, s in answers])
        run = COCOeval(truth, truth.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[1]), float(run.stats[0])


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_average_precision_is_that_of_coco(seed: int, photos: int) -> None:
    rng = np.random.default_rng(seed)

    def some(count: int) -> Boxes:
        low = rng.uniform(0, 60, (count, 2))
        return np.hstack([low, low + rng.uniform(20, 90, (count, 2))]).astype(np.float32)

    truths = [some(int(rng.integers(1, 4))) for _ in range(photos)]
    answers = []
    for truth in truths:
        moved = truth + rng.normal(0, 4, truth.shape).astype(np.float32)
        given = np.vstack([moved, some(int(rng.integers(0, 3)))])
        answers.append((given, rng.permutation(len(given)).astype(np.float32) / len(given)))
    got = box_figures(truths, answers, [SIZE] * photos)
    assert (got["AP50"], got["AP50-95"]) == pytest.approx(direct(truths, answers), abs=1e-6)
