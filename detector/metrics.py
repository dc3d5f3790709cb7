"""How well a detector finds: average precision, recall, silence on empty scenes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector.dataset import Example, read_bgr, read_dataset
from detector.errors import DatasetError
from detector.types import CLASS_NAMES, EYEGLASSES, Detections, Detector, overlap

Truth = tuple[NDArray[np.float32], NDArray[np.int64]]  # boxes xyxy in pixels, labels
_WIDTHS = {"narrow": (0.0, 0.25), "middle": (0.25, 0.65), "wide": (0.65, 1.01)}
_ANY_WIDTH = (0.0, 1e5)
_RIGHT = 0.5  # IoU from which an answer counts


def evaluate_detector(
    detector: Detector, dataset_dir: Path | str, *, confidence: float = 0.25, part: str = "all"
) -> dict[str, Any]:
    """Compare a detector with the labels of a dataset (folder or YAML).

    Give a detector that drops little (confidence 0.01), or the average precision is cut short.

    Args:
        detector: what to measure.
        dataset_dir: see `detector.dataset.read_dataset`.
        confidence: working threshold for recall, false finds and empty scenes.
        part: "all", "train" or "val".

    Returns:
        See `evaluate_examples`.

    Raises:
        DatasetError: if the dataset or one of its pictures cannot be read.
    """
    dataset = read_dataset(dataset_dir)
    parts = {"all": dataset.examples, "train": dataset.train, "val": dataset.val}
    if part not in parts:
        raise DatasetError(f"part: expected one of {sorted(parts)}, got {part!r}")
    return evaluate_examples(detector, parts[part], dataset.labelled, confidence)


def evaluate_examples(
    detector: Detector,
    examples: Sequence[Example],
    labelled: Sequence[int] = tuple(CLASS_NAMES),
    confidence: float = 0.25,
    working: Detector | None = None,
) -> dict[str, Any]:
    """Figures over labelled pictures; a figure that nothing speaks for is None.

    Args:
        detector: should drop little, or the average precision is cut short.
        examples: the pictures.
        labelled: the classes that their labels speak of.
        confidence: working threshold.
        working: what is asked for the figures at `confidence`, where that is another detector than
            `detector` with fewer boxes: one that turns pictures in which it finds nothing.

    Returns:
        pictures, glasses: how many were looked at;
        AP50, AP50-95: by class name, and "mean" over the labelled classes (COCO's definition);
            AP50_narrow and so on for boxes of that width, see recall;
        recall: share of the glasses found at `confidence` with IoU >= 0.5, over all and by the
            share of the picture's width that they fill: narrow < 0.25, middle, wide >= 0.65;
        false_finds: boxes at `confidence` that answer no glasses, per picture;
        empty_scenes, empty_silent: pictures without glasses, and the share of them without a find.
    """
    truths, found, sure, sizes = [], [], [], []
    for example in examples:
        rgb = read_rgb(example.image)
        sizes.append((rgb.shape[0], rgb.shape[1]))
        truths.append(_truth(example, sizes[-1]))
        found.append(detector.detect(rgb))
        sure.append(found[-1] if working is None else working.detect(rgb))
    figures: dict[str, Any] = {"pictures": len(examples), "confidence": confidence}
    figures.update(average_precision(truths, found, sizes, labelled))
    figures.update(at_confidence(truths, sure, sizes, confidence))
    return figures


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """A picture as uint8 (H, W, 3) RGB, as it is stored.

    Raises:
        DatasetError: it cannot be read.
    """
    return np.asarray(cv2.cvtColor(read_bgr(path), cv2.COLOR_BGR2RGB), np.uint8)


def _truth(example: Example, size: tuple[int, int]) -> Truth:
    return example.corners(size), example.labels


def average_precision(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    sizes: Sequence[tuple[int, int]],
    labelled: Sequence[int],
) -> dict[str, dict[str, float | None]]:
    """COCO's average precision of answers to `truths`, photo by photo.

    Args:
        truths: boxes float32 (N, 4) xyxy in pixels and labels int64 (N,).
        found: the detector's answers.
        sizes: (height, width) of the photos.
        labelled: the classes that `truths` speaks of.

    Returns:
        AP50, AP50-95: by class name, and "mean" over the classes; None where there is no truth.
        AP50_narrow, AP50-95_narrow, and so on: the same for boxes by the share of the picture's
            width that they fill, as COCO does it by area: a false find counts where its own
            width is.
    """
    truth, answer = COCO(), COCO()
    images = [{"id": i, "height": h, "width": w} for i, (h, w) in enumerate(sizes)]
    categories = [{"id": label + 1, "name": CLASS_NAMES[label]} for label in labelled]
    for coco, rows in ((truth, _truth_rows(truths, sizes)), (answer, _found_rows(found, sizes))):
        coco.dataset = {"images": images, "categories": categories, "annotations": rows}
        with contextlib.redirect_stdout(io.StringIO()):
            coco.createIndex()
    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(truth, answer, "bbox")
        # rows carry widths for areas; COCO counts both ends of a range in
        ends = [(low, np.nextafter(high, 0)) for low, high in _WIDTHS.values()]
        run.params.areaRng, run.params.areaRngLbl = [_ANY_WIDTH, *ends], ["all", *_WIDTHS]
        run.evaluate()
        run.accumulate()
    precision = run.eval["precision"][..., -1]  # IoU thresholds, recalls, classes, widths
    figures: dict[str, dict[str, float | None]] = {}
    for place, width in enumerate(("", *(f"_{name}" for name in _WIDTHS))):
        here = precision[..., place]
        figures[f"AP50{width}"] = _means(here[:1], sorted(labelled))
        figures[f"AP50-95{width}"] = _means(here, sorted(labelled))
    return figures


def _means(precision: NDArray[np.float64], labels: Sequence[int]) -> dict[str, float | None]:
    """Precision of (thresholds, recalls, classes) by class, and over classes; -1 is none."""
    by_class = {
        CLASS_NAMES[label]: float(precision[:, :, k].mean()) if precision[0, 0, k] > -1 else None
        for k, label in enumerate(labels)
    }
    values = [value for value in by_class.values() if value is not None]
    return {**by_class, "mean": float(np.mean(values)) if values else None}


def _truth_rows(truths: Sequence[Truth], sizes: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    boxes = [(i, b, c) for i, t in enumerate(truths) for b, c in zip(*t, strict=True)]
    return [{**_row(n, i, b, c, sizes[i][1]), "iscrowd": 0} for n, (i, b, c) in enumerate(boxes, 1)]


def _found_rows(
    found: Sequence[Detections], sizes: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    boxes = [
        (i, b, c, s)
        for i, d in enumerate(found)
        for b, c, s in zip(d.boxes, d.labels, d.scores, strict=True)
    ]
    return [
        {**_row(n, i, b, c, sizes[i][1]), "score": float(s)}
        for n, (i, b, c, s) in enumerate(boxes, 1)
    ]


def _row(
    number: int, image: int, box: NDArray[np.float32], label: np.int64, full: int
) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(v) for v in box)
    width, height = x1 - x0, y1 - y0
    return {
        "id": number,
        "image_id": image,
        "category_id": int(label) + 1,
        "bbox": [x0, y0, width, height],
        "area": width / full,
    }


def at_confidence(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    sizes: Sequence[tuple[int, int]],
    confidence: float,
) -> dict[str, Any]:
    """What the answers of at least `confidence` are worth; takes the same as `average_precision`.

    Returns:
        glasses, recall, false_finds, empty_scenes, empty_silent: see `evaluate_examples`.
    """
    hits: list[bool] = []
    widths: list[float] = []
    false_finds, empty, silent = 0, 0, 0
    for (boxes, labels), detections, size in zip(truths, found, sizes, strict=True):
        glasses = boxes[labels == EYEGLASSES]
        sure = detections.only(EYEGLASSES)
        answers = sure.boxes[sure.scores >= confidence]
        taken = answered(glasses, answers)
        hits.extend(index in taken for index in range(len(glasses)))
        widths.extend((glasses[:, 2] - glasses[:, 0]) / size[1])
        false_finds += taken.count(None)
        empty += not len(glasses)
        silent += not len(glasses) and not len(answers)
    return {
        "glasses": len(hits),
        "recall": {"all": _share(hits), **_by_width(hits, widths)},
        "false_finds": false_finds / len(truths) if truths else None,
        "empty_scenes": empty,
        "empty_silent": silent / empty if empty else None,
    }


def _by_width(hits: Sequence[bool], widths: Sequence[float]) -> dict[str, float | None]:
    both = list(zip(hits, widths, strict=True))
    return {
        name: _share([hit for hit, width in both if low <= width < high])
        for name, (low, high) in _WIDTHS.items()
    }


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def answered(glasses: NDArray[np.float32], answers: NDArray[np.float32]) -> list[int | None]:
    """The glasses that each answer means, None for a false find.

    Args:
        glasses, answers: float32 (N, 4) xyxy; answers best first. An answer takes those glasses
            that it overlaps most, with IoU 0.5 or more, if no answer before it did.
    """
    meant: list[int | None] = []
    for answer in answers:
        free = np.array([index not in meant for index in range(len(glasses))], np.bool_)
        overlaps = np.where(free, overlap(answer, glasses), 0.0)
        best = int(overlaps.argmax()) if len(glasses) else 0
        meant.append(best if len(glasses) and overlaps[best] >= _RIGHT else None)
    return meant
