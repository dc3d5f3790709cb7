"""Render a dataset of glasses with exact labels.

python scripts/make_dataset.py OUT --count 5000 --workers 4
python scripts/make_dataset.py OUT_VAL --split val --count 200

Run it again to go on where it was stopped. Seeds of the parts never meet: training from 0,
validation from 10000000, test from 20000000. Exit status: 0 all made (or time is up), 1 some
seeds failed (each named), 2 nothing could start. What it writes: datasets/rendered.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Before numpy is loaded, here and in the workers: they share the cores already.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from synthetic.assets import Assets  # noqa: E402
from synthetic.dataset import SPLIT_SEEDS  # noqa: E402
from synthetic.errors import SyntheticError  # noqa: E402
from synthetic.production import Order, produce  # noqa: E402

SOURCES = {
    "glasses": Order.source,
    "worn": "synthetic.portrait:open_portraits",
    "goggles": "synthetic.studio:open_studio",
}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write or go on with")
    parser.add_argument("--count", type=int, required=True, help="number of scenes")
    parser.add_argument("--seed", type=int, default=0, help="first seed within the part")
    parser.add_argument("--split", choices=sorted(SPLIT_SEEDS), default="train")
    parser.add_argument(
        "--kind",
        choices=sorted(SOURCES),
        default="glasses",
        help="worn: people who wear them; goggles: one studio's safety goggles on striped cloth, "
        "to try fine-tuning on",
    )
    parser.add_argument("--size", type=int, default=768, help="side of a square picture, pixels")
    parser.add_argument("--hdri", type=Path, help="folder of environment maps (.hdr)")
    parser.add_argument("--textures", type=Path, help="folder of tileable textures")
    parser.add_argument("--models", type=Path, help="folder of glTF glasses with license.txt")
    parser.add_argument("--workers", type=int, default=1, help="processes; 0: this one")
    parser.add_argument("--empty-share", type=float, default=0.1, help="scenes without glasses")
    parser.add_argument("--pairs-share", type=float, default=0.15, help="with 2 or 3 pairs")
    parser.add_argument("--cutouts", action="store_true", help="write the cut-outs as well")
    parser.add_argument("--minutes", type=float, help="start no scene after so long")
    return parser.parse_args(argv)


def main() -> int:
    """Render, print how it went, return the exit status."""
    given = parse()
    if given.cutouts and given.kind == "worn":
        print("--cutouts: not of worn glasses, which hair and hands hide in part", file=sys.stderr)
        return 2
    first = SPLIT_SEEDS[given.split] + given.seed
    try:
        order = Order(
            root=given.out,
            seeds=range(first, first + given.count),
            size=given.size,
            assets=Assets(given.hdri, given.textures, given.models),
            empty_share=given.empty_share,
            pairs_share=given.pairs_share,
            cutouts=given.cutouts,
            workers=given.workers,
            minutes=given.minutes,
            source=SOURCES[given.kind],
        )
        for files in (order.assets.hdri_files, order.assets.texture_files):
            files()  # a wrong folder is told before anything starts
        summary = produce(order, lambda text: print(text, file=sys.stderr, flush=True))
    except (SyntheticError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"{given.out}: {summary.made} made, {summary.skipped} were there, "
        f"{len(summary.failed)} failed, {summary.left} left"
    )
    if summary.fatal:
        return 2
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
