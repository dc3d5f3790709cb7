"""From reports to pages: gathers the pictures of the worst photos while an evaluation runs."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.boxes import BOX_MEASURES
from pipeline.evaluation.compare import Comparison, Scores
from pipeline.evaluation.measures import MEASURES
from pipeline.evaluation.predictions import find_predictions
from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.result import Report, Row
from pipeline.images import read_photo
from pipeline.report.compare_page import ComparedPhoto, ComparePage, Difference
from pipeline.report.evaluation_page import (
    QUALITY,
    Breakdown,
    Column,
    EvaluationPage,
    Figure,
    Photo,
)
from pipeline.report.pictures import Pictures, make_pictures, region_around

if TYPE_CHECKING:
    from pipeline.evaluation.judge import Judged

MOST_PICTURES = 1000
_BOXES = {measure.name: measure.title for measure in BOX_MEASURES}


@dataclass(slots=True)
class WorstPictures:
    """Keeps the pictures of the `most` photos with the lowest IoU, and no more; of photos with
    the same IoU those that came first."""

    most: int = MOST_PICTURES
    _kept: list[tuple[float, int, str, Pictures]] = field(default_factory=list)
    _seen: int = 0

    def __call__(self, judged: Judged) -> None:
        """Look at a photo that was scored."""
        if judged.row is None:
            return
        self._seen += 1
        badness = -judged.row.scores["iou"]
        full = len(self._kept) >= self.most
        if full and (not self._kept or badness <= self._kept[0][0]):
            return
        pictures = make_pictures(judged.rgb, judged.truth.glasses, judged.prediction.mask)
        keep = heapq.heappushpop if full else heapq.heappush
        keep(self._kept, (badness, -self._seen, judged.name, pictures))

    @property
    def pictures(self) -> dict[str, Pictures]:
        """What was kept, by photo."""
        return {name: pictures for _, _, name, pictures in self._kept}


def compared_pictures(
    truth: Path, places: tuple[Path, Path], names: frozenset[str]
) -> dict[str, tuple[Pictures, Pictures]]:
    """Pictures of the named photos with the masks of two runs, of the same region each."""
    truths = [one for one in find_truth(truth) if one.name in names]
    runs = [find_predictions(place, [one.name for one in truths]) for place in places]
    pictures = {}
    for one in truths:
        want = one.read().glasses
        height, width = want.shape
        have = [run.read(one.name, (height, width)) for run in runs]
        masks = [np.zeros_like(want) if h is None else h.mask for h in have]
        region = region_around(want, *masks)
        rgb = None if one.photo is None else read_photo(one.photo).rgb
        first, second = (make_pictures(rgb, want, mask, region=region) for mask in masks)
        pictures[one.name] = first, second
    return pictures


def evaluation_page(
    reports: Mapping[str, Report], pictures: Mapping[str, Pictures], truth: Path, pred: Path | None
) -> EvaluationPage:
    """The page of one evaluation.

    Args:
        reports: by the column's title; photos and breakdowns are those of the first.
        pictures: of the photos that have some, by name.
        truth, pred: what was compared; without `pred`, the stages' own answers.
    """
    first = next(iter(reports.values()))
    return EvaluationPage(
        title=f"eyecut: {len(first.rows)} photos against the truth",
        truth=truth.resolve().name,
        prediction="answers made for this page" if pred is None else pred.resolve().name,
        columns=tuple(Column(name, _figures(report)) for name, report in reports.items()),
        photos=tuple(_photo(row, pictures) for row in first.rows),
        breakdowns=tuple(Breakdown(one.by, "iou", one.groups) for one in first.breakdowns()),
        unexpected=first.unexpected,
        notes=first.notes,
        boxes={_BOXES[name]: value for name, value in first.boxes.items() if value is not None},
    )


def comparison_page(
    comparison: Comparison,
    scores: tuple[Scores, Scores],
    pictures: Mapping[str, tuple[Pictures, Pictures]],
    places: tuple[Path, Path],
) -> ComparePage:
    """The page of two runs, with every photo that one of them has.

    Args:
        comparison: of `scores`.
        scores: of the two.
        pictures: of the photos that have some, by name.
        places: where the two come from.
    """
    measures = {measure.name: measure for measure in MEASURES}
    figures = tuple(
        Difference(
            name=change.name,
            label=measures[change.name].title,
            better=measures[change.name].better,
            first=change.first,
            second=change.second,
            difference=change.difference.mean,
            low=change.difference.low,
            high=change.difference.high,
            wins=change.better,
            losses=change.worse,
        )
        for change in comparison.changes
    )
    one, two = scores
    nothing = (None, None)
    photos = tuple(
        ComparedPhoto(name, one.get(name, {}), two.get(name, {}), *pictures.get(name, nothing))
        for name in sorted(one.keys() | two.keys())
    )
    first, second = (place.resolve().name for place in places)
    if first == second:  # run1/masks and run2/masks
        first, second = map(str, places)
    return ComparePage(f"eyecut: {first} and {second}", first, second, figures, photos)


def largest(comparison: Comparison, most: int) -> frozenset[str]:
    """The names of the `most` photos whose IoU changed most."""
    ordered = sorted(comparison.by_photo, key=lambda item: -abs(item[1]))
    return frozenset(name for name, _ in ordered[:most])


def _figures(report: Report) -> tuple[Figure, ...]:
    intervals, worst = report.intervals(), report.worst
    return tuple(
        Figure(
            measure.name,
            measure.title,
            measure.better,
            intervals[measure.name].mean,
            intervals[measure.name].low,
            intervals[measure.name].high,
            worst[measure.name],
            measure.label,
        )
        for measure in MEASURES
        if measure.name in intervals
    )


def _photo(row: Row, pictures: Mapping[str, Pictures]) -> Photo:
    guess = {} if row.quality is None else {QUALITY: row.quality}
    return Photo(
        name=row.name,
        found=row.found,
        scores=row.scores,
        tags=row.tags,
        properties={**row.properties, **guess},
        pictures=pictures.get(row.name),
    )
