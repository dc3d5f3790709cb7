"""The page of an evaluation, as plain data and as one HTML file.

The page opens from the disk and needs nothing beside it: style, script, plots and pictures are in
the file. Pictures wait in it as text and become images when they scroll into view.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evaluation.statistics import Group
from pipeline.report.gallery import (
    Better,
    Card,
    Field,
    Layer,
    View,
    gallery,
    picture_of,
)
from pipeline.report.html import write_html
from pipeline.report.pictures import Pictures
from pipeline.report.plots import histogram_svg, intervals_svg, scatter_svg

_LEAST = (0.98, 0.95, 0.9, 0.8, 0.5)
QUALITY = "quality"
"""The property that holds the quality which the segmenter itself predicted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure over all photos: its mean, the 95 % interval of that, and the worst photo's."""

    name: str
    label: str
    better: Better
    mean: float
    low: float
    high: float
    worst: float
    hint: str = ""
    """One sentence about it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One way of running, such as "detector's boxes, finished"."""

    name: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo, with its scores in the first column.

    Attributes:
        name: of the photo.
        found: False where there is no prediction for it.
        scores: by the names of the figures.
        tags: such as ``{"background": "marble"}``.
        properties: measured on the photo. ``quality``, if there, is plotted against the first
            figure.
        pictures: None for a card without.
    """

    name: str
    found: bool
    scores: Mapping[str, float]
    tags: Mapping[str, str]
    properties: Mapping[str, float]
    pictures: Pictures | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The figure `metric` in groups of photos that share a value of the tag or property `by`."""

    by: str
    metric: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """What `write_evaluation_page` shows.

    Attributes:
        title, truth, prediction: for people.
        columns: side by side; the scores of `photos` are those of the first.
        photos: shown worst first by the first figure of the first column.
        breakdowns: in the order in which they are shown.
        unexpected: names of predictions without truth.
        notes: sentences below the title.
        boxes: figures of the detector's boxes, by their labels.
    """

    title: str
    truth: str
    prediction: str
    columns: tuple[Column, ...]
    photos: tuple[Photo, ...]
    breakdowns: tuple[Breakdown, ...] = ()
    unexpected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    boxes: Mapping[str, float] | None = None


def write_evaluation_page(path: Path, page: EvaluationPage, *, overwrite: bool = False) -> None:
    """Write `page` as one HTML file.

    Raises:
        OutputError: `path` exists and `overwrite` is False, or it cannot be written.
    """
    photos = sorted(page.photos, key=lambda photo: photo.name)
    labels = {f.name: f.label for column in reversed(page.columns) for f in column.figures}
    better = {f.name: f.better for column in reversed(page.columns) for f in column.figures}
    main = [f.name for column in page.columns[:1] for f in column.figures]
    scores = _in_order(main, (photo.scores for photo in photos))
    properties = _in_order((), (photo.properties for photo in photos))
    fields = [Field(labels.get(n, n), "Scores", better.get(n, "higher")) for n in scores]
    fields += [Field(name, "Properties") for name in properties]
    cards = [_card(photo, scores, properties) for photo in photos]
    views = (
        View("Slide", ("truth",), ("prediction",), ("Truth", "Prediction")),
        View("Photo"),
        View("Truth", ("truth",)),
        View("Prediction", ("prediction",)),
        View("Difference", ("truth", "prediction")),
    )
    rows = [(field.label, [place]) for place, field in enumerate(fields)]
    write_html(
        path,
        "evaluation.html",
        overwrite,
        page=page,
        missed=sum(not photo.found for photo in photos),
        summary=_summary(page.columns),
        spread=_spread(photos, scores, labels),
        shares=_shares(photos, scores, labels, better),
        breakdowns=[(_plot(b, labels, page.columns), b) for b in page.breakdowns],
        **gallery(fields, cards, views, rows=rows[: len(scores)], more=rows[len(scores) :]),
    )


def _in_order(first: Sequence[str], mappings: Any) -> list[str]:
    """Return the keys that occur, those of `first` before the others, each once."""
    seen = {key for mapping in mappings for key in mapping}
    return [*(key for key in first if key in seen), *sorted(seen - set(first))]


def _card(photo: Photo, scores: Sequence[str], properties: Sequence[str]) -> Card:
    values = [photo.scores.get(n) for n in scores] + [photo.properties.get(n) for n in properties]
    layers: list[Layer] = []
    if photo.pictures is not None:
        pictures = photo.pictures
        named = {
            "photo": pictures.photo,
            "truth": pictures.truth,
            "prediction": pictures.prediction,
        }
        layers = [Layer(name, data, pictures.region) for name, data in named.items() if data]
    if photo.found:
        return Card(photo.name, "", values, photo.tags, layers)
    return Card(photo.name, "missed", values, photo.tags, layers, rank=-1)


def _summary(columns: Sequence[Column]) -> list[tuple[Figure, list[Figure | None]]]:
    """Return a line a figure: what it is, and its cells column by column."""
    tables = [{figure.name: figure for figure in column.figures} for column in columns]
    lines = {name: figure for table in reversed(tables) for name, figure in table.items()}
    names = list(dict.fromkeys(name for table in tables for name in table))
    return [(lines[n], [table.get(n) for table in tables]) for n in names]


def _spread(
    photos: Sequence[Photo], scores: Sequence[str], labels: Mapping[str, str]
) -> list[dict[str, str | int]]:
    if not scores or not photos:
        return []
    name = scores[0]
    label = labels.get(name, name)
    title = f"{label}, photo by photo"
    plots = [picture_of(title, histogram_svg(title, label, _values(photos, name)))]
    pairs = [
        (photo.properties[QUALITY], photo.scores[name])
        for photo in photos
        if QUALITY in photo.properties and name in photo.scores
    ]
    if pairs:
        title = f"{label} against the predicted quality"
        x, y = zip(*pairs, strict=True)
        plots.append(picture_of(title, scatter_svg(title, "predicted quality", label, x, y)))
    return plots


def _shares(
    photos: Sequence[Photo],
    scores: Sequence[str],
    labels: Mapping[str, str],
    better: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Say how many photos reach which score; one that was missed reaches none."""
    if not scores or better.get(scores[0], "higher") != "higher":
        return []
    values = _values(photos, scores[0])
    if not all(0 <= value <= 1 for value in values):
        return []
    total = len(values) + sum(not p.found and scores[0] not in p.scores for p in photos)
    counts = [(least, sum(value >= least for value in values)) for least in _LEAST]
    return [
        {
            "label": labels.get(scores[0], scores[0]),
            "field": 0,
            "least": least,
            "count": count,
            "share": count / total,
            "others": total - count,
        }
        for least, count in counts
        if total
    ]


def _values(photos: Sequence[Photo], name: str) -> list[float]:
    values = (photo.scores.get(name, math.nan) for photo in photos)
    return [value for value in values if math.isfinite(value)]


def _plot(
    breakdown: Breakdown, labels: Mapping[str, str], columns: Sequence[Column]
) -> dict[str, str | int]:
    label = labels.get(breakdown.metric, breakdown.metric)
    title = f"{label} by {breakdown.by}"
    means = (f.mean for c in columns[:1] for f in c.figures if f.name == breakdown.metric)
    overall = next(means, None)
    svg = intervals_svg(title, breakdown.groups, xlabel=label, overall=overall)
    return picture_of(title, svg)
