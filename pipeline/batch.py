"""Whole folders through the flow.

A run can be stopped at any moment, even killed: started again with the same input, output and
configuration it goes on where it was. What is done stays done while the photo's SHA-256, the
configuration's hash (weights and version included) and the result files are still the same.
Photos that failed are tried again.

The output folder belongs to one configuration. A run with another one is refused unless `force`
is given, which does every photo again and replaces what earlier runs wrote.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.config import Config
from pipeline.discovery import check_places, find_photos
from pipeline.results import ResultFolder
from pipeline.types import Record
from pipeline.work import Cutter, Work


class Watcher(Protocol):
    """Told of every photo as it ends."""

    def __call__(self, record: Record, *, skipped: bool, number: int, total: int) -> None:
        """`number` of `total` photos are over; `skipped` ones had been done before."""
        ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did.

    Attributes:
        records: of the photos worked on this time, in order; failures included.
        skipped: photos that had been done before.
        left: photos that a limit or an interruption left for the next run; those among them that
            are cut out and wait for the rest of their product go on from there.
        interrupted: stopped by Ctrl-C.
        seconds: wall clock.
        report: the page, where one was asked for.
    """

    records: tuple[Record, ...]
    skipped: int = 0
    left: int = 0
    interrupted: bool = False
    seconds: float = 0.0
    report: Path | None = None

    @property
    def counts(self) -> Counter[str]:
        """Photos by status; "review" counts flagged ones, which are "done" too, and "unfit" those
        of them that break a rule of their canvas.
        """
        counts = Counter[str](record.status for record in self.records)
        counts["review"] = sum(
            any(flag.startswith("review") for flag in record.flags) for record in self.records
        )
        counts["unfit"] = len(self.unfit)
        return counts

    @property
    def failed(self) -> tuple[Record, ...]:
        """The photos that failed, each with its reason."""
        return tuple(record for record in self.records if record.status == "failed")

    @property
    def unfit(self) -> tuple[Record, ...]:
        """The pictures that break a rule of their canvas, each with its verdict."""
        return tuple(record for record in self.records if record.unfit)


def run(
    source: Path,
    output: Path,
    config: Config,
    flow: Cutter,
    *,
    force: bool = False,
    limit: int | None = None,
    watch: Watcher | None = None,
) -> Summary:
    """Cut out every photo of `source` into `output`.

    Args:
        source: a photo, or a folder that is searched recursively.
        output: a folder outside `source`; made if missing.
        config: the one that `flow` was built from.
        flow: see `pipeline.flow.build`.
        force: do photos again that are done, and replace results of another configuration.
        limit: most photos to cut out this time; those done before do not count.
        watch: told of every photo as it ends.

    Returns:
        What happened. Errors of single photos are in it and do not stop the run.

    Raises:
        UnreadableImage: `source` does not exist.
        OutputError: `output` is unfit, or holds something that this run would overwrite.
    """
    started = time.monotonic()
    check_places(source, output)
    found = find_photos(source, output)
    total = len(found.sources) + len(found.problems)
    records: list[Record] = []
    skipped = worked = 0
    interrupted = False
    with ResultFolder(output, config, found, force) as folder:
        try:
            for step in Work(folder, flow, config).steps(found):
                worked += step.worked
                if step.record is not None:
                    records += [step.record] if step.new else []
                    skipped += not step.new
                    if watch:
                        number = len(records) + skipped
                        watch(step.record, skipped=not step.new, number=number, total=total)
                if limit is not None and worked >= limit:
                    break
        except KeyboardInterrupt:
            interrupted = True
        page = folder.finish()
    left = total - len(records) - skipped
    seconds = time.monotonic() - started
    return Summary(tuple(records), skipped, left, interrupted, seconds, page)
