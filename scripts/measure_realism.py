"""Measure how well rendered photos can be told from real ones, and by which cue.

    python scripts/measure_realism.py RENDERED REAL [REAL ...] [--count 200] [--doc FILE]

Each is a folder of photos, or of photos with labels (docs/truth_formats.md). A small classifier
over all cues and each cue alone are judged by the area under their ROC curve: 0.5 tells nothing, 0
or 1 everything. --doc FILE writes the table between its markers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from markers import replace_between, table_row  # noqa: E402

from pipeline.errors import EvaluationError, EyecutError  # noqa: E402

if TYPE_CHECKING:
    from pipeline.evaluation.realism import Gap

BEGIN = "<!-- realism: written by scripts/measure_realism.py -->"
END = "<!-- end of realism -->"


def photos_of(root: Path) -> list[Path]:
    """The photos of a labelled set, or every picture below a folder."""
    from pipeline.evaluation.readers import find_truth
    from pipeline.images import is_picture

    try:
        found = [truth.photo for truth in find_truth(root) if truth.photo is not None]
    except EvaluationError:
        found = sorted(path for path in root.rglob("*") if is_picture(path))
    if not found:
        raise EvaluationError(f"{root} holds no photos")
    return found


def cues_of(photos: Sequence[Path]) -> list[dict[str, float]]:
    from pipeline.evaluation.realism import measure_cues
    from pipeline.images import read_photo

    return [measure_cues(read_photo(path).rgb) for path in photos]


def table(gaps: Mapping[str, Gap], counts: tuple[int, int]) -> str:
    """Markdown, the cue that tells most first."""
    from pipeline.evaluation.realism import CUES

    rows = [table_row(["cue", "what", "AUC", "rendered", "real"]), table_row(["---"] * 5)]
    for name, gap in sorted(gaps.items(), key=lambda item: -item[1].told_apart):
        told = f"{gap.auc:.2f} ({gap.low:.2f}–{gap.high:.2f})"
        if name in CUES:
            rows.append(
                table_row([name, CUES[name], told, f"{gap.rendered:.3g}", f"{gap.real:.3g}"])
            )
        else:
            rows.insert(2, table_row([f"**{name}**", "a logistic regression", told, "", ""]))
    return f"{counts[0]} rendered and {counts[1]} real photos.\n\n" + "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 2 a folder or photo cannot be used."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rendered", type=Path, metavar="RENDERED")
    parser.add_argument("real", type=Path, nargs="+", metavar="REAL")
    parser.add_argument("--count", type=int, default=200, help="rendered photos at most")
    parser.add_argument("--doc", type=Path, help="Markdown with the markers of this script")
    options = parser.parse_args(argv)
    from pipeline.evaluation.realism import compare_sets

    try:
        rendered = photos_of(options.rendered)[: options.count]
        real = [photo for root in options.real for photo in photos_of(root)]
        text = table(compare_sets(cues_of(rendered), cues_of(real)), (len(rendered), len(real)))
    except EyecutError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(text)
    if options.doc:
        options.doc.write_text(replace_between(options.doc, BEGIN, END, text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
