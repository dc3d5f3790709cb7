"""Scores answers against truth: a folder of masks, or what the stages answer here and now.

Photos are read one after the other (a few ahead, on threads), so memory does not grow with them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pipeline.errors import EvaluationError, EyecutError, ImageError
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

MOST_THREADS = 8
"""Each holds a photo of its own: with many cores memory would run out before work does."""
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


_Boxes = tuple[Floats, Floats]
"""Found boxes and their scores."""


@dataclass(slots=True)
class _Sum:
    """Gathers a report photo by photo."""

    rows: list[Row] = field(default_factory=list)
    empty: dict[str, bool] = field(default_factory=dict)
    truths: list[Floats] = field(default_factory=list)
    found: list[_Boxes | None] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def add(self, judged: Judged) -> None:
        prediction = judged.prediction
        if judged.row is None:
            self.empty[judged.name] = not prediction.mask.any()
        else:
            self.rows.append(judged.row)
        boxes, scores = prediction.boxes, prediction.scores
        self.found.append(None if boxes is None or scores is None else (boxes, scores))
        self.truths.append(judged.truth.boxes)
        height, width = judged.truth.glasses.shape
        self.sizes.append((height, width))

    def report(self, place: Path, unexpected: tuple[str, ...] = ()) -> Report:
        if not self.rows:
            raise EvaluationError(f"{place}: no photo with glasses in it")
        return Report(tuple(self.rows), self.empty, unexpected, self._boxes())

    def _boxes(self) -> dict[str, float | None]:
        """Where boxes are known at all, a photo without any is one where none was found."""
        if all(one is None for one in self.found):
            return {}
        none = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        return box_figures(self.truths, [one or none for one in self.found], self.sizes)


def evaluate(
    truth: Path | str,
    pred: Path | str,
    *,
    photos: bool = True,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Report:
    """Score a folder of masks against the truth.

    Args:
        truth: a folder or file in one of the layouts of `pipeline.evaluation.readers`.
        pred: a folder of masks, or the OUTPUT folder of ``eyecut run``.
        photos: read the photos, too, for their properties and for `watch`.
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
    with closing(
        _on_threads(lambda one: _judge_file(one, predictions, photos), truths)
    ) as judged_all:
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
    pred: Path | str | None = None,
    *,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> dict[str, Report]:
    """Score what the stages answer for the photos of a data set, a report for each column of
    `pipeline.evaluation.columns`; `watch` is handed the photos of the first.

    Args:
        truth, progress: as for `evaluate`.
        flow: the stages.
        pred: predictions as for `evaluate`; they are the first column, `DELIVERED`, then.

    Raises:
        EvaluationError: as `evaluate`, or the data set has no photos.
    """
    from pipeline.evaluation.columns import COLUMNS, DELIVERED, answers

    truth = Path(truth)
    truths = find_truth(truth)
    photos = photos_of(truths, truth)
    told = None if pred is None else find_predictions(Path(pred), [one.name for one in truths])
    gathered = {column: _Sum() for column in (*(() if told is None else (DELIVERED,)), *COLUMNS)}
    first = next(iter(gathered))
    for done, (one, path) in enumerate(zip(truths, photos, strict=True), start=1):
        want, photo = one.read(), _read(path)
        properties = _properties(photo.rgb, want)
        have = {} if told is None else {DELIVERED: _delivered(told, one, want)}
        try:
            have |= {name: (it, True) for name, it in answers(flow, photo, want.boxes).items()}
        except EyecutError as error:
            raise EvaluationError(f"{path}: {error}") from error
        for column, (prediction, found) in have.items():
            judged = judge(one, want, prediction, found=found, rgb=photo.rgb, properties=properties)
            gathered[column].add(judged)
            if watch is not None and column == first:
                watch(judged)
        if progress is not None:
            progress(done, len(truths))
    unexpected = () if told is None else told.unexpected
    return {
        column: one.report(truth, unexpected if column == DELIVERED else ())
        for column, one in gathered.items()
    }


def photos_of(truths: Iterable[Truth], place: Path) -> list[Path]:
    """The photo beside each truth of the data set at `place`.

    Raises:
        EvaluationError: there is none; names the first without.
    """
    photos = []
    for one in truths:
        if one.photo is None:
            raise EvaluationError(
                f"{place}: no photo beside the truth of {one.name}; name PRED, and no columns"
            )
        photos.append(one.photo)
    return photos


def judge(
    truth: Truth,
    want: TruthMasks,
    have: Prediction,
    *,
    found: bool = True,
    rgb: Bytes | None = None,
    properties: Mapping[str, float] | None = None,
) -> Judged:
    """Score one answer; `found` is false where `have` stands for a missing one."""
    if not want.glasses.any():
        return Judged(truth.name, None, want, have, rgb)
    guesses = have.quality if have.quality is not None else ()
    quality = float(min(guesses)) if len(guesses) else None
    row = Row(truth.name, measure(want, have), found, truth.tags, properties or {}, quality)
    return Judged(truth.name, row, want, have, rgb)


def _judge_file(truth: Truth, predictions: Predictions, photos: bool) -> Judged:
    want = truth.read()
    have, found = _delivered(predictions, truth, want)
    rgb = _read(truth.photo).rgb if photos and truth.photo is not None else None
    properties = _properties(rgb, want)
    return judge(truth, want, have, found=found, rgb=rgb, properties=properties)


def _delivered(predictions: Predictions, truth: Truth, want: TruthMasks) -> tuple[Prediction, bool]:
    """What lies there for a photo, an empty mask where there is nothing, and whether it does."""
    height, width = want.glasses.shape
    have = predictions.read(truth.name, (height, width))
    return have or Prediction(np.zeros_like(want.glasses)), have is not None


def _properties(rgb: Bytes | None, want: TruthMasks) -> dict[str, float]:
    return {} if rgb is None or not want.glasses.any() else measure_photo(rgb, want.glasses)


def _read(path: Path) -> Photo:
    try:
        return read_photo(path)
    except ImageError as error:
        raise EvaluationError(str(error)) from error


def _on_threads(work: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """`work` on each item, in order, a few ahead: decoding and OpenCV leave Python's lock."""
    count = min(os.cpu_count() or 1, MOST_THREADS)
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
