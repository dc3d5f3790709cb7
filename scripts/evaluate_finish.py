"""Measure the finish on rendered scenes with exact cut-outs, beside the plain smoothed mask.

    python scripts/make_dataset.py SCENES --split test --count 200 --size 2000 --cutouts
    python scripts/evaluate_finish.py SCENES [--config FILE] [--set KEY=VALUE ...] [--json FILE]

Within the edge band of every scene: mean CIEDE2000 of the picture on white against the exact one,
mean absolute error of alpha, and the width of wires of 2 to 6 pixels; seconds of the stage. The
masks are the segmenter's, asked with the truth's boxes. Means over all scenes, and over those
whose mask has an IoU of 0.9 or more: where the mask is wrong as a whole, no finish helps.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.errors import EyecutError  # noqa: E402


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="SCENES")
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--count", type=int, help="only the first so many scenes")
    parser.add_argument("--json", type=Path, help="write the figures of every scene there, too")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 2 weights, data or configuration cannot be used."""
    options = parse(argv)
    from pipeline.config import load_config
    from pipeline.evaluation.finish_scenes import measure_scene, read_exact_scenes, summary
    from pipeline.flow import build

    rows: list[dict[str, Any]] = []
    try:
        flow = build(load_config(options.config, options.set))
        for scene in read_exact_scenes(options.data, options.count):
            rows.append(measure_scene(flow, scene))
            print(rows[-1]["name"], json.dumps(rows[-1]["new"]), file=sys.stderr, flush=True)
    except EyecutError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    figures = {"all": summary(rows, 0.0), "iou >= 0.9": summary(rows, 0.9)}
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps({**figures, "scenes": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
