"""What a sweep has measured, a JSON line each, so that an interrupted sweep goes on.

Lines are only ever added, each with one write that reaches the disk before the next photo is
worked on. Half a last line, which a kill can leave, is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from pipeline.errors import OutputError

POINTS = "points.jsonl"
UNCHANGED = "unchanged"
"""The change of the point that stands for the neutral strength of all of them."""


@dataclass(frozen=True, slots=True)
class Point:
    """One photo under one change of one strength.

    Attributes:
        photo: its name in the data.
        change: `Change.name`, or `UNCHANGED`.
        strength: in the change's unit.
        fingerprint: of the configuration, the weights, the photo and its truth.
        pairs: pairs of glasses in the truth, after the change.
        found: those that the detector found.
        iou: of the mask with the truth, by column; see `pipeline.evaluation.columns.answers`.
            Empty where nothing was left of the glasses.
    """

    photo: str
    change: str
    strength: float
    fingerprint: str
    pairs: int
    found: int
    iou: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, float, str]:
        """What tells points apart."""
        return self.photo, self.change, self.strength, self.fingerprint


class Points:
    """The points of an output folder; `add` keeps one for good."""

    def __init__(self, file: IO[bytes], known: dict[tuple[str, str, float, str], Point]) -> None:
        self._file = file
        self.known = known

    def add(self, point: Point) -> None:
        """Keep `point`; once this returns, a kill does not lose it.

        Raises:
            OutputError: the disk refuses.
        """
        try:
            self._file.write(json.dumps(asdict(point)).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"{self._file.name} cannot be written: {error.strerror}") from error
        self.known[point.key] = point


@contextmanager
def open_points(output: Path) -> Iterator[Points]:
    """Open the points of `output`, a folder that is new, empty, or holds an earlier sweep.

    Raises:
        OutputError: the folder holds something else, or the disk refuses.
    """
    path = output / POINTS
    try:
        if output.exists() and not path.exists() and any(output.iterdir()):
            raise OutputError(f"{output} holds something else; name a new folder for the sweep")
        output.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    with file:
        file.seek(0)
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.write(b"\n")
        points = filter(None, map(_decode, data.splitlines()))
        yield Points(file, {point.key: point for point in points})


def _decode(line: bytes) -> Point | None:
    try:
        return Point(**json.loads(line))
    except (ValueError, TypeError):
        return None
