from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.dataset import read_dataset
from detector.errors import DatasetError
from detector.metrics import evaluate_detector, evaluate_examples
from detector.types import Detections


class Oracle:
    """Answers with the labels, changed by `alter(boxes, scores, labels)`; knows photos by look."""

    def __init__(self, root: Path, alter: Callable[..., tuple] = lambda *a: a) -> None:
        self.known, self.alter = {}, alter
        for example in read_dataset(root).examples:
            rgb = cv2.cvtColor(cv2.imread(str(example.image)), cv2.COLOR_BGR2RGB)
            self.known[rgb.tobytes()] = example

    def detect(self, rgb: np.ndarray) -> Detections:
        example = self.known[rgb.tobytes()]
        height, width = rgb.shape[:2]
        scale = np.array([width, height, width, height])
        low = example.boxes[:, :2] - example.boxes[:, 2:] / 2
        boxes = np.concatenate([low, low + example.boxes[:, 2:]], 1) * scale
        scores = np.linspace(0.9, 0.8, len(boxes))
        return Detections.of(*self.alter(boxes, scores, example.labels))


def evaluate(root: Path, alter: Callable[..., tuple] = lambda *a: a) -> dict:
    return evaluate_detector(Oracle(root, alter), root)


def test_perfect_answers_score_one(toy_dataset: Path) -> None:
    figures = evaluate(toy_dataset)
    assert figures["pictures"] == 24
    assert figures["AP50"] == pytest.approx({"eyeglasses": 1, "lens": 1, "mean": 1})
    assert figures["AP50-95"]["mean"] == pytest.approx(1)
    assert figures["recall"]["all"] == 1
    assert (figures["empty_scenes"], figures["empty_silent"], figures["false_finds"]) == (6, 1, 0)


def test_boxes_a_little_off_cost_the_strict_figure_only(toy_dataset: Path) -> None:
    figures = evaluate(
        toy_dataset, lambda b, s, c: (b + (b[:, 2:3] - b[:, :1]) * [0.1, 0, 0.1, 0], s, c)
    )
    assert figures["AP50"]["mean"] == pytest.approx(1)
    assert 0.4 < figures["AP50-95"]["mean"] < 0.85
    assert figures["recall"]["all"] == 1


def test_one_missed_class_costs_that_class_only(toy_dataset: Path) -> None:
    figures = evaluate(toy_dataset, lambda b, s, c: (b[c == 1], s[c == 1], c[c == 1]))
    assert figures["AP50"] == pytest.approx({"eyeglasses": 0, "lens": 1, "mean": 0.5})
    assert figures["recall"]["all"] == 0


def test_weak_answers_count_for_ap_but_not_for_recall(toy_dataset: Path) -> None:
    figures = evaluate(toy_dataset, lambda b, s, c: (b, s * 0.1, c))
    assert figures["AP50"]["mean"] == pytest.approx(1)
    assert figures["recall"]["all"] == 0


def test_finds_on_empty_scenes_and_second_finds_are_false(toy_dataset: Path) -> None:
    corner = np.array([[0.0, 0.0, 5.0, 5.0]])

    def alter(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> tuple:
        return (
            np.concatenate([boxes, corner]),
            np.concatenate([scores, [0.95]]),
            np.concatenate([labels, [0]]),
        )

    figures = evaluate(toy_dataset, alter)
    assert figures["empty_silent"] == 0
    assert figures["false_finds"] == pytest.approx(1)
    assert figures["AP50"]["eyeglasses"] < 0.9


def test_working_figures_are_those_of_the_detector_that_is_used(toy_dataset: Path) -> None:
    """One that turns pictures in which it finds nothing, say: among faint boxes none is turned."""

    class Mistaken:
        def detect(self, rgb: np.ndarray) -> Detections:
            return Detections.of(np.array([[0, 0, 3, 3.0]]), np.array([0.9]), np.array([0]))

    examples = read_dataset(toy_dataset).examples
    figures = evaluate_examples(Oracle(toy_dataset), examples, working=Mistaken())
    assert figures["AP50"]["mean"] == pytest.approx(1)
    assert figures["recall"]["all"] == figures["empty_silent"] == 0


def test_a_detector_that_finds_nothing_scores_zero(toy_dataset: Path) -> None:
    figures = evaluate(toy_dataset, lambda b, s, c: (b[:0], s[:0], c[:0]))
    assert figures["AP50"]["mean"] == 0
    assert figures["empty_silent"] == 1


def test_figures_that_nothing_speaks_for_are_none(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((20, 20, 3), np.uint8))
    figures = evaluate(tmp_path)
    assert figures["AP50"] == {"eyeglasses": None, "lens": None, "mean": None}
    assert figures["recall"] == {"all": None, "narrow": None, "middle": None, "wide": None}
    assert figures["empty_silent"] == 1


def test_recall_is_told_apart_by_width(toy_dataset: Path) -> None:
    def only_wide(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> tuple:
        keep = boxes[:, 2] - boxes[:, 0] >= 0.65 * 96
        return boxes[keep], scores[keep], labels[keep]

    recall = evaluate(toy_dataset, only_wide)["recall"]
    assert (recall["wide"], recall["middle"], recall["narrow"]) == (1, 0, None)
    assert 0 < recall["all"] < 1


def test_unreadable_pictures_and_unknown_parts_are_named(tmp_path: Path, toy_dataset: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"broken\.jpg"):
        evaluate_detector(Oracle(toy_dataset), tmp_path)
    with pytest.raises(DatasetError, match="part"):
        evaluate_detector(Oracle(toy_dataset), toy_dataset, part="most")
