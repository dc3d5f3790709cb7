"""Several looks at one photo, at different scales and mirrored, whose answers become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.letterbox import STRIDE, fit_size, resize
from detector.types import Detections, Detector, check_photo, overlap

FAINT = 0.01
"""What single looks should report down to: their mean decides."""
_SAME = 0.55  # IoU above which two looks speak of the same thing; the paper's value
_SEEN_BEST = 150.0  # pixels of the input: at this length a network is surest of glasses
_SPREAD = 0.4  # how fast trust falls away from it, in powers of e
_LEAST = 0.02  # trust of a look that sees something far too small or too large
_ENOUGH = 2  # a photo this many times larger than the largest look is shrunk once for all


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a photo.

    Attributes:
        detector: looks at `size`; should report down to very low scores.
        size: longer side of the photo in the network's input, in pixels.
        mirrored: look at the photo's mirror image.
    """

    detector: Detector
    size: int
    mirrored: bool = False


class SeveralLooks:
    """Takes the mean of several looks at a photo.

    Small glasses are seen best in a large input, glasses that fill the photo in a small one, and
    what only looked like glasses seldom does so in each. Boxes are joined as in weighted boxes
    fusion (Solovyev, Wang and Gabruseva, Image and Vision Computing 2021): of those that overlap,
    each look gives one at most, and the mean counts them by their scores. The joint score is the
    mean over all looks, those that saw nothing there included. Both means trust a look the more,
    the nearer the length of the box comes to what the network sees best.

    Args:
        looks: at least one.
        confidence: detections below this score are dropped.

    Raises:
        DetectorError: there is no look.
    """

    def __init__(self, looks: Sequence[Look], confidence: float = 0.25) -> None:
        if not looks:
            raise DetectorError("looks: expected at least one")
        self._looks = tuple(looks)
        self.confidence = confidence

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Boxes in one uint8 (H, W, 3) RGB photo, inside it, best first; see `Detector`."""
        check_photo(rgb)
        largest = _ENOUGH * max(look.size for look in self._looks)
        longest = max(rgb.shape[:2])
        small = rgb
        if longest > largest:
            small = resize(rgb, fit_size((rgb.shape[0], rgb.shape[1]), largest))
        back = np.array([rgb.shape[1] / small.shape[1], rgb.shape[0] / small.shape[0]] * 2)
        groups = _group(self._found(small))
        rows = [(g.box * back, g.score(self._looks, max(small.shape[:2])), g.label) for g in groups]
        rows = [row for row in rows if row[1] >= self.confidence]
        if not rows:
            return Detections.none()
        boxes, scores, labels = (np.array(column) for column in zip(*rows, strict=True))
        return Detections.of(boxes, scores, labels)

    def _found(self, rgb: NDArray[np.uint8]) -> Iterator[_Find]:
        """What each look reports, in pixels of `rgb`."""
        width, longest = rgb.shape[1], max(rgb.shape[:2])
        for index, look in enumerate(self._looks):
            seen = np.asarray(cv2.flip(rgb, 1), np.uint8) if look.mirrored else rgb
            found = look.detector.detect(seen)
            for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
                x0, y0, x1, y1 = (float(v) for v in box)
                if look.mirrored:
                    x0, x1 = width - x1, width - x0
                placed = np.array([x0, y0, x1, y1], np.float32)
                trust = _trust(placed, look, longest)
                yield _Find(index, placed, float(score), trust, int(label))


class Resizable(Detector, Protocol):
    """A detector that can be had for any size of input, as `detector.predict.YoloDetector`."""

    def at(self, size: int) -> Detector:
        """The same network with another `size`."""
        ...


def several(network: Resizable, size: int, scales: Sequence[float], confidence: float) -> Detector:
    """Look at a photo once for each of `scales`, every second time at its mirror image.

    Args:
        network: should report down to very low scores if there are several scales.
        size: longer side of the input, in pixels, at scale 1.
        scales: at least one; a single one takes the network's answer as it is.
        confidence: detections below this score are dropped where there are several.
    """
    sizes = [max(STRIDE, STRIDE * round(scale * size / STRIDE)) for scale in scales]
    if len(sizes) == 1:
        return network.at(sizes[0])
    looks = [Look(network.at(s), s, mirrored=bool(i % 2)) for i, s in enumerate(sizes)]
    return SeveralLooks(looks, confidence)


@dataclass(frozen=True, slots=True)
class _Find:
    """A box of one look: which look, xyxy, its score, how far it is trusted, its class."""

    look: int
    box: NDArray[np.float32]
    score: float
    trust: float
    label: int


@dataclass(slots=True)
class _Group:
    """Boxes of several looks around one thing."""

    label: int
    box: NDArray[np.float32]
    finds: list[_Find] = field(default_factory=list)

    def add(self, find: _Find) -> None:
        self.finds.append(find)
        weights = np.array([f.score * f.trust for f in self.finds])
        boxes = np.stack([f.box for f in self.finds])
        mean = np.average(boxes, axis=0, weights=np.maximum(weights, 1e-9))
        self.box = np.asarray(mean, np.float32)

    def score(self, looks: Sequence[Look], longest: int) -> float:
        trust = np.array([_trust(self.box, look, longest) for look in looks])
        scores = np.zeros(len(looks))
        for find in self.finds:
            scores[find.look] = find.score
        return float(np.average(scores, weights=trust))


def _group(finds: Iterator[_Find]) -> list[_Group]:
    """Join the finds of different looks that overlap, the surest first."""
    groups: list[_Group] = []
    for find in sorted(finds, key=lambda f: -f.score):
        open_to = [
            group
            for group in groups
            if group.label == find.label and find.look not in {f.look for f in group.finds}
        ]
        boxes = np.array([group.box for group in open_to], np.float32).reshape(-1, 4)
        shared = overlap(find.box, boxes)
        if len(shared) and shared.max() > _SAME:
            open_to[int(shared.argmax())].add(find)
        else:
            group = _Group(find.label, find.box)
            group.add(find)
            groups.append(group)
    return groups


def _trust(box: NDArray[np.float32], look: Look, longest: int) -> float:
    """How well a look sees a box in a photo of so many pixels."""
    length = max(box[2] - box[0], box[3] - box[1]) / longest * look.size
    return float(np.exp(-0.5 * (np.log(max(length, 1e-6) / _SEEN_BEST) / _SPREAD) ** 2)) + _LEAST
