"""Sheets for looking at edges: the busiest places of each picture at 1:1 and 4x on white, grey and
black.

    python scripts/make_edge_sheets.py PHOTOS OUT [--beside FINISHED] [--set KEY=VALUE ...]

PHOTOS (a photo or a folder) are cut out now. FINISHED holds pictures on white that somebody else
made; whatever in them is not white counts as glasses. OUT gets a PNG for each.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline import images  # noqa: E402
from pipeline.compose import to_cutout  # noqa: E402
from pipeline.discovery import find_photos  # noqa: E402
from pipeline.errors import EyecutError  # noqa: E402
from pipeline.report.edges import edge_sheet  # noqa: E402
from pipeline.types import Bytes, Cutout  # noqa: E402

NEARLY_WHITE = 250


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--beside", type=Path, help="finished pictures on white, to compare with")
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--side", type=int, default=320, help="of the windows, in pixels")
    parser.add_argument("--count", type=int, default=3, help="windows of each picture")
    return parser.parse_args(argv)


def cut_out(options: argparse.Namespace) -> Iterator[tuple[str, Cutout]]:
    """Cut the photos out, without a canvas; those without glasses are left out."""
    from pipeline.config import load_config
    from pipeline.flow import build

    flow = build(load_config(options.config, options.set))
    for source in find_photos(options.photos, options.out).sources:
        matte = flow.process(images.read_photo(source.path, source.key)).matte
        if matte is not None:
            yield source.key, to_cutout(matte)


def finished(options: argparse.Namespace) -> Iterator[tuple[str, Cutout]]:
    """Pictures on white as cut-outs that are opaque where they are not white."""
    if options.beside is None:
        return
    for source in find_photos(options.beside, options.out).sources:
        rgb = images.read_photo(source.path, source.key).rgb
        yield f"beside_{source.key}", whatever_is_not_white(rgb)


def whatever_is_not_white(rgb: Bytes) -> Cutout:
    """Opaque where any channel is below nearly white."""
    alpha = np.where(rgb.min(axis=2) < NEARLY_WHITE, np.uint8(255), np.uint8(0))
    return Cutout(np.dstack([rgb, alpha]))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 made, 2 a photo, the weights or the configuration cannot be used."""
    options = parse(argv)
    try:
        for key, cutout in itertools.chain(cut_out(options), finished(options)):
            path = options.out / f"{key.replace('/', '_')}.png"
            sheet = edge_sheet(cutout, options.side, options.count)
            images.write_image(path, sheet, overwrite=True)
            print(path)
    except EyecutError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
