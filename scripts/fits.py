"""What scripts that fit numbers of the configuration share: options, pictures, where results go."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markers import replace_between

if TYPE_CHECKING:
    import numpy as np


def parse(description: str | None, argv: Sequence[str] | None) -> argparse.Namespace:
    """Options of a fit: data, config, set, doc."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA")
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--doc", type=Path, help="Markdown with the markers of this script")
    return parser.parse_args(argv)


def labelled(data: Sequence[Path]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, uint8 (H, W, 3) and the boxes of the glasses, float32 (N, 4) xyxy in pixels, of every
    picture."""
    from detector.dataset import read_dataset
    from detector.metrics import read_rgb
    from detector.types import EYEGLASSES

    for example in [example for root in data for example in read_dataset(root).examples]:
        rgb = read_rgb(example.image)
        boxes = example.corners((rgb.shape[0], rgb.shape[1]))[example.labels == EYEGLASSES]
        yield example.image.name, rgb, boxes


def report(line: str, table: str, doc: Path | None, begin: str, end: str) -> None:
    """Print the configuration's line and a table, and write both between the markers of `doc`."""
    print(f"{line}\n\n{table}")
    if doc:
        text = replace_between(doc, begin, end, f"`{line}`\n\n{table}")
        doc.write_text(text, encoding="utf-8")
