"""The finish of a flow, measured on rendered scenes that have exact cut-outs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.types import EYEGLASSES, Detections
from pipeline.compose import over_white
from pipeline.errors import EvaluationError
from pipeline.evaluation.finish import band_figures, edge_band, wire_widths
from pipeline.evaluation.readers.rendered import find
from pipeline.evaluation.truth import TruthMasks
from pipeline.flow import Finish, Flow
from pipeline.images import read_photo, read_raw
from pipeline.types import Bytes, Photo

WIDTH_ERROR = 0.7
"""Pixels by which a wire's width may be off."""


@dataclass(frozen=True, slots=True, eq=False)
class ExactScene:
    """A photo, its labels, its exact cut-out, uint8 (H, W, 4), and what was drawn."""

    photo: Photo
    truth: TruthMasks
    cutout: Bytes
    tags: Mapping[str, str]

    @property
    def pairs(self) -> Detections:
        """The true boxes, as a sure detector would give them."""
        count = len(self.truth.boxes)
        ones, labels = np.ones(count, np.float32), np.full(count, EYEGLASSES, np.int64)
        return Detections(self.truth.boxes, ones, labels)


def read_exact_scenes(root: Path, count: int | None = None) -> Iterator[ExactScene]:
    """Yield the scenes with glasses that ``scripts/make_dataset.py --cutouts`` wrote to `root`.

    Raises:
        EvaluationError: there are none, or a cut-out is missing.
    """
    scenes = find(root)[:count]
    if not scenes:
        raise EvaluationError(f"{root} holds no rendered scenes; see scripts/make_dataset.py")
    for scene in scenes:
        truth = scene.read()
        if scene.photo is None or not len(truth.boxes):
            continue
        path = root / "cutouts" / f"{scene.name}.png"
        if not path.is_file():
            raise EvaluationError(f"{path} is missing; run make_dataset again with --cutouts")
        photo = Photo(scene.name, read_photo(scene.photo).rgb)
        yield ExactScene(photo, truth, np.asarray(read_raw(path), np.uint8), scene.tags)


def measure_scene(flow: Flow, scene: ExactScene) -> dict[str, Any]:
    """Return the figures of one scene: the flow's finish as ``"new"``, its smooth mask without
    edge finder as ``"plain"``; `band_figures`, seconds, and the widths of wires as pairs."""
    photo, truth, pairs = scene.photo, scene.truth, scene.pairs
    masks = flow.mark(photo, pairs)
    plain = Flow(flow.detector, flow.segmenter, flow.config)
    exact = np.asarray(scene.cutout[..., 3] / np.float32(255), np.float32)
    lens = np.zeros(exact.shape) if truth.lens is None else truth.lens
    union = masks.masks.any(axis=0)
    both = int(np.count_nonzero(union & truth.glasses))
    row: dict[str, Any] = {
        "name": photo.key,
        "iou": both / max(int(np.count_nonzero(union | truth.glasses)), 1),
    }
    band = edge_band(exact)
    for name, one in (("new", flow), ("plain", plain)):
        seconds, done = _timed(lambda one=one: one.finish(photo, pairs, masks))  # type: ignore[misc]
        matte = done.matte
        canvas = over_white(matte.foreground, matte.alpha)
        figures = band_figures(scene.cutout, lens.astype(np.float32), matte.alpha, canvas, band)
        wires = wire_widths(exact, matte.alpha).round(2).tolist()
        row[name] = figures | {"seconds": round(seconds, 2)}
        row[f"{name} wires"] = wires
    return row


def summary(rows: Sequence[dict[str, Any]], least_iou: float) -> dict[str, Any]:
    """Return means over the scenes whose mask has at least this IoU, of both finishes."""
    kept = [row for row in rows if row["iou"] >= least_iou]
    result: dict[str, Any] = {"scenes": len(kept)}
    for name in ("new", "plain") if kept else ():
        means = {key: round(_mean([r[name][key] for r in kept]), 4) for key in kept[0][name]}
        wires = np.array([pair for r in kept for pair in r[f"{name} wires"]]).reshape(-1, 2)
        result[name] = means | _widths(wires)
    return result


def _widths(wires: NDArray[np.float64]) -> dict[str, float]:
    """Errors of wires' widths in pixels, and the share of them that are small."""
    if not len(wires):
        return {"wires": 0}
    off = wires[:, 1] - wires[:, 0]
    return {
        "wires": len(wires),
        "width_error": round(float(np.abs(off).mean()), 3),
        "width_error_median": round(float(np.median(np.abs(off))), 3),
        "width_bias": round(float(off.mean()), 3),
        "width_kept": round(float(np.mean(np.abs(off) <= WIDTH_ERROR)), 3),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _timed(work: Callable[[], Finish]) -> tuple[float, Finish]:
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done
