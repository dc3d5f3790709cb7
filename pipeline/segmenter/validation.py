"""How good a segmenter in training is on held-out scenes, prompted with the truth's own boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import UnreadableImage
from pipeline.segmenter.crop import extract, extract_mask, window_around
from pipeline.segmenter.prompting import Truth, jitter_box
from pipeline.segmenter.samples import Scene, read_scene, thin_parts
from pipeline.segmenter.train_config import TrainConfig
from pipeline.segmenter.training_run import Trainable

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the held-out pairs, each in [0, 1]: IoU of the glasses, mean of its worst
    tenth, IoU of frame and lenses (0 where labels or model do not tell them apart), recall of
    thin parts, error of the predicted quality."""

    iou: float
    worst_decile: float
    frame: float
    lens: float
    thin: float
    quality_error: float
    count: int

    @classmethod
    def empty(cls) -> Figures:
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)

    def to_dict(self) -> dict[str, float]:
        return {k: round(v, 4) for k, v in asdict(self).items()}

    def line(self) -> str:
        """One plain line."""
        return " ".join(f"{k} {v:g}" for k, v in self.to_dict().items())


def validate(model: Trainable, scenes: Sequence[Scene], config: TrainConfig) -> Figures:
    """Prompt for each instance (the first `validate_count`, spread evenly) with a slightly
    moved box, at `validate_size`."""
    pairs = [(s, i) for s in scenes for i in range(len(s.masks))]
    picked = np.linspace(0, len(pairs) - 1, min(config.validate_count, len(pairs))).round()
    rows = []
    for number, index in enumerate(picked.astype(int)):
        scene, instance = pairs[index]
        try:
            row = _one(model, scene, instance, config.validate_size, number)
        except UnreadableImage:
            continue
        if row is not None:
            rows.append(row)
    if not rows:
        return Figures.empty()
    table = np.array(rows)
    iou = np.sort(table[:, 0])
    worst = float(iou[: max(1, len(iou) // 10)].mean())
    known = [column[np.isfinite(column)] for column in table[:, 1:].T]
    frame, lens, thin, error = (float(c.mean()) if len(c) else 0.0 for c in known)
    return Figures(float(iou.mean()), worst, frame, lens, thin, error, len(rows))


@torch.inference_mode()
def _one(
    model: Trainable, scene: Scene, instance: int, size: int, seed: int
) -> tuple[float, ...] | None:
    rgb, masks = read_scene(scene)
    truth = Truth(masks[instance][..., 0], masks[instance][..., 1])
    box = truth.box()
    if box is None or (truth.glasses > 127).sum() < 100:
        return None
    box = jitter_box(np.random.default_rng(seed), box, max(rgb.shape))
    window = window_around(box, rgb.shape[:2])
    device = model.device
    image = torch.from_numpy(extract(rgb, window, size)).permute(2, 0, 1)[None].to(device)
    encoded = model.encode(model.preprocess(image))
    coords = torch.from_numpy(window.to_window(box.reshape(1, 2, 2), size)).to(device)
    labels = torch.tensor([[2, 3]], device=device)
    logits, quality = model.decode(encoded, coords, labels)
    on = (logits[0].float() > 0).cpu().numpy()
    planes = [
        extract_mask(p > 127, window, size) > 0.5 for p in (truth.glasses, truth.frame, truth.lens)
    ]
    iou = _iou(on[0], planes[0])
    parts = truth.parts and len(on) > 2
    found = (
        iou,
        _iou(on[2], planes[1]) if parts else float("nan"),
        _iou(on[3], planes[2]) if parts else float("nan"),
        _thin_recall(planes[0], on[0]),
        abs(float(quality[0, 0]) - iou),
    )
    return found


def _iou(a: Bools, b: Bools) -> float:
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else float("nan")


def _thin_recall(truth: Bools, on: Bools) -> float:
    _, _, w, h = cv2.boundingRect(truth.view(np.uint8))
    thin = thin_parts(truth.view(np.uint8), float(np.hypot(w, h))) > 0
    return float((thin & on).sum() / thin.sum()) if thin.any() else float("nan")
