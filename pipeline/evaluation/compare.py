"""Is the second run better than the first, where, and is it luck? Photo by photo, in pairs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import EvaluationError
from pipeline.evaluation.rules import LOWER, NAMES, Rule
from pipeline.evaluation.statistics import Interval, mean_interval

if TYPE_CHECKING:
    from rich.table import Table

Scores = Mapping[str, Mapping[str, float]]
"""Figures by photo and by name."""
_SAME = 1e-9
_FEW = 5
"""Photos: drawing anew from fewer hardly ever gives anything but what they have in common."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one figure changed over the photos that both runs have it for.

    Attributes:
        name: of the figure.
        first, second: its means.
        difference: second minus first with its 95 % interval, drawn over pairs.
        better, worse: number of photos.
    """

    name: str
    first: float
    second: float
    difference: Interval
    better: int
    worse: int

    @property
    def sure(self) -> bool:
        """Whether the interval leaves zero out; of a handful of photos it says nothing."""
        if self.difference.count < _FEW:
            return False
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same photos.

    Attributes:
        changes: by figure, in the order of `NAMES`.
        by_photo: change of the IoU by photo, largest losses first.
        only_first, only_second: photos that one run alone has.
    """

    changes: tuple[Change, ...]
    by_photo: tuple[tuple[str, float], ...]
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()

    def worsened(self, tolerances: Mapping[str, float]) -> list[str]:
        """Say for each figure whose mean became worse by more than its tolerance by how much.

        Raises:
            EvaluationError: none of the photos has the figure.
        """
        have = {change.name: change for change in self.changes}
        found = []
        for name, tolerance in tolerances.items():
            if name not in have:
                raise EvaluationError(f"--fail-if-worse {name}: no photo has this figure in both")
            change = have[name]
            loss = change.difference.mean if name in LOWER else -change.difference.mean
            if loss > tolerance + _SAME:
                found.append(
                    f"{name} from {change.first:.4f} to {change.second:.4f}, "
                    f"{'surely' if change.sure else 'perhaps by luck'}"
                )
        return found

    def failures(self, rules: Iterable[Rule]) -> list[str]:
        """Say for each rule that the second run's mean does not keep what was had and wanted.

        Raises:
            EvaluationError: no photo has the figure in both runs.
        """
        have = {change.name: change.second for change in self.changes}
        found = []
        for rule in rules:
            if rule.metric not in have:
                raise EvaluationError(f"--fail-below {rule}: no photo has this figure in both")
            if have[rule.metric] < rule.least:
                found.append(f"mean {rule.metric} {have[rule.metric]:.4f} < {rule.least:g}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain types."""
        return {
            "changes": {
                change.name: {
                    "first": change.first,
                    "second": change.second,
                    "difference": change.difference.mean,
                    "low": change.difference.low,
                    "high": change.difference.high,
                    "photos": change.difference.count,
                    "better": change.better,
                    "worse": change.worse,
                }
                for change in self.changes
            },
            "photos": dict(self.by_photo),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
        }

    def to_table(self) -> Table:
        """For the terminal, narrow enough for eighty columns."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table("figure", box=SIMPLE_HEAD, pad_edge=False)
        for title in ("first", "second", "change", "95 % interval", "better", "worse"):
            table.add_column(title, justify="right")
        for change in self.changes:
            delta = change.difference
            table.add_row(
                change.name,
                f"{change.first:.4f}",
                f"{change.second:.4f}",
                f"{delta.mean:+.4f}",
                f"{delta.low:+.4f} {delta.high:+.4f}",
                str(change.better),
                str(change.worse),
            )
        return table


def compare(first: Scores, second: Scores) -> Comparison:
    """Pair the photos of two runs.

    Raises:
        EvaluationError: they have no photo in common.
    """
    common = sorted(first.keys() & second.keys())
    if not common:
        raise EvaluationError("the two runs have no photo in common: nothing to compare")
    changes = [_change(name, [(first[p], second[p]) for p in common]) for name in NAMES]
    moved = [
        (p, second[p]["iou"] - first[p]["iou"])
        for p in common
        if "iou" in first[p] and "iou" in second[p]
    ]
    return Comparison(
        tuple(change for change in changes if change is not None),
        tuple(sorted(moved, key=lambda item: (item[1], item[0]))),
        tuple(sorted(first.keys() - second.keys())),
        tuple(sorted(second.keys() - first.keys())),
    )


def _change(
    name: str, pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]
) -> Change | None:
    both = [(a[name], b[name]) for a, b in pairs if name in a and name in b]
    if not both:
        return None
    gains = [b - a for a, b in both]
    better = [-gain if name in LOWER else gain for gain in gains]
    return Change(
        name,
        math.fsum(a for a, _ in both) / len(both),
        math.fsum(b for _, b in both) / len(both),
        mean_interval(gains),
        sum(gain > _SAME for gain in better),
        sum(gain < -_SAME for gain in better),
    )


def read_scores(path: Path) -> dict[str, dict[str, float]]:
    """Read the photos' figures from what ``eyecut evaluate --json`` wrote.

    Raises:
        EvaluationError: missing, or not such a file.
    """
    try:
        photos = json.loads(path.read_text(encoding="utf-8"))["photos"]
        return {
            str(name): {k: float(v) for k, v in row.items() if k in NAMES}
            for name, row in photos.items()
        }
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(
            f"{path} is not what `eyecut evaluate --json` writes ({error!r})"
        ) from error
