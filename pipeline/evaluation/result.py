"""The result of an evaluation, and the rules by which it passes or fails."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import EvaluationError, ValidationError
from pipeline.evaluation.metrics import METRICS, score
from pipeline.evaluation.predictions import Predictions, find_predictions
from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.truth import Truth

if TYPE_CHECKING:
    from rich.table import Table

_WORST = "min:"


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one photo.

    Attributes:
        name: of the photo.
        scores: by metric, see `pipeline.evaluation.metrics.score`.
        found: false when there was no prediction, which counts as an empty mask.
    """

    name: str
    scores: dict[str, float]
    found: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A figure that must be reached: the mean of `metric`, or its worst."""

    metric: str
    least: float
    worst: bool = False

    def __str__(self) -> str:
        return f"{_WORST if self.worst else ''}{self.metric}={self.least:g}"


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of all photos."""

    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValidationError("a report needs at least one photo")

    @property
    def mean(self) -> dict[str, float]:
        """Mean over the photos, by metric."""
        return {m: float(np.mean([row.scores[m] for row in self.rows])) for m in METRICS}

    @property
    def worst(self) -> dict[str, float]:
        """Lowest of the photos, by metric."""
        return {m: min(row.scores[m] for row in self.rows) for m in METRICS}

    def failures(self, rules: Iterable[Rule]) -> list[str]:
        """Say for each rule that does not hold what was had and what was wanted."""
        mean, worst = self.mean, self.worst
        failures = []
        for rule in rules:
            have = (worst if rule.worst else mean)[rule.metric]
            if have < rule.least:
                kind = "worst" if rule.worst else "mean"
                failures.append(f"{kind} {rule.metric} {have:.4f} < {rule.least:g}")
        return failures

    def to_json(self) -> str:
        """Return the figures as JSON, in the form that ``eval/score.py --json`` writes."""
        photos = {row.name: row.scores | {"found": float(row.found)} for row in self.rows}
        return json.dumps({"photos": photos, "mean": self.mean, "worst": self.worst}, indent=1)

    def to_table(self) -> Table:
        """Return the figures as a table for the terminal."""
        from rich.table import Table

        table = Table("photo")
        for metric in METRICS:
            table.add_column(metric, justify="right")
        for row in self.rows:
            label = row.name if row.found else f"{row.name} (no prediction)"
            table.add_row(label, *_cells(row.scores))
        table.add_section()
        table.add_row(f"mean of {len(self.rows)}", *_cells(self.mean))
        table.add_row("worst", *_cells(self.worst))
        return table


def evaluate(
    truth: Path | str, pred: Path | str, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Score a folder of masks against the truth.

    Args:
        truth: a folder or a COCO json file; see `pipeline.evaluation.readers`.
        pred: a folder of masks, or the OUTPUT folder of ``eyecut run``.
        progress: called with the number of photos done and of all photos.

    Raises:
        EvaluationError: a folder is missing or holds nothing, a file is no picture, or a mask
            and its truth differ in size; the message names the file.
    """
    truth, pred = Path(truth), Path(pred)
    truths = find_truth(truth)
    predictions = find_predictions(pred, [one.name for one in truths])
    rows = []
    for done, one in enumerate(truths, start=1):
        row = _score_one(one, predictions)
        if row is not None:
            rows.append(row)
        if progress is not None:
            progress(done, len(truths))
    if not rows:
        raise EvaluationError(f"{truth}: no photo with glasses in it")
    return Report(tuple(rows))


def parse_rule(text: str) -> Rule:
    """Read ``METRIC=VALUE`` (of the mean) or ``min:METRIC=VALUE`` (of the worst photo).

    Raises:
        EvaluationError: no such metric, or the value is not a number in [0, 1].
    """
    key, equals, number = text.partition("=")
    metric = key.strip().removeprefix(_WORST)
    if not equals or metric not in METRICS:
        raise EvaluationError(
            f"--fail-below {text!r}: expected METRIC=VALUE or min:METRIC=VALUE, "
            f"METRIC one of {', '.join(METRICS)}"
        )
    try:
        least = float(number)
    except ValueError:
        least = math.nan
    if not 0 <= least <= 1:
        raise EvaluationError(f"--fail-below {text!r}: {number!r} is not a number from 0 to 1")
    return Rule(metric, least, worst=key.strip().startswith(_WORST))


def _score_one(truth: Truth, predictions: Predictions) -> Row | None:
    """Return the figures of one photo, or None where the truth has no glasses."""
    want = truth.read().glasses
    if not want.any():
        return None
    have = predictions.read(truth.name, want.shape)
    mask = np.zeros_like(want) if have is None else have.mask
    return Row(truth.name, score(want, mask), found=have is not None)


def _cells(scores: dict[str, float]) -> list[str]:
    return [f"{scores[metric]:.4f}" for metric in METRICS]
