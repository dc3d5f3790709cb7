"""Put the table of what each format costs into docs/outputs.md, between its markers.

    python scripts/make_outputs_docs.py

A sample photo is enlarged to 12 megapixels, cut out by its label, and written in every format.
Seconds are of the processor, the best of a few runs, so that other programs matter little.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]
SAMPLE = "20000512"

from markers import replace_between, table_row  # noqa: E402

from pipeline.benchmark.case import enlarged  # noqa: E402
from pipeline.compose import Bits, over_white, to_cutout, to_levels  # noqa: E402
from pipeline.images import read_mask, read_photo  # noqa: E402
from pipeline.images.encode import encode  # noqa: E402
from pipeline.types import Matte, Metadata, Picture  # noqa: E402

BEGIN = "<!-- formats: written by scripts/make_outputs_docs.py -->"
END = "<!-- end of formats -->"
HEAD = ("picture", "format", "bits", "processor seconds", "MB")
FORMATS: tuple[tuple[str, str, int, Bits], ...] = (
    ("PNG", ".png", 95, 8),
    ("PNG", ".png", 95, 16),
    ("JPEG 95", ".jpg", 95, 8),
    ("WebP 95", ".webp", 95, 8),
    ("WebP 100 (lossless)", ".webp", 100, 8),
    ("TIFF", ".tif", 95, 8),
    ("TIFF", ".tif", 95, 16),
)


def sample(megapixels: float) -> Matte:
    """A photo of the sample catalogue with its label for a matte."""
    folder = ROOT / "datasets" / "samples"
    rgb = enlarged(read_photo(folder / "images" / f"{SAMPLE}.jpg").rgb, megapixels)
    label = read_mask(folder / "masks" / f"{SAMPLE}_0.png").astype(np.float32)
    alpha = cv2.resize(label, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return Matte(np.asarray(alpha, np.float32), rgb)


def cost(work: Callable[[], bytes], runs: int) -> tuple[float, float]:
    """Processor seconds and megabytes of what `work` returns."""
    seconds = []
    for _ in range(runs):
        started = time.process_time()
        data = work()
        seconds.append(time.process_time() - started)
    return min(seconds), len(data) / 1e6


def usual_png(array: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def table(megapixels: float, runs: int) -> Iterator[str]:
    matte = sample(megapixels)
    yield table_row(HEAD)
    yield table_row(["---", "---", "---:", "---:", "---:"])

    def row(picture: str, name: str, bits: int, work: Callable[[], bytes]) -> str:
        seconds, megabytes = cost(work, runs)
        return table_row([picture, name, bits, f"{seconds:.2f}", f"{megabytes:.2f}"])

    for picture in ("white", "transparent", "mask"):
        for name, suffix, quality, bits in FORMATS:
            if (suffix == ".jpg" and picture == "transparent") or (
                picture == "mask" and suffix != ".png"
            ):
                continue
            array = make(picture, matte, bits)
            path = Path(f"x{suffix}")

            def work(a: Picture = array, p: Path = path, q: int = quality) -> bytes:
                return encode(p, a, q, None, Metadata())

            yield row(picture, name, bits, work)
    white = make("white", matte, 8)
    yield row("white", "PNG as Pillow writes it untold", 8, lambda: usual_png(white))


def make(picture: str, matte: Matte, bits: Bits) -> Picture:
    if picture == "white":
        return over_white(matte.foreground, matte.alpha, bits)
    return to_cutout(matte, bits).rgba if picture == "transparent" else to_levels(matte.alpha, bits)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "outputs.md")
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(argv)
    rows = "\n".join(table(options.megapixels, options.runs))
    options.page.write_text(replace_between(options.page, BEGIN, END, rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
