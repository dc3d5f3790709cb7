"""The page `report/index.html`: before and after for every photo of an output folder.

It opens from the disk: relative links, no network, everything below the output folder. Thumbnails
load as they scroll into view, so that thousands of photos stay usable.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.report.html import write_html
from pipeline.types import Record

PAGE = "report/index.html"


@dataclass(frozen=True, slots=True)
class _Row:
    """One photo as the template shows it; links are relative to the page and quoted."""

    key: str
    status: str
    review: bool
    notes: tuple[str, ...]
    scores: str
    quality: str
    seconds: str
    links: dict[str, str]


def write_page(output: Path, records: Iterable[Record], run: Mapping[str, Any]) -> Path:
    """Write the page for `records` and return its path.

    Args:
        output: the output folder; outputs of the records are relative to it.
        records: shown in this order.
        run: what `run.json` holds.

    Raises:
        OutputError: the page cannot be written.
    """
    rows = [_row(record) for record in records]
    counts = Counter(row.status for row in rows)
    path = output / PAGE
    write_html(
        path,
        "report.html",
        True,
        rows=rows,
        total=len(rows),
        counts={
            "done": counts["done"],
            "review": sum(row.review for row in rows),
            "no_glasses": counts["no_glasses"],
            "failed": counts["failed"],
        },
        run=run,
    )
    return path


def _row(record: Record) -> _Row:
    return _Row(
        key=record.key,
        status=record.status,
        review=any(flag.startswith("review") for flag in record.flags),
        notes=(*record.flags, *([record.error] if record.error else [])),
        scores=_numbers(record.scores),
        quality=_numbers(record.quality),
        seconds=f"{sum(record.seconds.values()):.1f}",
        links={kind: _link(path) for kind, path in record.outputs.items()},
    )


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _link(path: str) -> str:
    """Return a link from the page to `path`; names that are not UTF-8 keep their bytes."""
    return "../" + quote(os.fsencode(path))
