"""Measure how well rendered photos can be told from real ones, and by which cue.

    python scripts/measure_realism.py RENDERED REAL [REAL ...] [--tag background=white]
        [--count 200] [--doc FILE] [--section NAME] [--json FILE]

Each is a folder of photos, or a set with labels (docs/truth_formats.md). A small classifier
over all cues and each cue alone are judged by the area under their ROC curve: 0.5 tells nothing, 0
or 1 everything; the interval in brackets is a 95 % bootstrap over photos. Twice: whole photos, and
what lies around the glasses, which labels say where they draw the glasses, else the detector.
--tag takes those rendered scenes alone that have it; --doc writes the table between the markers
of the section.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from markers import replace_between, table_row  # noqa: E402

from pipeline.errors import EvaluationError, EyecutError  # noqa: E402

if TYPE_CHECKING:
    from pipeline.evaluation.realism import Gap
    from pipeline.evaluation.truth import Truth
    from pipeline.types import Bytes, Floats

END = "<!-- end of realism -->"
WHOLE, NEAR = "whole", "around the glasses"
TOGETHER = "all together"
Finder = Callable[["Bytes"], "Floats"]
Cues = dict[str, list[dict[str, float]]]


def begin(section: str) -> str:
    """The marker before a section of the document; `END` follows it."""
    return f"<!-- realism {section}: written by scripts/measure_realism.py -->"


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rendered", type=Path, metavar="RENDERED")
    parser.add_argument("real", type=Path, nargs="+", metavar="REAL")
    parser.add_argument("--tag", metavar="KEY=VALUE", help="rendered scenes with this tag alone")
    parser.add_argument("--count", type=int, default=200, help="rendered photos at most")
    parser.add_argument("--config", default="default", help="whose detector finds unlabelled ones")
    parser.add_argument("--doc", type=Path, help="Markdown with the markers of this script")
    parser.add_argument("--section", default="all", help="of the document")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    return parser.parse_args(argv)


def photos_of(root: Path, tag: str | None = None) -> list[tuple[Path, Truth | None]]:
    """The photos of a labelled set that have the tag, or the pictures of a folder."""
    from pipeline.evaluation.readers import find_truth

    key, _, value = (tag or "").partition("=")
    try:
        truths = [t for t in find_truth(root) if tag is None or t.tags.get(key) == value]
    except EvaluationError:
        pictures = unlabelled(root)
        if tag or not pictures:  # labels that are damaged, or none
            raise
        return [(path, None) for path in pictures]
    found: list[tuple[Path, Truth | None]] = [(t.photo, t) for t in truths if t.photo is not None]
    if not found:
        raise EvaluationError(f"{root} holds no photos{f' tagged {tag}' if tag else ''}")
    return found


def unlabelled(root: Path) -> list[Path]:
    from pipeline.images import is_picture

    return sorted(path for path in root.iterdir() if is_picture(path)) if root.is_dir() else []


def detector(config: str) -> Finder:
    """What finds the boxes of glasses in a photo; loads its network when it is first asked."""
    loaded: list[Finder] = []

    def find(rgb: Bytes) -> Floats:
        if not loaded:
            from pipeline.config import load_config
            from pipeline.flow import DETECTORS

            told = load_config(config)
            network = DETECTORS[told.detector.kind](told)
            loaded.append(lambda rgb: network.detect(rgb).only(0).boxes)
        return loaded[0](rgb)

    return find


def boxes_of(truth: Truth | None, rgb: Bytes, find: Finder) -> Floats:
    """The truth's boxes; the detector's where there is no truth, or one of mere boxes."""
    if truth is not None:
        try:
            return truth.read().boxes
        except EvaluationError:
            pass
    return find(rgb)


def cues_of(photos: Sequence[tuple[Path, Truth | None]], find: Finder) -> Cues:
    from pipeline.evaluation.realism import crop_around, measure_cues
    from pipeline.images import read_photo

    cues: Cues = {WHOLE: [], NEAR: []}
    for path, truth in photos:
        rgb = read_photo(path).rgb
        cues[WHOLE].append(measure_cues(rgb))
        near = crop_around(rgb, boxes_of(truth, rgb, find))
        if near is not None and min(near.shape[:2]) >= 16:
            cues[NEAR].append(measure_cues(near))
    return cues


def table(gaps: Mapping[str, Mapping[str, Gap]]) -> str:
    """Markdown, the cue that tells most of what is around the glasses first."""
    from pipeline.evaluation.realism import CUES

    heads = [f"{view}, {part}" for view in gaps for part in ("AUC", "rendered", "real")]
    rows = [table_row(["cue", "what", *heads]), table_row(["---"] * (2 + len(heads)))]
    near = gaps[NEAR]
    for name in sorted(near, key=lambda name: (name != TOGETHER, -near[name].told_apart)):
        cells = [name, CUES[name]] if name in CUES else [f"**{name}**", "a logistic regression"]
        for one in (view[name] for view in gaps.values()):
            medians = (f"{one.rendered:.3g}", f"{one.real:.3g}") if name in CUES else ("", "")
            cells += [f"{one.auc:.2f} ({one.low:.2f}–{one.high:.2f})", *medians]
        rows.append(table_row(cells))
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 2 a folder, photo or the detector cannot be used."""
    options = parse(argv)
    from pipeline.evaluation.realism import compare_sets

    find = detector(options.config)
    try:
        photos = photos_of(options.rendered, options.tag)[: options.count]
        rendered = cues_of(photos, find)
        real = cues_of([photo for root in options.real for photo in photos_of(root)], find)
        gaps = {view: compare_sets(rendered[view], real[view]) for view in (WHOLE, NEAR)}
    except EyecutError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    counts = {view: (len(rendered[view]), len(real[view])) for view in gaps}
    told = "; ".join(f"{view} {a} rendered and {b} real photos" for view, (a, b) in counts.items())
    text = f"{told[0].upper()}{told[1:]}.\n\n{table(gaps)}"
    print(text)
    if options.doc:
        page = replace_between(options.doc, begin(options.section), END, text)
        options.doc.write_text(page, encoding="utf-8")
    if options.json:
        figures = {
            view: {
                "counts": counts[view],
                "gaps": {name: asdict(one) for name, one in found.items()},
            }
            for view, found in gaps.items()
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
