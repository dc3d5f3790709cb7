"""The result of an evaluation: figures of every photo, and what they add up to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.errors import EvaluationError, ValidationError
from pipeline.evaluation.metrics import METRICS
from pipeline.evaluation.rules import LOWER, NAMES, Rule
from pipeline.evaluation.statistics import (
    Breakdown,
    Interval,
    by_property,
    by_tag,
    rank_correlation,
    summarise,
)

if TYPE_CHECKING:
    from rich.table import Table

_MAIN = "iou"
_SPECKS = 0.001  # share of the glasses below which thin parts are specks at corners


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one photo with glasses.

    Attributes:
        name: of the photo.
        scores: by name, see `pipeline.evaluation.measures`; what does not apply is left out.
        found: false when there was no prediction, which counts as an empty mask.
        tags: what the data set says of the photo.
        properties: what was measured of the photo, see `pipeline.evaluation.properties`.
        quality: the segmenter's own guess of the IoU, the lowest of the photo's pairs.
    """

    name: str
    scores: Mapping[str, float]
    found: bool
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, float] = field(default_factory=dict)
    quality: float | None = None


@dataclass(frozen=True)  # no slots: the intervals are kept, for 40,000 photos take a while
class Report:
    """The figures of all photos.

    Attributes:
        rows: photos with glasses.
        empty: photos without glasses, and whether nothing was predicted for them.
        unexpected: predictions that no truth asks for.
        boxes: figures of the boxes, see `pipeline.evaluation.boxes`; None where nothing speaks.
    """

    rows: tuple[Row, ...]
    empty: Mapping[str, bool] = field(default_factory=dict)
    unexpected: tuple[str, ...] = ()
    boxes: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValidationError("a report needs at least one photo with glasses")

    @property
    def missed(self) -> tuple[str, ...]:
        """Photos with glasses for which there is no prediction."""
        return tuple(row.name for row in self.rows if not row.found)

    @property
    def silent(self) -> float | None:
        """Share of the photos without glasses for which nothing was predicted."""
        return sum(self.empty.values()) / len(self.empty) if self.empty else None

    @property
    def mean(self) -> dict[str, float]:
        """Mean over the photos to which it applies, by figure."""
        return {name: one.mean for name, one in self._intervals.items()}

    @property
    def worst(self) -> dict[str, float]:
        """Worst of the photos, by figure."""
        columns = {n: [r.scores[n] for r in self.rows if n in r.scores] for n in NAMES}
        return {n: max(v) if n in LOWER else min(v) for n, v in columns.items() if v}

    @property
    def rank(self) -> float | None:
        """Spearman's correlation between the segmenter's guess of the IoU and the IoU."""
        known = [
            (row.quality, row.scores[_MAIN])
            for row in self.rows
            if row.quality is not None and _MAIN in row.scores
        ]
        return rank_correlation([q for q, _ in known], [iou for _, iou in known])

    def intervals(self) -> dict[str, Interval]:
        """Mean and 95 % interval of each figure."""
        return dict(self._intervals)

    @cached_property
    def _intervals(self) -> dict[str, Interval]:
        return summarise([row.scores for row in self.rows], NAMES)

    def breakdowns(self, metric: str = _MAIN) -> list[Breakdown]:
        """`metric` by every tag and every measured property that tells the photos apart."""
        rows = [row for row in self.rows if metric in row.scores]
        values = [row.scores[metric] for row in rows]
        return [
            *by_tag([row.tags for row in rows], values),
            *by_property([row.properties for row in rows], values),
        ]

    def failures(self, rules: Iterable[Rule]) -> list[str]:
        """Say for each rule that does not hold what was had and what was wanted.

        Raises:
            EvaluationError: no photo has the figure.
        """
        failures = []
        for rule in rules:
            figures = self.worst if rule.worst else self.mean
            if rule.metric not in figures:
                raise EvaluationError(f"--fail-below {rule}: no photo has this figure")
            have = figures[rule.metric]
            if have < rule.least:
                kind = "worst" if rule.worst else "mean"
                failures.append(f"{kind} {rule.metric} {have:.4f} < {rule.least:g}")
        return failures

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what the figures do not show."""
        notes = []
        if self.missed:
            notes.append(
                f"no prediction for {len(self.missed)} of {len(self.rows)} photos with glasses: "
                "they count as empty masks"
            )
        if self.empty:
            quiet = sum(self.empty.values())
            notes.append(f"nothing predicted for {quiet} of {len(self.empty)} without glasses")
        if self.rank is not None:
            notes.append(
                f"rank correlation of the segmenter's own guess with the IoU: {self.rank:.2f}"
            )
        if (thick := self._thick_note()) is not None:
            notes.append(thick)
        return tuple(notes)

    def _thick_note(self) -> str | None:
        """A few pixels of a thick frame decide over a photo's ``thin``: say what it is without."""
        known = [row for row in self.rows if "thinness" in row.properties and "thin" in row.scores]
        thin = [row.scores["thin"] for row in known if row.properties["thinness"] >= _SPECKS]
        if not thin or len(thin) == len(known):
            return None
        return (
            f"thin: in {len(known) - len(thin)} of {len(known)} photos less than {_SPECKS:.1%} of "
            f"the glasses is thin; the mean of the others is {sum(thin) / len(thin):.4f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types; `photos`, `mean` and `worst` as the yardstick
        ``eval/score.py --json`` has them, with more figures."""
        return {
            "photos": {row.name: _plain(row) for row in self.rows},
            "mean": self.mean,
            "worst": self.worst,
            "intervals": {k: [v.low, v.high] for k, v in self.intervals().items()},
            "boxes": dict(self.boxes),
            "empty": dict(self.empty),
            "silent": self.silent,
            "rank": self.rank,
            "missed": list(self.missed),
            "unexpected": list(self.unexpected),
            "notes": list(self.notes),
            "breakdowns": {one.by: _groups(one) for one in self.breakdowns()},
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def to_table(self, most: int = 40) -> Table:
        """The yardstick's five figures for the terminal, the `most` worst photos by IoU first."""
        from rich.text import Text

        table = _table("photo")
        ordered = sorted(self.rows, key=lambda row: row.scores.get(_MAIN, -math.inf))
        for row in ordered[:most]:
            name = "".join(c if c.isprintable() else "?" for c in row.name)
            label = name if row.found else f"{name} (no prediction)"
            table.add_row(Text(label), *_cells(row.scores))  # as Text, brackets are no markup
        if len(ordered) > most:
            table.add_row(f"... and {len(ordered) - most} better ones")
        table.add_section()
        intervals = self._intervals.items()
        table.add_row(f"mean of {len(self.rows)}", *_cells(self.mean))
        table.add_row("95 % from", *_cells({name: one.low for name, one in intervals}))
        table.add_row("to", *_cells({name: one.high for name, one in intervals}))
        table.add_row("worst", *_cells(self.worst))
        return table


def columns_table(reports: Mapping[str, Report]) -> Table:
    """The means of the yardstick's figures side by side, a row for each column."""
    table = _table("mean of all photos")
    for name, report in reports.items():
        table.add_row(name, *_cells(report.mean))
    return table


def _plain(row: Row) -> dict[str, Any]:
    plain: dict[str, Any] = {**row.scores, "found": float(row.found)}
    if row.tags:
        plain["tags"] = dict(row.tags)
    if row.properties:
        plain["properties"] = dict(row.properties)
    if row.quality is not None:
        plain["quality"] = row.quality
    return plain


def _groups(one: Breakdown) -> dict[str, dict[str, float]]:
    return {
        group.name: {"mean": group.mean, "low": group.low, "high": group.high, "count": group.count}
        for group in one.groups
    }


def _table(first: str) -> Table:
    from rich.table import Table

    table = Table(first)
    for metric in METRICS:
        table.add_column(metric, justify="right")
    return table


def _cells(scores: Mapping[str, float]) -> list[str]:
    return [f"{scores[metric]:.4f}" if metric in scores else "-" for metric in METRICS]
