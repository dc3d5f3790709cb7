"""Seconds and memory of `eyecut run`, stage by stage, on photos of a given size.

    python scripts/benchmark.py                                       # 12 megapixels, two threads
    python scripts/benchmark.py --max-seconds 4 --max-mb 2000
    python scripts/benchmark.py --megapixels 1 4 12 24 --threads 1 2 --photos 5 20 \
        --rivals grabcut vit_b_encoder --onnx isnet.onnx --json FILE --markdown docs/benchmark.md

Every case is a process of its own that runs copies of one photo (by default the first of the
sample catalogue); loading the networks does not count, nor does the first copy. The shown figure
is the median, with least and most. `--variant` repeats every case under other settings, for
instance another model: `--variant segmenter.kind=vit_b segmenter.weights=sam_vit_b.pth`. Exits 1
when a case is over a limit, or when no glasses are found, for then half of the stages had nothing
to do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]
SAMPLES = ROOT / "datasets" / "samples" / "images"

from markers import table_row  # noqa: E402

from pipeline.errors import EyecutError  # noqa: E402

if TYPE_CHECKING:
    from pipeline.benchmark.case import Case, Outcome
    from pipeline.benchmark.rivals import Rival


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photo", type=Path, help="default: the first of datasets/samples/images")
    parser.add_argument(
        "--megapixels", type=float, nargs="+", default=[12.0], help="0 leaves the photo's size"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    parser.add_argument("--photos", type=int, nargs="+", default=[5], help="photos of a case")
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--variant", nargs="+", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--rivals", nargs="+", default=[], choices=("grabcut", "vit_b_encoder"))
    parser.add_argument("--onnx", type=Path, nargs="+", default=[], help="background removers")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--markdown", type=Path, help="write tables there too")
    parser.add_argument("--max-seconds", type=float, help="exit 1 when a median is above")
    parser.add_argument("--max-mb", type=float, help="exit 1 when the peak memory is above")
    options = parser.parse_args(argv)
    if options.photo is None:
        options.photo = min(SAMPLES.glob("*.jpg"), default=None)
        if options.photo is None:
            parser.error(f"no photo in {SAMPLES}; name one with --photo")
    return options


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Every combination of what was asked for."""
    from pipeline.benchmark.case import Case

    variants = [[], *options.variant]
    for variant, threads, photos, size in product(
        variants, options.threads, options.photos, options.megapixels
    ):
        told = (*options.set, *variant)
        yield Case(options.photo, size, threads, photos, options.config, told)


def measure(options: argparse.Namespace) -> tuple[list[Outcome], list[Rival]]:
    """All cases, then the rivals at the first size and thread count."""
    from pipeline.benchmark.case import apart
    from pipeline.benchmark.case import measure as measure_case
    from pipeline.benchmark.rivals import RIVALS, onnx

    outcomes = []
    for case in cases(options):
        outcomes.append(apart(measure_case, case))
        print(describe(outcomes[-1]), flush=True)
    first = outcomes[0].case
    work = [RIVALS[name] for name in options.rivals]
    work += [partial(onnx, path) for path in options.onnx]
    rivals = []
    for one in work:
        rivals.append(apart(one, first))
        rival = rivals[-1]
        print(f"{rival.name}: {rival.seconds.median:.2f} s, {rival.peak_mb:.0f} MB", flush=True)
    return outcomes, rivals


def describe(outcome: Outcome) -> str:
    case, total = outcome.case, outcome.seconds["total"]
    lines = [
        f"{outcome.width} x {outcome.height}, {outcome.pairs} pair(s), {case.threads} threads, "
        f"{case.runs} photos {' '.join(case.overrides)}".rstrip()
    ]
    lines += [
        f"  {stage:<8} {one.median:7.3f} s  ({one.low:.3f} to {one.high:.3f})"
        for stage, one in outcome.seconds.items()
    ]
    lines.append(
        f"  peak memory {outcome.peak_mb:.0f} MB; {outcome.wall:.2f} s a photo with reading ahead, "
        f"{total.median:.2f} s without"
    )
    return "\n".join(lines)


def complaints(outcomes: Sequence[Outcome], options: argparse.Namespace) -> list[str]:
    """What is not as it should be."""
    found = []
    for outcome in outcomes:
        seconds = outcome.seconds["total"].median
        if not outcome.pairs:
            found.append("no glasses were found, so this measures nothing")
        if options.max_seconds is not None and seconds > options.max_seconds:
            found.append(f"{seconds:.2f} s are more than {options.max_seconds:g} s")
        if options.max_mb is not None and outcome.peak_mb > options.max_mb:
            found.append(f"{outcome.peak_mb:.0f} MB are more than {options.max_mb:g} MB")
    return found


def plain(outcomes: Sequence[Outcome], rivals: Sequence[Rival]) -> dict[str, Any]:
    """For JSON; the photo by its name alone."""
    rows = [asdict(one) for one in (*outcomes, *rivals)]
    for row in rows:
        row["case"]["photo"] = Path(row["case"]["photo"]).name
    return {"cases": rows[: len(outcomes)], "rivals": rows[len(outcomes) :]}


def markdown(told: dict[str, Any]) -> str:
    """Tables of the figures."""
    stages = list(told["cases"][0]["seconds"])
    head = ["pixels", "threads", "photos", "settings", *stages, "a photo, reading ahead", "peak"]
    lines = [
        "# Speed and memory",
        "",
        "Written by `scripts/benchmark.py`. Seconds of a photo, median over warm runs, in brackets "
        "least and most.",
        "",
        table_row(head),
        table_row(["---:"] * len(head)),
    ]
    for one in told["cases"]:
        case = one["case"]
        cells = [f"{one['width']} x {one['height']}", case["threads"], case["runs"]]
        cells += [" ".join(case["overrides"]) or "default"]
        cells += [
            f"{v['median']:.2f} ({v['low']:.2f}-{v['high']:.2f})" for v in one["seconds"].values()
        ]
        lines.append(table_row([*cells, f"{one['wall']:.2f}", f"{one['peak_mb']:.0f} MB"]))
    if told["rivals"]:
        lines += ["", "What else one might use, on the photo of the first row:", ""]
        lines += [table_row(["", "seconds", "peak"]), table_row(["---", "---:", "---:"])]
        for one in told["rivals"]:
            spread = one["seconds"]
            seconds = f"{spread['median']:.2f} ({spread['low']:.2f}-{spread['high']:.2f})"
            lines.append(table_row([one["name"], seconds, f"{one['peak_mb']:.0f} MB"]))
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 over a limit, 2 it could not be measured."""
    options = parse(argv)
    os.environ.setdefault("GOMP_SPINCOUNT", "0")  # as on the command line, see pipeline.cli.main
    try:
        outcomes, rivals = measure(options)
    except EyecutError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    told = plain(outcomes, rivals)
    for path, text in (
        (options.json, json.dumps(told, indent=2) + "\n"),
        (options.markdown, markdown(told)),
    ):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    found = complaints(outcomes, options)
    for complaint in found:
        print(f"benchmark: {complaint}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
