"""Tags: what is known of a photo beside its labels, in a ``tags.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers.documents import read_text

TAGS = "tags.csv"
_NAME = "name"


def read_tags(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """Read ``folder/tags.csv``: a column ``name`` and one for each tag, a row a photo.

    Empty cells are no tags, and rows of photos without truth are passed over.

    Returns:
        the tags by the photo's name; nothing where there is no such file.

    Raises:
        EvaluationError: no column ``name``, a row that is too long, or a name that comes twice.
    """
    path = folder / TAGS
    if not path.is_file():
        return {}
    rows = csv.DictReader(read_text(path).splitlines())
    if _NAME not in (rows.fieldnames or ()):
        raise EvaluationError(
            f"{path}: the first row must name the columns, {_NAME!r} and the tags, with commas"
        )
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if None in row:
            raise EvaluationError(f"{path}, line {rows.line_num}: more cells than columns")
        cells = {key.strip(): (value or "").strip() for key, value in row.items()}
        name = cells.pop(_NAME)
        if name in found:
            raise EvaluationError(f"{path}, line {rows.line_num}: {name} comes twice")
        found[name] = {key: value for key, value in cells.items() if value}
    return found
