"""Measure how well lenses are cleared, on rendered scenes whose exact cut-outs are known.

    python scripts/make_dataset.py SCENES --split test --count 200 --size 2000 --cutouts
    python scripts/evaluate_lenses.py SCENES [--config FILE] [--set KEY=VALUE ...]
        [--count N] [--doc FILE] [--json FILE]

Scenes of one pair that fills a good part of the picture. Two tables: with the truth's masks and
lens maps, and with the segmenter's, asked with the truth's box.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from markers import replace_between  # noqa: E402

from pipeline.errors import EvaluationError, EyecutError  # noqa: E402

if TYPE_CHECKING:
    from pipeline.evaluation.finish_scenes import ExactScene
    from pipeline.evaluation.lenses import LensFigure
    from pipeline.flow import Flow
    from pipeline.types import Bools, Bytes, Floats

BEGIN = "<!-- lenses: written by scripts/evaluate_lenses.py -->"
END = "<!-- end of lenses -->"
FILLED = 0.35  # of a side by the glasses
LENS = 0.01  # of the picture by lenses


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="SCENES")
    parser.add_argument("--count", type=int, help="at most so many scenes")
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--doc", type=Path, help="put the tables between its two markers")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args(argv)


def scenes(root: Path, count: int | None) -> Iterator[ExactScene]:
    """The first `count` scenes with one pair of glasses whose lenses are large enough to judge."""
    from pipeline.evaluation.finish_scenes import read_exact_scenes

    suited = (scene for scene in read_exact_scenes(root) if suits(scene))
    yield from islice(suited, count)


def suits(scene: ExactScene) -> bool:
    if len(scene.truth.boxes) != 1 or scene.truth.lens is None:
        return False
    x0, y0, x1, y1 = scene.truth.boxes[0]
    filled = max((x1 - x0) / scene.photo.width, (y1 - y0) / scene.photo.height)
    return bool(filled >= FILLED and scene.truth.lens.mean() >= LENS)


def judge(scene: ExactScene, foreground: Bytes, alpha: Floats, lens: Bools | None) -> LensFigure:
    """The lenses of a matte in all modes."""
    from pipeline.evaluation.lenses import LensFigure, lens_error
    from pipeline.refine.lens import LensMode, finish_lenses

    seen = scene.truth.lens
    assert seen is not None, "scenes() gives scenes with lenses"
    errors, cleared = {}, set()
    for mode in get_args(LensMode):
        colours = foreground.copy()
        if lens is not None:
            done = finish_lenses(scene.photo.rgb, foreground, lens, alpha > 0.02, mode)
            if done.window is not None and done.colours is not None:
                colours[done.window] = done.colours
                cleared.add(mode)
        errors[mode] = lens_error(scene.cutout, seen, colours, alpha)
    return LensFigure(scene.tags.get("lens", "unknown"), errors, frozenset(cleared))


def by_network(flow: Flow, scene: ExactScene) -> tuple[Bytes, Floats, Bools | None]:
    """Foreground, alpha and lens map of the segmenter and the finish."""
    masks = flow.mark(scene.photo, scene.pairs)
    matte = flow.finish(scene.photo, scene.pairs, masks).matte
    return matte.foreground, matte.alpha, None if masks.lenses is None else masks.lenses[0]


def measure(options: argparse.Namespace) -> dict[str, list[LensFigure]]:
    """Figures of all scenes, by whose masks were used."""
    from pipeline.config import load_config
    from pipeline.flow import build

    flow = build(load_config(options.config, [*options.set, "refine.lens=keep"]))
    figures: dict[str, list[LensFigure]] = {"the truth's masks": [], "the segmenter's masks": []}
    for scene in scenes(options.data, options.count):
        alpha = np.asarray(scene.cutout[..., 3] / np.float32(255), np.float32)
        exact = judge(scene, scene.photo.rgb, alpha, scene.truth.lens)
        found = judge(scene, *by_network(flow, scene))
        for name, figure in zip(figures, (exact, found), strict=True):
            figures[name].append(figure)
        told = [f"{mode} {error:.1f}" for mode, error in exact.errors.items()]
        print(scene.photo.key, exact.kind, scene.tags.get("background"), *told, flush=True)
    if not figures["the truth's masks"]:
        raise EvaluationError(f"{options.data}: no scene has one pair with large lenses")
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 2 weights, data or configuration cannot be used."""
    options = parse(argv)
    from pipeline.evaluation.lenses import lens_table, summarise_lenses

    try:
        figures = measure(options)
    except EyecutError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    summaries = {name: summarise_lenses(found) for name, found in figures.items()}
    text = "\n\n".join(f"With {name}:\n\n{lens_table(one)}" for name, one in summaries.items())
    print(text)
    if options.doc:
        page = replace_between(options.doc, BEGIN, END, text)
        options.doc.write_text(page, encoding="utf-8")
    if options.json:
        told = {name: [asdict(one) for one in found] for name, found in summaries.items()}
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
