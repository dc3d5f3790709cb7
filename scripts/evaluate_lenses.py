"""Measure how well lenses are cleared, on rendered scenes whose exact cut-outs are known.

    python scripts/evaluate_lenses.py CACHE [--count 60] [--hdri DIR] [--textures DIR]
        [--config FILE] [--set KEY=VALUE ...] [--doc FILE] [--json FILE]

CACHE keeps the scenes; what is there already is not rendered again. Scenes are of test seeds, the
longer side 2000 pixels, the glasses filling a good part. Two tables: with the truth's masks and
lens maps, and with the segmenter's, asked with the truth's box.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from markers import replace_between  # noqa: E402

from pipeline.errors import EyecutError  # noqa: E402
from synthetic.errors import SyntheticError  # noqa: E402

if TYPE_CHECKING:
    from pipeline.evaluation.lenses import LensFigure
    from pipeline.flow import Flow
    from pipeline.types import Bools, Bytes, Floats
    from synthetic.assets import Assets
    from synthetic.production import SceneSource
    from synthetic.sample import Sample

BEGIN = "<!-- lenses: written by scripts/evaluate_lenses.py -->"
END = "<!-- end of lenses -->"
FIRST = 20_000_000
SIDE = 2000  # longer side, pixels
PREVIEW = 250
FILLED = 0.35  # of a side by the glasses
LENS = 0.01  # of the picture by lenses


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path, metavar="CACHE")
    parser.add_argument("--count", type=int, default=60, help="number of scenes")
    parser.add_argument("--first", type=int, default=FIRST, help="first seed")
    parser.add_argument("--hdri", type=Path, help="folder of environment maps (.hdr)")
    parser.add_argument("--textures", type=Path, help="folder of tileable textures")
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--doc", type=Path, help="put the tables between its two markers")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args(argv)


def scenes(cache: Path, count: int, first: int, assets: Assets) -> Iterator[Sample]:
    """The first `count` scenes from the seed `first` on whose glasses are large enough."""
    from synthetic.renderer import Renderer

    cache.mkdir(parents=True, exist_ok=True)
    renderer: Renderer | None = None
    seed, found = first, 0
    while found < count:
        path = cache / f"{seed}.npz"
        if not path.exists():
            renderer = renderer or Renderer(assets)
            sample = render(renderer, seed)
            store(path, sample)
        sample = load(path, seed)
        if sample is not None:
            found += 1
            yield sample
        seed += 1


def render(renderer: SceneSource, seed: int) -> Sample | None:
    """The scene of a seed, None where its glasses are small."""
    from synthetic.production import plan_scene

    height, width = plan_scene(seed, SIDE, 0.0, 0.0).size

    def drawn(side: int, cutout: bool) -> Sample:
        scale = side / max(height, width)
        size = round(height * scale), round(width * scale)
        return renderer.render(seed, size, True, 1, cutout)

    preview = drawn(PREVIEW, False)
    if not preview.instances:
        return None
    x0, y0, x1, y1 = preview.instances[0].box
    rows, columns = preview.image.shape[:2]
    filled = max((x1 - x0) / columns, (y1 - y0) / rows)
    if filled < FILLED or (preview.instances[0].lens > 127).mean() < LENS:
        return None
    return drawn(SIDE, True)


def store(path: Path, sample: Sample | None) -> None:
    """Keep a scene, or that it is none to look at."""
    parts: dict[str, np.ndarray] = {}
    if sample is not None:
        one = sample.instances[0]
        parts = {"image": sample.image, "frame": one.frame, "lens": one.lens}
        parts |= {"cutout": sample.cutout, "box": np.array(one.box, np.float32)}
        parts["tags"] = np.array(json.dumps(sample.tags))
    fresh = path.with_suffix(".part.npz")
    np.savez_compressed(fresh, allow_pickle=False, **parts)
    fresh.replace(path)


def load(path: Path, seed: int) -> Sample | None:
    from synthetic.sample import Instance, Sample

    with np.load(path) as kept:
        if "image" not in kept:
            return None
        x0, y0, x1, y1 = (float(value) for value in kept["box"])
        pair = Instance(kept["frame"], kept["lens"], (x0, y0, x1, y1))
        tags = json.loads(str(kept["tags"]))
        return Sample(seed, kept["image"], (pair,), kept["cutout"], tags)


def judge(sample: Sample, foreground: Bytes, alpha: Floats, lens: Bools | None) -> LensFigure:
    """The lenses of a matte in all modes."""
    from pipeline.evaluation.lenses import LensFigure, lens_error
    from pipeline.refine.lens import LensMode, finish_lenses

    seen = sample.instances[0].lens > 127
    errors, cleared = {}, set()
    for mode in get_args(LensMode):
        colours = foreground.copy()
        if lens is not None:
            done = finish_lenses(sample.image, foreground, lens, alpha > 0.02, mode)
            if done.window is not None and done.colours is not None:
                colours[done.window] = done.colours
                cleared.add(mode)
        errors[mode] = lens_error(sample.cutout, seen, colours, alpha)
    return LensFigure(sample.tags.get("lens", "unknown"), errors, frozenset(cleared))


def by_network(flow: Flow, sample: Sample) -> tuple[Bytes, Floats, Bools | None]:
    """Foreground, alpha and lens map of the segmenter and the finish."""
    from pipeline.refine import RefineSettings, refine
    from pipeline.types import Photo, Prompt

    box = np.array(sample.instances[0].box, np.float32)
    masks = flow.segmenter.segment(Photo(str(sample.seed), sample.image), [Prompt(box=box)])
    lens = None if masks.lenses is None else masks.lenses[0]
    settings = RefineSettings(**flow.config.refine.model_dump(exclude={"lens"}))
    alpha, foreground = refine(sample.image, masks.masks[0], lens, box, settings)
    return foreground, alpha, lens


def measure(options: argparse.Namespace) -> dict[str, list[LensFigure]]:
    """Figures of all scenes, by whose masks were used."""
    from pipeline.config import load_config
    from pipeline.flow import build
    from synthetic.assets import Assets

    flow = build(load_config(options.config, options.set))
    figures: dict[str, list[LensFigure]] = {"the truth's masks": [], "the segmenter's masks": []}
    assets = Assets(options.hdri, options.textures)
    for sample in scenes(options.cache, options.count, options.first, assets):
        lens = sample.instances[0].lens > 127
        alpha = np.asarray(sample.cutout[..., 3] / np.float32(255), np.float32)
        exact = judge(sample, sample.image, alpha, lens)
        found = judge(sample, *by_network(flow, sample))
        for name, figure in zip(figures, (exact, found), strict=True):
            figures[name].append(figure)
        told = [f"{mode} {error:.1f}" for mode, error in exact.errors.items()]
        print(sample.seed, exact.kind, sample.tags.get("set"), *told, flush=True)
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 2 weights, assets, renderer or configuration cannot be used."""
    options = parse(argv)
    from pipeline.evaluation.lenses import lens_table, summarise_lenses

    try:
        figures = measure(options)
    except (EyecutError, SyntheticError) as error:
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
