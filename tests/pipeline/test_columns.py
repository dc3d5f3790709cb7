"""Four answers to one photo, so that each error shows where it was made and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.types import Detections
from pipeline import batch
from pipeline.config import load_config
from pipeline.evaluation import evaluate, evaluate_flow, score
from pipeline.evaluation.columns import COLUMNS, DELIVERED, LABELS, answers
from pipeline.flow import Finish, Flow
from pipeline.images import write_image
from pipeline.types import Bools, Detector, Masks, Matte, Photo
from toys import DetectorByWidth, FakeDetector, FakeSegmenter, Toy, draw_toy
from truth_sets import toy_set


def make(detector: Detector, segmenter: FakeSegmenter | None = None, *told: str) -> Flow:
    return Flow(detector, segmenter or FakeSegmenter(), load_config("default", told))


def half(toy: Toy) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = toy.box
    return x0, y0, (x0 + x1) / 2, y1


def grown(mask: Bools, pixels: int = 9) -> Bools:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((pixels, pixels))) > 0)


class Eroding(Flow):
    """A finish that eats the outline."""

    def finish(self, photo: Photo, pairs: Detections, masks: Masks) -> Finish:
        done = super().finish(photo, pairs, masks)
        eaten = Matte(cv2.erode(done.matte.alpha, np.ones((7, 7))), done.matte.foreground)
        return replace(done, matte=eaten)


def ious(flow: Flow, toy: Toy) -> dict[str, float]:
    found = answers(flow, toy.photo(), np.array([toy.box], np.float32))
    return {column: score(toy.mask, one.mask)["iou"] for column, one in found.items()}


@pytest.mark.parametrize(
    ("fault", "suffering"),
    [
        ("none", set()),
        ("the detector misses", {"detector", "detector raw"}),
        ("the box is half", {"detector", "detector raw"}),
        ("the segmenter takes too much", set(COLUMNS)),
        ("the finish eats the outline", {"detector", "truth"}),
    ],
)
def test_a_fault_shows_in_the_columns_that_it_touches_and_in_no_other(
    toy: Toy, fault: str, suffering: set[str]
) -> None:
    rows: dict[str, Sequence[tuple[float, ...]]] = {
        "the detector misses": [],
        "the box is half": [(*half(toy), 0.9, 0)],
    }
    segmenter = FakeSegmenter()
    if fault == "the segmenter takes too much":
        segmenter.masks = [grown(toy.mask)]
    kind = Eroding if fault == "the finish eats the outline" else Flow
    detector = FakeDetector(rows.get(fault, [(*toy.box, 0.9, 0)]))
    found = ious(kind(detector, segmenter, load_config("default")), toy)
    assert tuple(found) == COLUMNS
    assert (DELIVERED, *COLUMNS) == tuple(LABELS)
    assert {column for column, iou in found.items() if iou < 0.9} == suffering
    assert all(iou > 0.99 for column, iou in found.items() if column not in suffering)


def test_boxes_are_claimed_by_the_detectors_columns_alone(toy: Toy) -> None:
    flow = make(FakeDetector([(*toy.box, 0.9, 0)]))
    found = answers(flow, toy.photo(), np.array([toy.box], np.float32))
    for column, one in found.items():
        if column.startswith("detector"):
            assert one.boxes is not None and one.scores is not None
            assert one.boxes.tolist() == [list(toy.box)]
            assert one.scores.tolist() == pytest.approx([0.9])
        else:
            assert one.boxes is None and one.scores is None
        assert one.quality is not None and one.quality.tolist() == pytest.approx([0.95])
        assert (one.alpha is None) == column.endswith("raw")


def test_an_unsure_pair_of_the_detector_is_dropped_and_one_of_the_truth_never(toy: Toy) -> None:
    flow = make(FakeDetector([(*toy.box, 0.5, 0)]), FakeSegmenter(quality=0.2))
    found = ious(flow, toy)
    assert {column for column, iou in found.items() if iou == 0} == {"detector", "detector raw"}


def test_an_empty_photo_without_truth_has_four_empty_answers() -> None:
    photo = Photo("empty.png", np.full((60, 80, 3), 200, np.uint8))
    segmenter = FakeSegmenter()
    found = answers(make(FakeDetector(), segmenter), photo, np.zeros((0, 4), np.float32))
    assert tuple(found) == COLUMNS
    assert not any(one.mask.any() for one in found.values())
    assert all(one.mask.shape == (60, 80) for one in found.values())
    assert segmenter.prompts == []


def test_what_a_run_writes_scores_as_the_column_of_the_detector(tmp_path: Path) -> None:
    scenes = {
        "good": draw_toy(width=196),
        "missed": draw_toy(width=204),
        "nothing": [],
        "sub/half": draw_toy(width=208),
        "two": draw_toy(240, 212, pairs=2),
        "unsure": draw_toy(width=216),
    }
    truth = toy_set(tmp_path / "truth", scenes)
    soft = cv2.GaussianBlur(scenes["two"][0].mask.astype(np.float32), (0, 0), 2)
    soft = np.maximum(soft, scenes["two"][1].mask)
    write_image(truth / "masks/two.png", (soft * 255).astype(np.uint8), overwrite=True)
    detector = DetectorByWidth(
        {
            196: FakeDetector([(*scenes["good"][0].box, 0.9, 0)]),
            208: FakeDetector([(*half(scenes["sub/half"][0]), 0.9, 0)]),
            212: FakeDetector([(*toy.box, 0.9, 0) for toy in scenes["two"]]),
            216: FakeDetector([(*scenes["unsure"][0].box, 0.1, 0)]),
        }
    )
    flow = make(detector)
    column = evaluate_flow(truth, flow)["detector"]
    summary = batch.run(truth / "photos", tmp_path / "out", flow.config, flow)
    assert not summary.failed
    written = evaluate(truth, tmp_path / "out")
    assert [row.name for row in column.rows] == [name for name in scenes if name != "nothing"]
    for now, then in zip(column.rows, written.rows, strict=True):
        assert (now.name, now.found, now.quality) == (then.name, then.found, then.quality)
        assert now.properties == then.properties
        for name, value in now.scores.items():  # mattes are written with 8 bits
            assert value == pytest.approx(then.scores[name], rel=0.01 * name.startswith("alpha"))
        assert now.scores.keys() == then.scores.keys()
    found = {row.name: row.scores["iou"] for row in column.rows}
    assert found["good"] > 0.99 and found["two"] > 0.9 and 0.4 < found["sub/half"] < 0.6
    assert found["missed"] == found["unsure"] == 0
    assert "alpha_mae" in column.rows[-2].scores and column.rows[-2].name == "two"
    assert 0 < (column.boxes["recall"] or 0) < 1
    assert column.boxes == written.boxes
    assert column.empty == written.empty == {"nothing": True}
    assert written.unexpected == ()
