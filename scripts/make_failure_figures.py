"""Put the figures of photos into a data card, worst photo first.

    eyecut run TRUTH OUT
    eyecut evaluate TRUTH OUT --json REPORT
    python scripts/make_failure_figures.py REPORT [--doc datasets/failures.md]

Where REPORT has the columns that `eyecut evaluate` makes unless told not to, the means without
finish and with the truth's boxes stand below.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

from markers import replace_between, table_row  # noqa: E402

from pipeline.evaluation.metrics import METRICS  # noqa: E402

BEGIN = "<!-- photos: written by scripts/make_failure_figures.py -->"
END = "<!-- end of photos -->"
MEANS = {
    "detector raw": "mean, no finish",
    "truth": "mean, truth's boxes",
    "truth raw": "mean, truth's boxes, no finish",
}


def table(report: Mapping[str, Any]) -> Iterator[str]:
    """A row for each photo as it was delivered, then the means of the columns."""
    yield from (table_row(["photo", *METRICS]), table_row(["---"] * (1 + len(METRICS))))
    photos = report["photos"]
    for name in sorted(photos, key=lambda name: photos[name]["iou"]):
        yield table_row([name, *(f"{photos[name][m]:.3f}" for m in METRICS)])
    means = {"**mean**": report["mean"]}
    columns = report.get("columns", {})
    means |= {label: columns[name]["mean"] for name, label in MEANS.items() if name in columns}
    for label, mean in means.items():
        yield table_row([label, *(f"{mean[m]:.3f}" for m in METRICS)])


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 written or printed, 2 no such report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("--doc", type=Path, help="Markdown with the markers of this script")
    options = parser.parse_args(argv)
    try:
        report = json.loads(options.report.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"error: {options.report}: {error}", file=sys.stderr)
        return 2
    section = "\n".join(table(report))
    print(section)
    if options.doc:
        options.doc.write_text(replace_between(options.doc, BEGIN, END, section), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
