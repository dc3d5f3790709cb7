"""Scores answers against truth: a folder of masks, or what the stages answer here and now.

Photos are read one after the other (a few ahead, on threads), so memory does not grow with them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pipeline.errors import EvaluationError, ImageError
from pipeline.evaluation.boxes import box_figures
from pipeline.evaluation.measures import measure
from pipeline.evaluation.predictions import Predictions, find_predictions
from pipeline.evaluation.properties import measure_photo
from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.result import Report, Row
from pipeline.evaluation.truth import Prediction, Truth, TruthMasks
from pipeline.images import read_photo
from pipeline.types import Bytes, Floats, Photo

if TYPE_CHECKING:
    from pipeline.flow import Flow

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[int, int], None]
"""Called with the number of photos done and of all photos."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One photo with everything that its figures were made from.

    Attributes:
        row: its figures; None where there are no glasses.
        rgb: uint8 (H, W, 3); None where the data set has no photo.
    """

    name: str
    row: Row | None
    truth: TruthMasks
    prediction: Prediction
    rgb: Bytes | None


Watch = Callable[[Judged], None]


@dataclass(slots=True)
class _Sum:
    """Gathers a report photo by photo."""

    rows: list[Row] = field(default_factory=list)
    empty: dict[str, bool] = field(default_factory=dict)
    truths: list[Floats] = field(default_factory=list)
    found: list[tuple[Floats, Floats]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def add(self, judged: Judged) -> None:
        prediction = judged.prediction
        if judged.row is None:
            self.empty[judged.name] = not prediction.mask.any()
        else:
            self.rows.append(judged.row)
        if prediction.boxes is not None and prediction.scores is not None:
            self.truths.append(judged.truth.boxes)
            self.found.append((prediction.boxes, prediction.scores))
            height, width = judged.truth.glasses.shape
            self.sizes.append((height, width))

    def report(self, place: Path, unexpected: tuple[str, ...] = ()) -> Report:
        if not self.rows:
            raise EvaluationError(f"{place}: no photo with glasses in it")
        boxes = box_figures(self.truths, self.found, self.sizes) if self.found else {}
        return Report(tuple(self.rows), self.empty, unexpected, boxes)


def evaluate(
    truth: Path | str,
    pred: Path | str,
    *,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Report:
    """Score a folder of masks against the truth.

    Args:
        truth: a folder or file in one of the layouts of `pipeline.evaluation.readers`.
        pred: a folder of masks, or the OUTPUT folder of ``eyecut run``.
        progress: for a progress bar.
        watch: is handed every photo once it is scored.

    Raises:
        EvaluationError: a folder is missing or holds nothing, a file is no picture, or a mask
            and its truth differ in size; the message names the file.
    """
    truth, pred = Path(truth), Path(pred)
    truths = find_truth(truth)
    predictions = find_predictions(pred, [one.name for one in truths])
    gathered = _Sum()
    judged_all = _on_threads(lambda one: _judge_file(one, predictions), truths)
    for done, judged in enumerate(judged_all, start=1):
        gathered.add(judged)
        if watch is not None:
            watch(judged)
        if progress is not None:
            progress(done, len(truths))
    return gathered.report(truth, predictions.unexpected)


def evaluate_flow(
    truth: Path | str,
    flow: Flow,
    *,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> dict[str, Report]:
    """Score what the stages answer for the photos of a data set, a report for each column of
    `pipeline.evaluation.columns`; `watch` is handed the photos of the first.

    Raises:
        EvaluationError: as `evaluate`, or the data set has no photos.
    """
    from pipeline.evaluation.columns import COLUMNS, answers

    truth = Path(truth)
    truths = find_truth(truth)
    gathered = {column: _Sum() for column in COLUMNS}
    for done, one in enumerate(truths, start=1):
        photo_path = one.photo
        if photo_path is None:
            raise EvaluationError(f"{truth}: no photo beside the truth of {one.name}; name PRED")
        want, photo = one.read(), _read(photo_path)
        for column, prediction in answers(flow, photo, want.boxes).items():
            judged = judge(one, want, prediction, found=True, rgb=photo.rgb)
            gathered[column].add(judged)
            if watch is not None and column == COLUMNS[0]:
                watch(judged)
        if progress is not None:
            progress(done, len(truths))
    return {column: one.report(truth) for column, one in gathered.items()}


def judge(
    truth: Truth, want: TruthMasks, have: Prediction, *, found: bool, rgb: Bytes | None
) -> Judged:
    """Score one answer."""
    if not want.glasses.any():
        return Judged(truth.name, None, want, have, rgb)
    quality = None
    if have.quality is not None and len(have.quality):
        quality = float(have.quality.min())
    row = Row(
        truth.name,
        measure(want, have),
        found,
        truth.tags,
        {} if rgb is None else measure_photo(rgb, want.glasses),
        quality,
    )
    return Judged(truth.name, row, want, have, rgb)


def _judge_file(truth: Truth, predictions: Predictions) -> Judged:
    want = truth.read()
    height, width = want.glasses.shape
    have = predictions.read(truth.name, (height, width))
    found = have is not None
    if have is None:
        have = Prediction(np.zeros_like(want.glasses))
    rgb = None if truth.photo is None else _read(truth.photo).rgb
    return judge(truth, want, have, found=found, rgb=rgb)


def _read(path: Path) -> Photo:
    try:
        return read_photo(path)
    except ImageError as error:
        raise EvaluationError(str(error)) from error


def _on_threads(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`work` on each item, in order, a few ahead: decoding and OpenCV leave Python's lock."""
    count = os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
