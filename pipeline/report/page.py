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
_FINISHED = ("cutout", "transparent", "mask", "overlay")
_MORE = ("transparent", "mask", "overlay")
"""Kinds of pictures: the first there is stands beside the photo, the others are links."""


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
    verdict: str
    links: dict[str, str]
    more: dict[str, str]

    @property
    def finished(self) -> str | None:
        """The link of the finished picture, of whatever kind there is."""
        return next((self.links[k] for k in _FINISHED if k in self.links), None)


def write_page(output: Path, records: Iterable[Record], run: Mapping[str, Any]) -> Path:
    """Write the page for `records` and return its path.

    Args:
        output: the output folder; outputs of the records are relative to it.
        records: shown in this order.
        run: what `run.json` holds.

    Raises:
        OutputError: the page cannot be written.
    """
    records = list(records)
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
        unfit=sum(record.unfit for record in records),
        run=run,
    )
    return path


def _row(record: Record) -> _Row:
    links = {kind: _link(path) for kind, path in record.outputs.items()}
    return _Row(
        key=record.key,
        status=record.status,
        review=any(flag.startswith("review") for flag in record.flags),
        notes=(*record.flags, *([record.error] if record.error else [])),
        scores=_numbers(record.scores),
        quality=_numbers(record.quality),
        seconds=f"{sum(record.seconds.values()):.1f}",
        verdict=_verdict(record.verdict),
        links=links,
        more={kind: links[kind] for kind in _MORE if kind in links},
    )


def _verdict(told: Mapping[str, Any] | None) -> str:
    """Say which canvas the picture is fit for; reasons why not are among the notes."""
    if told is None:
        return ""
    rules = {rule["name"]: rule["measured"] for rule in told["rules"]}
    fill = f", fills {rules['fill']}" if "fill" in rules else ""
    return f"{'fit' if told['passed'] else 'not fit'} for {told['preset']}{fill}"


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _link(path: str) -> str:
    """Return a link from the page to `path`; names that are not UTF-8 keep their bytes."""
    return "../" + quote(os.fsencode(path))
