"""Time and memory of one 12-megapixel photo on two cores, stage by stage.

    python scripts/benchmark.py [--photo FILE] [--runs N] [--max-seconds S --max-mb M]

Takes a photo (by default the first of the sample catalogue, enlarged), and lets `eyecut run` do
copies of it: reading and decoding, every stage, and writing the results. The networks are loaded
before the clock starts, and the first copy does not count. Exits 1 when over a limit, or when no
glasses are found, for then half of the stages had nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SAMPLES = ROOT / "datasets" / "samples" / "images"
STAGES = ("read", "detect", "segment", "refine", "compose", "write")

if TYPE_CHECKING:
    from pipeline.types import Record


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photo", type=Path, help="default: the first of datasets/samples/images")
    parser.add_argument("--megapixels", type=float, default=12.0, help="0 leaves the photo's size")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--max-seconds", type=float, help="exit 1 when the median is above")
    parser.add_argument("--max-mb", type=float, help="exit 1 when the peak memory is above")
    return parser.parse_args(argv)


def bind(threads: int) -> None:
    """Keep this process to `threads` cores, as a machine with so many would."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    # As on the command line, see pipeline.cli.main.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def prepare(photo: Path | None, megapixels: float, folder: Path, copies: int) -> tuple[int, int]:
    """Write the photo, enlarged to `megapixels`, `copies` times; return (height, width)."""
    import cv2
    import numpy as np

    from pipeline.images import read_photo, write_image

    if photo is None:
        photo = min(SAMPLES.glob("*.jpg"), default=None)
        if photo is None:
            raise SystemExit(f"benchmark: no photo in {SAMPLES}; name one with --photo")
    rgb = read_photo(photo).rgb
    if megapixels:
        scale = (megapixels * 1e6 / (rgb.shape[0] * rgb.shape[1])) ** 0.5
        method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8)
    for index in range(copies):
        write_image(folder / f"{index:03}.jpg", rgb)
    return int(rgb.shape[0]), int(rgb.shape[1])


def measure(options: argparse.Namespace, work: Path) -> list[Record]:
    """Run the copies in `work` and return their records, the first left out."""
    from pipeline import batch, flow
    from pipeline.config import load_config

    config = load_config(options.config, [f"run.threads={options.threads}", *options.overrides])
    stages = flow.build(config)
    summary = batch.run(work / "in", work / "out", config, stages)
    if summary.failed:
        raise SystemExit(f"benchmark: {summary.failed[0].error}")
    return list(summary.records[1:])


def peak_megabytes() -> float:
    """The most memory this process ever held (resident set), in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    bind(options.threads)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        height, width = prepare(options.photo, options.megapixels, work / "in", options.runs + 1)
        records = measure(options, work)
    median = {s: statistics.median(r.seconds.get(s, 0.0) for r in records) for s in STAGES}
    total = statistics.median(sum(r.seconds.values()) for r in records)
    figures = {
        "width": width,
        "height": height,
        "runs": len(records),
        "threads": options.threads,
        "pairs": len(records[0].boxes),
        "median_seconds": {**median, "total": round(total, 3)},
        "peak_mb": round(peak_megabytes(), 1),
    }
    show(figures)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 1 if complaints(figures, options) else 0


def show(figures: dict[str, object]) -> None:
    seconds = figures["median_seconds"]
    assert isinstance(seconds, dict)
    print("{width} x {height}, {pairs} pair(s), {threads} threads, {runs} runs".format(**figures))
    for stage, value in seconds.items():
        print(f"  {stage:<8} {value:7.3f} s")
    print(f"  peak memory {figures['peak_mb']:.0f} MB")


def complaints(figures: dict[str, object], options: argparse.Namespace) -> list[str]:
    """Say on stderr what is not as it should be."""
    seconds, peak = figures["median_seconds"]["total"], figures["peak_mb"]  # type: ignore[index]
    found = []
    if not figures["pairs"]:
        found.append("no glasses were found, so this measures nothing")
    if options.max_seconds is not None and seconds > options.max_seconds:
        found.append(f"{seconds:.2f} s are more than {options.max_seconds:g} s")
    if options.max_mb is not None and peak > options.max_mb:
        found.append(f"{peak:.0f} MB are more than {options.max_mb:g} MB")
    for complaint in found:
        print(f"benchmark: {complaint}", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
