"""Put a photo and its cut-out side by side: docs/before_after.jpg.

    make demo
    python scripts/make_readme_picture.py [--key KEY ...] [--out FILE]

Reads nothing but a run's output folder and the photos it came from (`run.json` says where they
lie). Without --key it takes the surest results.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from pipeline.types import Bytes, Record

GAP = 12  # pixels between pictures; grey, so that white shows as white
GREY = 208


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=ROOT / "build" / "demo", metavar="OUTPUT")
    parser.add_argument("--key", action="append", default=[], help="a photo; give several for rows")
    parser.add_argument("--rows", type=int, default=2, help="of the surest, where no key is given")
    parser.add_argument("--width", type=int, default=520, help="of one picture, in pixels")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "before_after.jpg")
    return parser.parse_args(argv)


def choose(records: dict[str, Record], keys: list[str], rows: int) -> list[Record]:
    """Return the records of `keys`, or the `rows` surest that need no review."""
    if keys:
        missing = [key for key in keys if key not in records or records[key].status != "done"]
        if missing:
            raise SystemExit(f"make_readme_picture: no cut-out of {', '.join(missing)}")
        return [records[key] for key in keys]
    sure = [r for r in records.values() if r.status == "done" and not r.flags]
    return sorted(sure, key=lambda r: -min(r.quality))[:rows]


def pair(before: Bytes, after: Bytes, width: int) -> Bytes:
    """Return two pictures of one size side by side, each `width` pixels wide."""
    import cv2
    import numpy as np

    size = width, round(width * before.shape[0] / before.shape[1])
    small = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (before, after)]
    gap = np.full((size[1], GAP, 3), GREY, np.uint8)
    return np.hstack([small[0], gap, small[1]])


def main(argv: list[str] | None = None) -> int:
    import numpy as np

    from pipeline.errors import EyecutError
    from pipeline.images import read_photo, write_image
    from pipeline.manifest import read_records, read_run

    options = parse(argv)
    try:
        told = read_run(options.run)
        if told is None:
            raise SystemExit(f"make_readme_picture: {options.run} holds no run; first: make demo")
        chosen = choose(read_records(options.run), options.key, options.rows)
        rows: list[Bytes] = []
        for record in chosen:
            before = read_photo(Path(told["input"]) / record.key).rgb
            after = read_photo(options.run / record.outputs["cutout"]).rgb
            row = pair(before, after, options.width)
            rows += [np.full((GAP, row.shape[1], 3), GREY, np.uint8)] * bool(rows) + [row]
        if not rows:
            raise SystemExit("make_readme_picture: no result is good enough to show")
        write_image(options.out, np.vstack(rows), quality=88, overwrite=True)
    except EyecutError as error:
        print(f"make_readme_picture: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {', '.join(record.key for record in chosen)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
