"""Put the table of the canvas presets into docs/canvas.md, between its markers.

python scripts/make_canvas_docs.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

from markers import replace_between, table_row  # noqa: E402

from pipeline.canvas import CanvasPreset  # noqa: E402
from pipeline.config import canvas_names, load_canvas  # noqa: E402

BEGIN = "<!-- presets: written by scripts/make_canvas_docs.py -->"
END = "<!-- end of presets -->"
HEAD = ("preset", "pixels", "fills", "passes", "margin", "enlarged", "level", "file")


def size(preset: CanvasPreset) -> str:
    if preset.is_source:
        return "the photo's"
    if preset.size is not None:
        return "{} x {}".format(*preset.size)
    return f"{preset.aspect:g} : 1, longer side {preset.least_side} to {preset.most_side}"


def row(preset: CanvasPreset) -> str:
    fill = preset.fill
    kind = " ".join(str(told) for told in (preset.format, preset.quality) if told is not None)
    ppi = f"{preset.ppi} ppi" if preset.ppi else ""
    cells = (
        f"`{preset.name}`",
        size(preset),
        f"{fill.target:.0%}" if fill else "",
        f"{fill.least:.0%} to {fill.most:.0%}" if fill else "",
        f"{preset.margin:.1%}" if fill else "",
        f"at most {preset.max_upscaling:g} x" if fill else "never",
        "yes" if preset.straighten else "no",
        ", ".join(told for told in (kind, ppi, preset.profile) if told) or "as `output` says",
    )
    return table_row(cells)


def table() -> Iterator[str]:
    yield table_row(HEAD)
    yield table_row(["---"] * len(HEAD))
    names = sorted(canvas_names(), key=lambda name: (name != "source", name))
    yield from (row(load_canvas(name)) for name in names)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "canvas.md")
    page = parser.parse_args(argv).page
    page.write_text(replace_between(page, BEGIN, END, "\n".join(table())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
