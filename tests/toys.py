"""Toy photos and fake networks: the seams at which most tests need no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from detector.types import Detections
from pipeline.canvas import measure
from pipeline.flow import STAGES, FlowResult
from pipeline.types import Bools, Bytes, Masks, Matte, Photo, Prompt


@dataclass(frozen=True)
class Toy:
    """A drawn photo of one pair of glasses, front view, with its truth.

    `rgb` uint8 (H, W, 3); `mask` and `lens` bool (H, W), glasses and the lenses within them;
    `box` x0 y0 x1 y1 around the mask.
    """

    rgb: Bytes
    mask: Bools
    lens: Bools
    box: tuple[float, float, float, float]

    def photo(self, key: str = "toy.png") -> Photo:
        return Photo(key, self.rgb)


def draw_toy(height: int = 120, width: int = 200, pairs: int = 1) -> list[Toy]:
    """Draw `pairs` pairs of glasses below each other in one photo; the toys share `rgb`."""
    ramp = np.linspace(150, 220, width, dtype=np.float32)
    rgb = np.repeat(np.tile(ramp, (height, 1))[..., None], 3, axis=2).astype(np.uint8)
    parts = []
    for index in range(pairs):
        frame, lens = np.zeros((2, height, width), np.uint8)
        middle = int(height * (index + 0.5) / pairs)
        radius = min(height // (3 * pairs), width // 8)
        for x in (int(width * 0.35), int(width * 0.65)):
            cv2.circle(lens, (x, middle), radius, 1, -1)
            cv2.circle(frame, (x, middle), radius, 1, 3)
        inner = int(width * 0.35) + radius, int(width * 0.65) - radius
        cv2.line(frame, (inner[0], middle), (inner[1], middle), 1, 3)
        rgb[lens > 0] = rgb[lens > 0] // 2 + 30
        rgb[frame > 0] = (40, 25, 20)
        parts.append((frame > 0, lens > 0))
    return [Toy(rgb, frame | lens, lens & ~frame, _box(frame | lens)) for frame, lens in parts]


def _box(mask: Bools) -> tuple[float, float, float, float]:
    ys, xs = np.nonzero(mask)
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


@dataclass
class FakeDetector:
    """Answers every photo with the same boxes: (x0, y0, x1, y1, score, label) each."""

    rows: Sequence[tuple[float, ...]] = ()
    calls: int = 0

    def detect(self, photo_rgb: Bytes) -> Detections:
        self.calls += 1
        table = np.array(self.rows, np.float32).reshape(-1, 6)
        return Detections.of(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


@dataclass
class DetectorByWidth:
    """Answers a photo as the detector for its width does; other photos have nothing."""

    answers: Mapping[int, FakeDetector]

    def detect(self, photo_rgb: Bytes) -> Detections:
        return self.answers.get(photo_rgb.shape[1], FakeDetector()).detect(photo_rgb)


@dataclass
class FakeSegmenter:
    """Answers each prompt with the dark pixels in its box, or with `masks` if given."""

    quality: float = 0.95
    masks: Sequence[Bools] | None = None
    prompts: list[Prompt] = field(default_factory=list)

    def segment(self, photo: Photo, prompts: Sequence[Prompt]) -> Masks:
        self.prompts += prompts
        grey = photo.rgb.mean(axis=2)
        answers: list[Any] = []
        for index, prompt in enumerate(prompts):
            if self.masks is not None:
                answers.append(self.masks[index])
                continue
            assert prompt.box is not None
            x0, y0, x1, y1 = (int(v) for v in prompt.box)
            mask = np.zeros(photo.size, bool)
            mask[y0:y1, x0:x1] = grey[y0:y1, x0:x1] < 148
            answers.append(mask)
        quality = np.full(len(prompts), self.quality, np.float32)
        return Masks(np.array(answers, bool).reshape(-1, *photo.size), quality)


@dataclass
class FakeFlow:
    """Cuts `toy` out of every photo by its truth, or finds nothing in any."""

    toy: Toy
    glasses: bool = True
    calls: int = 0

    def cut(self, photo: Photo) -> FlowResult:
        self.calls += 1
        seconds = dict.fromkeys(STAGES, 0.01)
        if not self.glasses:
            return FlowResult(Detections.none(), None, None, seconds=seconds)
        boxes = np.array([self.toy.box])
        found = Detections.of(boxes, np.array([0.9]), np.array([0]))
        matte = Matte(self.toy.mask.astype(np.float32), photo.rgb)
        extent = measure(matte.alpha, self.toy.lens)
        return FlowResult(found, matte, None, (0.95,), (), seconds, extent)
