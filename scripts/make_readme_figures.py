"""Print the README's figures from what the measuring commands wrote; --write puts them in.

    python scripts/benchmark.py --json build/figures/benchmark.json
    eyecut evaluate TRUTH OUTPUT --json build/figures/NAME.json      (NAME becomes the row)
    python scripts/evaluate_models.py DATA --json build/figures/NAME.json
    python scripts/make_readme_figures.py --write

Figures in the README are never typed by hand: the section between its two markers is replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

from markers import replace_between, table_row  # noqa: E402

from pipeline.evaluation.metrics import METRICS  # noqa: E402

BEGIN = "<!-- figures: written by scripts/make_readme_figures.py -->"
END = "<!-- end of figures -->"
NONE = "Not measured yet: see the commands in `scripts/make_readme_figures.py`."


def read(path: Path) -> dict[str, Any] | None:
    """Return what a command wrote; None where there is nothing (yet)."""
    if not path.is_file() or not path.stat().st_size:
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    return told if isinstance(told, dict) else None


def set_up(venv: Path) -> Iterator[str]:
    demo, test = (read(venv / f".set-up-{target}") for target in ("demo", "test"))
    steps = (("make demo", demo), ("make test`, after `make demo" if demo else "make test", test))
    for command, told in steps:
        if told:
            yield (
                f"Setting up for `{command}` fetched {told['download_mb'] / 1000:.1f} GB in "
                f"{told['seconds'] / 60:.0f} minutes; `.venv` then held "
                f"{told['disk_mb'] / 1000:.1f} GB."
            )
            yield ""


def speed(told: dict[str, Any] | None) -> Iterator[str]:
    if not told:
        return
    one = told["cases"][0]
    yield (
        f"One photo of {one['width']} x {one['height']} pixels, {one['case']['threads']} threads, "
        f"median of {one['case']['runs']}, on {told['processor']}; peak memory "
        f"{one['peak_mb']:.0f} MB (`scripts/benchmark.py`):"
    )
    seconds = one["seconds"]
    yield from ("", table_row(seconds), table_row(["---:"] * len(seconds)))
    yield from (table_row(f"{each['median']:.2f} s" for each in seconds.values()), "")


def quality(folder: Path) -> Iterator[str]:
    reports = {path.stem: read(path) for path in sorted(folder.glob("*.json"))}
    rows = {name: told for name, told in reports.items() if told and {"mean", "worst"} <= set(told)}
    if not rows:
        return
    metrics = [name for name in METRICS if name in next(iter(rows.values()))["mean"]]
    yield "Masks against the truth, mean (worst) over the photos (`eyecut evaluate`):"
    yield from ("", table_row(["set", "photos", *metrics]), table_row(["---"] * (2 + len(metrics))))
    for name, told in rows.items():
        cells = (f"{told['mean'][m]:.3f} ({told['worst'][m]:.3f})" for m in metrics)
        yield table_row([name, len(told["photos"]), *cells])
    yield ""
    notes = [f"- {name}: {note}" for name, told in rows.items() for note in told.get("notes", ())]
    yield from (*notes, "") if notes else ()


def models(folder: Path) -> Iterator[str]:
    reports = {path.stem: read(path) for path in sorted(folder.glob("*.json"))}
    rows = [(name, told) for name, told in reports.items() if told and "together" in told]
    if not rows:
        return
    yield (
        "Rendered scenes of unseen seeds ([the test scenes](datasets/rendered.md#the-test-scenes), "
        "`scripts/evaluate_models.py`): average precision of the detector and its share of empty "
        "scenes left alone, IoU of the segmenter asked with the true boxes, and the same for the "
        "whole, whose boxes fit what was cut out:"
    )
    heads = ["set", "scenes", "AP50", "AP50-95", "silent", "segmenter"]
    heads += ["together", "AP50", "AP50-95", "silent"]
    yield from ("", table_row(heads), table_row(["---"] * len(heads)))
    for name, told in rows:
        found, together = told["detector"], told["together"]
        cells = (
            found["AP50"].get("eyeglasses"),
            found["AP50-95"].get("eyeglasses"),
            found["empty_silent"],
            told["segmenter"]["iou"],
            together["iou"],
            together.get("AP50"),
            together.get("AP50-95"),
            together["silent"],
        )
        texts = ("" if value is None else f"{value:.3f}" for value in cells)
        yield table_row([name, found["pictures"], *texts])
    yield ""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--figures", type=Path, default=ROOT / "build" / "figures")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--write", action="store_true", help="into the README")
    options = parser.parse_args(argv)
    lines = [
        *set_up(options.venv),
        *speed(read(options.figures / "benchmark.json")),
        *quality(options.figures),
        *models(options.figures),
    ]
    section = "\n".join(lines)
    print(section or NONE)
    if options.write:
        text = replace_between(options.readme, BEGIN, END, section or NONE)
        options.readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
