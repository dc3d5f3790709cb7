"""Seconds and memory of `eyecut run`, stage by stage, on photos of a given size.

    python scripts/benchmark.py                                       # 12 megapixels, two threads
    python scripts/benchmark.py --max-seconds 4 --max-mb 2000
    python scripts/benchmark.py --megapixels 1 4 12 24 --threads 1 2 --photos 5 20 \
        --models compact mobile_sam vit_b --batch 1 2 4 8 --rivals grabcut vit_b_encoder \
        --onnx isnet.onnx --json FILE --markdown docs/benchmark.md

Every case is a process of its own that runs copies of one photo (by default the first of the
sample catalogue); loading the networks does not count, nor does the first copy. The shown figure
is the median, with least and most. A model that has no embedded weights is given random ones, on
which time does not depend, or those of `KIND=FILE`; all but the first model are measured at the
first size, thread count and number of photos. `--variant` repeats every case under other settings.
`--batch` measures the networks alone, with so many pictures in one pass. Exits 1 when a case is
over a limit, or when no glasses are found, for then half of the stages had nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
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
    from pipeline.benchmark.batches import Batched
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
    parser.add_argument(
        "--models", nargs="+", default=[""], metavar="KIND[=FILE]", help="segmenters"
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[], help="pictures in one pass")
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


def cases(options: argparse.Namespace, folder: Path) -> Iterator[Case]:
    """Every combination of what was asked for; checkpoints of random weights go to `folder`."""
    from pipeline.benchmark.case import Case

    variants = [[], *options.variant]
    for number, model in enumerate(options.models):
        kind, equals, file = model.partition("=")
        random = not equals and kind not in ("", "compact")
        weights = str(folder / f"{kind}.pt") if random else file or "embedded"
        few = slice(None) if number == 0 else slice(1)
        for variant, threads, photos, size in product(
            variants, options.threads[few], options.photos[few], options.megapixels[few]
        ):
            told = (*options.set, *variant)
            yield Case(
                options.photo, size, threads, photos, options.config, told, kind, weights, random
            )


def batches(options: argparse.Namespace) -> Iterator[Case]:
    """The compact model at the first size, in every batch on every number of threads."""
    from pipeline.benchmark.case import Case

    for threads, batch in product(options.threads, options.batch):
        yield Case(
            options.photo, options.megapixels[0], threads, options.photos[0], options.config,
            tuple(options.set), batch=batch,
        )  # fmt: skip


def measure(
    options: argparse.Namespace,
) -> tuple[list[Outcome], list[Batched], list[Rival]]:
    """All cases, the batches, then the rivals at the first size and thread count."""
    from pipeline.benchmark.batches import measure_batch
    from pipeline.benchmark.case import apart
    from pipeline.benchmark.case import measure as measure_case
    from pipeline.benchmark.rivals import RIVALS, onnx

    outcomes: list[Outcome] = []
    batched: list[Batched] = []
    rivals: list[Rival] = []
    with tempfile.TemporaryDirectory() as name:
        for case in cases(options, Path(name)):
            if case.random and not Path(case.weights).exists():
                apart(write_random, case)  # its memory is not the case's
            outcomes.append(apart(measure_case, case))
            print(describe(outcomes[-1]), flush=True)
    for case in batches(options):
        batched.append(apart(measure_batch, case))
        last = batched[-1]
        print(
            f"{case.batch} in one pass, {case.threads} threads: {last.detect.median:.3f} s a photo "
            f"to detect, {last.segment.median:.3f} s a pair to segment, {last.peak_mb:.0f} MB",
            flush=True,
        )
    first = outcomes[0].case
    work = [RIVALS[name] for name in options.rivals]
    work += [partial(onnx, path) for path in options.onnx]
    for one in work:
        rivals.append(apart(one, first))
        rival = rivals[-1]
        print(f"{rival.name}: {rival.seconds.median:.2f} s, {rival.peak_mb:.0f} MB", flush=True)
    return outcomes, batched, rivals


def write_random(case: Case) -> None:
    """The checkpoint that `case` wants."""
    from pipeline.benchmark.models import random_checkpoint

    random_checkpoint(case.model, Path(case.weights))


def describe(outcome: Outcome) -> str:
    case, total = outcome.case, outcome.seconds["total"]
    lines = [
        f"{model_of(asdict(outcome))}, {outcome.width} x {outcome.height}, {outcome.pairs} "
        f"pair(s), {case.threads} threads, {case.runs} photos {' '.join(case.overrides)}".rstrip()
    ]
    lines += [
        f"  {stage:<8} {one.median:7.3f} s  ({one.low:.3f} to {one.high:.3f})"
        for stage, one in outcome.seconds.items()
    ]
    lines.append(
        f"  loading {outcome.load:.1f} s; peak memory {outcome.peak_mb:.0f} MB; "
        f"{outcome.wall:.2f} s a photo with reading ahead, "
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


def plain(
    outcomes: Sequence[Outcome], batched: Sequence[Batched], rivals: Sequence[Rival]
) -> dict[str, Any]:
    """For JSON; files by their names alone."""
    rows = {
        "cases": [asdict(one) for one in outcomes],
        "batches": [asdict(one) for one in batched],
        "rivals": [asdict(one) for one in rivals],
    }
    for case in (row["case"] for part in rows.values() for row in part):
        case["photo"], case["weights"] = (Path(case[key]).name for key in ("photo", "weights"))
    return {"processor": processor(), **rows}


def processor() -> str:
    """The name of this machine's processor."""
    from detector import quiet  # noqa: F401  (before ultralytics)

    # isort: split
    from ultralytics.utils.cpu import CPUInfo

    return str(CPUInfo.name())


def model_of(one: dict[str, Any]) -> str:
    return f"{one['model']}{' (random weights)' if one['case']['random'] else ''}"


def spread(told: dict[str, float], places: int = 2) -> str:
    middle, low, high = (f"{told[key]:.{places}f}" for key in ("median", "low", "high"))
    return f"{middle} ({low}-{high})"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield ""
    yield table_row(head)
    yield table_row(["---", *["---:"] * (len(head) - 1)])
    yield from map(table_row, rows)


def markdown(told: dict[str, Any]) -> str:
    """Tables of the figures."""
    stages = list(told["cases"][0]["seconds"])
    head = ["model", "pixels", "threads", "photos", "settings", *stages]
    head += ["a photo, reading ahead", "loading", "peak"]
    lines = [
        "# Speed and memory",
        "",
        "Written by `scripts/benchmark.py`. Seconds of a photo, median over warm runs, in brackets "
        "least and most; loading is seconds once, before the first photo. Time does not depend on "
        "weights: a model with random ones takes its time, and the compact model's mask goes on.",
        "",
        f"Measured on: {told['processor']}.",
        *table(head, map(_case_cells, told["cases"])),
    ]
    if told["batches"]:
        lines += ["", "The networks alone, several pictures in one pass (compact model, the photo "
                  "of the first row), seconds a picture:"]  # fmt: skip
        head = ["in one pass", "threads", "detect, a photo", "segment, a pair", "peak"]
        lines += table(head, map(_batch_cells, told["batches"]))
    if told["rivals"]:
        lines += ["", "What else one might use, on the photo of the first row:"]
        rows = ([r["name"], spread(r["seconds"]), f"{r['peak_mb']:.0f} MB"] for r in told["rivals"])
        lines += table(["", "seconds", "peak"], rows)
    return "\n".join(lines) + "\n"


def _case_cells(one: dict[str, Any]) -> list[Any]:
    case = one["case"]
    cells = [model_of(one), f"{one['width']} x {one['height']}", case["threads"], case["runs"]]
    cells += [" ".join(case["overrides"]) or "default", *map(spread, one["seconds"].values())]
    return [*cells, f"{one['wall']:.2f}", f"{one['load']:.1f}", f"{one['peak_mb']:.0f} MB"]


def _batch_cells(one: dict[str, Any]) -> list[Any]:
    seconds = spread(one["detect"], 3), spread(one["segment"], 3)
    return [one["case"]["batch"], one["case"]["threads"], *seconds, f"{one['peak_mb']:.0f} MB"]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 over a limit, 2 it could not be measured."""
    options = parse(argv)
    os.environ.setdefault("GOMP_SPINCOUNT", "0")  # as on the command line, see pipeline.cli.main
    try:
        outcomes, batched, rivals = measure(options)
    except EyecutError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    told = plain(outcomes, batched, rivals)
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
