"""Measure detector, segmenter and both together on a labelled rendered dataset.

    python scripts/evaluate_models.py DATA [--config FILE] [--set KEY=VALUE ...] [--json FILE]

DATA is what scripts/make_dataset.py writes. Detector: average precision, faint boxes too and no
picture turned; recall, false finds and silence on empty scenes as configured. Segmenter: IoU of
the glasses, asked with the truth's own boxes; Spearman's correlation of the IoU that it expects
with the true one; in scenes of several pairs (`among_others`) the IoU, the share of pairs
(`obeyed`) that no other pair's box cuts out better than their own, and the IoU of the pairs that
the detector found, asked with what it found (`found`). Together: what `eyecut run` cuts out of each
scene, against all glasses in it, and the boxes around it; a scene without glasses counts as silent
where nothing is cut out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from detector.errors import DetectorError  # noqa: E402
from pipeline.errors import EyecutError  # noqa: E402

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.flow import Flow
    from pipeline.segmenter.samples import Scene
    from pipeline.types import Photo

FAINT = 0.0001  # as probability; some hundredths of the network's own score
FOUND = 0.5  # IoU from which on a box answers a pair
LEAST_PIXELS = 30  # pairs of which less is seen have no IoU worth the name


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    parser.add_argument("--count", type=int, help="only the first so many scenes")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    return parser.parse_args(argv)


def evaluate(data: Path, config: Config, faint: Config, count: int | None) -> dict[str, Any]:
    """All figures; `faint` is `config` with a detector that drops little, for the AP."""
    from detector.dataset import read_dataset
    from detector.metrics import evaluate_examples
    from pipeline.flow import DETECTORS, build
    from pipeline.segmenter.samples import list_scenes

    dataset = read_dataset(data)
    examples = dataset.examples[:count]
    named = {example.image.name for example in examples}
    scenes = [scene for scene in list_scenes(data) if scene.image.name in named]
    flow = build(config)
    detector = evaluate_examples(
        DETECTORS[faint.detector.kind](faint),
        examples,
        dataset.labelled,
        config.detector.confidence,
        flow.detector,
    )
    return {"detector": detector, **evaluate_masks(flow, scenes)}


def evaluate_masks(flow: Flow, scenes: Sequence[Scene]) -> dict[str, Any]:
    """The segmenter with the truth's boxes, and the whole flow."""
    from pipeline.evaluation.boxes import box_figures
    from pipeline.evaluation.statistics import rank_correlation
    from pipeline.evaluation.truth import box_around
    from pipeline.segmenter.prompting import Truth
    from pipeline.segmenter.samples import read_scene
    from pipeline.types import Photo, Prompt

    asked: list[float] = []
    among: list[float] = []
    found_among: list[float] = []
    obeyed: list[bool] = []
    guessed: list[float] = []
    cut: list[float] = []
    silent: list[bool] = []
    boxes: list[np.ndarray] = []
    delivered: list[tuple[np.ndarray, np.ndarray]] = []
    sizes: list[tuple[int, int]] = []
    for scene in scenes:
        rgb, masks = read_scene(scene)
        photo = Photo(scene.image.stem, rgb)
        truths = [Truth(mask[..., 0], mask[..., 1]).glasses > 127 for mask in masks]
        truths = [truth for truth in truths if truth.sum() >= LEAST_PIXELS]
        if truths:
            prompts = [Prompt(box=box_around(truth)[0]) for truth in truths]
            found = flow.segmenter.segment(photo, prompts)
            agreement = np.array([[iou(one, truth) for one in found.masks] for truth in truths])
            asked += agreement.diagonal().tolist()
            if len(truths) > 1:
                among += agreement.diagonal().tolist()
                obeyed += own_is_best(agreement)
                found_among += found_ious(flow, photo, truths)
            guessed += found.quality.tolist()
        result = flow.cut(photo)
        matte = result.matte
        boxes.append(np.concatenate([np.zeros((0, 4), np.float32), *map(box_around, truths)]))
        delivered.append((result.detections.boxes, result.detections.scores))
        sizes.append(photo.size)
        if masks:
            nothing = np.zeros(photo.size, np.bool_)
            answer = nothing if matte is None else matte.alpha > 0.5
            cut.append(iou(answer, np.any(truths, axis=0) if truths else nothing))
        else:
            silent.append(matte is None)
    rank = rank_correlation(guessed, asked)
    others = {**summary(among), "obeyed": share(obeyed), "found": summary(found_among)}
    segmenter = {**summary(asked), "quality_rank": rank, "among_others": others}
    together = {**summary(cut), "silent": share(silent), **box_figures(boxes, delivered, sizes)}
    return {"segmenter": segmenter, "together": together}


def found_ious(flow: Flow, photo: Photo, truths: Sequence[np.ndarray]) -> list[float]:
    """The IoU of each pair that the detector found, with the mask that what it found led to."""
    from detector.types import overlap
    from pipeline.evaluation.truth import box_around

    pairs, masks = flow.confirm(photo, flow.find(photo))
    if not len(pairs):
        return []
    shared = np.stack([overlap(box_around(truth)[0], pairs.boxes) for truth in truths])
    best = shared.argmax(axis=1)
    return [
        iou(masks.masks[b], truth)
        for row, b, truth in zip(shared, best, truths, strict=True)
        if row[b] >= FOUND
    ]


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks; 1 where both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def own_is_best(agreement: np.ndarray) -> list[bool]:
    """For each pair whether no other box's mask scores above its own; (N, N), pairs by masks."""
    return [bool(row[i] >= row.max()) for i, row in enumerate(agreement)]


def summary(values: Sequence[float]) -> dict[str, float | None]:
    """Mean, median, worst tenth's mean and count."""
    if not values:
        return {"iou": None, "median": None, "worst_tenth": None, "count": 0}
    ordered = np.sort(values)
    tenth = ordered[: max(1, len(ordered) // 10)]
    return {
        "iou": float(ordered.mean()),
        "median": float(np.median(ordered)),
        "worst_tenth": float(tenth.mean()),
        "count": len(ordered),
    }


def share(values: Sequence[bool]) -> float | None:
    """Share of True."""
    return sum(values) / len(values) if values else None


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 2 weights, data or configuration cannot be used."""
    options = parse(argv)
    from pipeline.config import load_config

    try:
        config = load_config(options.config, options.set)
        all_boxes = [f"detector.confidence={FAINT}", "detector.turns=[]"]
        faint = load_config(options.config, [*options.set, *all_boxes])
        figures = evaluate(options.data, config, faint, options.count)
    except (EyecutError, DetectorError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
