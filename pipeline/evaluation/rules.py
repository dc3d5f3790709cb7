"""Rules that figures must keep, as the commands are told them: ``METRIC=VALUE``."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.errors import EvaluationError
from pipeline.evaluation.measures import MEASURES

NAMES = tuple(measure.name for measure in MEASURES)
LOWER = frozenset(measure.name for measure in MEASURES if measure.better == "lower")
HIGHER = tuple(name for name in NAMES if name not in LOWER)
WORST = "min:"


@dataclass(frozen=True, slots=True)
class Rule:
    """A figure that must be reached: the mean of `metric`, or its worst."""

    metric: str
    least: float
    worst: bool = False

    def __str__(self) -> str:
        return f"{WORST if self.worst else ''}{self.metric}={self.least:g}"


def parse_rule(text: str, *, worst: bool = True) -> Rule:
    """Read ``METRIC=VALUE``, of the mean, or, if `worst`, ``min:METRIC=VALUE``, of the worst photo.

    Raises:
        EvaluationError: no figure of which more is better, or the value is not a number in [0, 1].
    """
    of_worst = worst and text.strip().startswith(WORST)
    told = text.strip().removeprefix(WORST) if of_worst else text
    forms = "METRIC=VALUE or min:METRIC=VALUE" if worst else "METRIC=VALUE"
    metric, least = _parse(f"--fail-below {text!r}: expected {forms}", told, HIGHER)
    if least is None or least > 1:
        raise EvaluationError(f"--fail-below {text!r}: expected {forms}, VALUE from 0 to 1")
    return Rule(metric, least, of_worst)


def parse_tolerance(text: str) -> tuple[str, float]:
    """Read ``METRIC=TOLERANCE``, or ``METRIC`` alone, which tolerates nothing.

    Raises:
        EvaluationError: no such metric, or the tolerance is not a number from 0.
    """
    forms = "METRIC or METRIC=TOLERANCE"
    metric, value = _parse(f"--fail-if-worse {text!r}: expected {forms}", text, NAMES)
    return metric, value or 0.0


def _parse(complaint: str, text: str, names: Collection[str]) -> tuple[str, float | None]:
    """A name and, after an equals sign, a number from 0; None where there is no sign."""
    name, equals, number = (part.strip() for part in text.partition("="))
    try:
        value = float(number) if equals else None
    except ValueError:
        value = math.nan
    if name not in names:
        raise EvaluationError(f"{complaint}, METRIC one of {', '.join(names)}")
    if value is not None and not 0 <= value < math.inf:
        raise EvaluationError(f"{complaint}; {number!r} is no number from 0")
    return name, value
