"""The page that compares two evaluations, as plain data and as one HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.report.gallery import Better, Card, Field, Layer, View, gallery
from pipeline.report.html import write_html
from pipeline.report.pictures import Pictures


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure over the photos of two runs.

    Attributes:
        first, second: means. `difference` is second minus first, `low` and `high` its 95 %
            interval.
        wins, losses: photos on which the second is better, and worse.
    """

    name: str
    label: str
    better: Better
    first: float
    second: float
    difference: float
    low: float
    high: float
    wins: int
    losses: int


@dataclass(frozen=True, slots=True)
class ComparedPhoto:
    """One photo with its scores in both runs; no scores where a run has no prediction for it."""

    name: str
    first: Mapping[str, float]
    second: Mapping[str, float]
    pictures_first: Pictures | None
    pictures_second: Pictures | None


@dataclass(frozen=True, slots=True)
class ComparePage:
    """What `write_compare_page` shows.

    Largest changes of the first figure come first; a photo that one run missed is one.
    """

    title: str
    first: str
    second: str
    figures: tuple[Difference, ...]
    photos: tuple[ComparedPhoto, ...]


def write_compare_page(path: Path, page: ComparePage, *, overwrite: bool = False) -> None:
    """Write `page` as one HTML file.

    Raises:
        OutputError: `path` exists and `overwrite` is False, or it cannot be written.
    """
    photos = sorted(page.photos, key=lambda photo: photo.name)
    fields: list[Field] = []
    for figure in page.figures:
        fields += [
            Field(f"{figure.label}: size of change", "Size of change", descending=True),
            Field(f"{figure.label}: change", "Change", figure.better, signed=True),
            Field(f"{figure.label}, first", "First", figure.better),
            Field(f"{figure.label}, second", "Second", figure.better),
        ]
    views = (
        View("Slide", ("first",), ("second",), ("First", "Second")),
        View("Errors", ("truth", "first"), ("truth", "second"), ("First", "Second")),
        View("Photo"),
        View("Truth", ("truth",)),
    )
    rows = [
        (figure.label, [4 * place + 2, 4 * place + 3, 4 * place + 1])
        for place, figure in enumerate(page.figures)
    ]
    cards = [_compared(photo, page.figures) for photo in photos]
    heads = ("", "first", "second", "change")
    write_html(
        path,
        "compare.html",
        overwrite,
        page=page,
        differences=[(figure, _verdict(figure)) for figure in page.figures],
        **gallery(fields, cards, views, heads=heads, rows=rows),
    )


def _compared(photo: ComparedPhoto, figures: Sequence[Difference]) -> Card:
    values: list[float | None] = []
    for figure in figures:
        one, two = photo.first.get(figure.name), photo.second.get(figure.name)
        change = None if one is None or two is None else two - one
        values += [None if change is None else abs(change), change, one, two]
    layers = _compared_layers(photo)
    if photo.first and photo.second:
        return Card(photo.name, "", values, {}, layers)
    if photo.first:
        return Card(photo.name, "missed in the second", values, {}, layers, rank=-1)
    if photo.second:
        return Card(photo.name, "missed in the first", values, {}, layers, rank=1)
    return Card(photo.name, "missed in both", values, {}, layers)


def _compared_layers(photo: ComparedPhoto) -> list[Layer]:
    one, two = photo.pictures_first, photo.pictures_second
    layers = [Layer("photo", p.photo, p.region) for p in (one, two) if p is not None and p.photo]
    if len(layers) == 2 and layers[0] == layers[1]:
        layers.pop()
    whole = one or two
    if whole is not None:  # either region holds all of the truth
        layers.append(Layer("truth", whole.truth, whole.region))
    layers += [Layer("first", one.prediction, one.region)] if one is not None else []
    layers += [Layer("second", two.prediction, two.region)] if two is not None else []
    return layers


def _verdict(figure: Difference) -> str:
    """Say which way the change goes, or nothing where its interval holds 0."""
    if figure.low <= 0 <= figure.high or math.isnan(figure.low + figure.high):
        return ""
    return "better" if (figure.difference > 0) == (figure.better == "higher") else "worse"
