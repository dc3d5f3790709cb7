"""What commands write into documents: sections between two markers, rows of tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def replace_between(path: Path, begin: str, end: str, section: str) -> str:
    """Return the text of `path` with `section` between the markers.

    Raises:
        SystemExit: the markers are not there.
    """
    head, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} lacks its two markers: {begin} and {end}")
    return f"{head}{begin}\n\n{section.strip()}\n\n{end}{tail}"


def table_row(cells: Iterable[object]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"
