"""Prompts for training: boxes with jitter, points, and previous masks, made from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[Any]  # uint8; OpenCV's stubs promise less
Floats = NDArray[np.float32]
Point = tuple[float, float, int]  # x, y, label
_CLICKS = (1, 1, 1, 2, 3)  # where there is no box, the first point mostly is the only one
NEGATIVE, POSITIVE, CORNER_A, CORNER_B = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Truth:
    """One instance within a crop: uint8 (S, S) coverage of its frame and of its lenses.

    Frame and lens never overlap. Where a label does not tell them apart, both are the whole, and
    `parts` is False.
    """

    frame: Bytes
    lens: Bytes
    glasses: Bytes = field(init=False)
    parts: bool = field(init=False)

    def __post_init__(self) -> None:
        told = not self.frame.any() or not np.array_equal(self.frame, self.lens)
        whole = cv2.add(self.frame, self.lens) if told else self.frame
        object.__setattr__(self, "glasses", whole)
        object.__setattr__(self, "parts", told)

    @classmethod
    def empty(cls, size: int) -> Truth:
        return cls(np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8))

    def box(self) -> Floats | None:
        """float32 (4,) xyxy of coverage above one half, None where there is none."""
        x, y, w, h = cv2.boundingRect((self.glasses > 127).astype(np.uint8))
        return np.array([x, y, x + w, y + h], np.float32) if w else None


@dataclass(frozen=True, slots=True)
class TrainingPrompt:
    """A prompt in pixels of the crop, and the truth that it asks for."""

    truth: Truth
    coords: Floats
    labels: NDArray[np.int64]
    prior: Bytes
    has_prior: bool


def make_prompt(
    rng: np.random.Generator, target: Truth, others: Sequence[Truth], size: int
) -> TrainingPrompt:
    """Ask for `target` with a box, points or both, sometimes with a previous mask.

    A negative point on one of the target's own lenses takes that lens away, so that negative
    points are obeyed anywhere.
    """
    box = target.box()
    others = [other for other in others if (other.glasses > 127).any()]
    points: list[Point] = []
    use_box, both = True, False
    roll = rng.random()
    # Where there are several pairs, points matter more.
    alone, pointed, bare, taken = (0.35, 0.5, 0.75, 0.78) if others else (0.62, 0.8, 0.96, 1.0)
    if box is None:
        box = _random_box(rng, size)
    elif roll < alone:
        pass
    elif roll < pointed and others and rng.random() < 0.5:
        points += _lens_middles(target, POSITIVE)
        points += [point for other in others for point in _lens_middles(other, NEGATIVE)]
    elif roll < pointed:  # box and points
        points += _on(rng, target, int(rng.integers(0, 3)))
        points += _off(rng, target, others, int(rng.integers(0, 3)), box)
    elif roll < bare:  # points alone
        points += _on(rng, target, int(rng.choice(_CLICKS)))
        points += _off(rng, target, others, int(rng.choice(_CLICKS)) - 1, box)
        use_box = False
    elif roll < taken:
        target, points = _take_lens(rng, target)
    else:
        box, points = _union_prompt(rng, target, others, box)
        both = bool(rng.random() < 0.5)
    if use_box and box is not None:
        x0, y0, x1, y1 = jitter_box(rng, box, size).tolist()
        points += [(x0, y0, CORNER_A), (x1, y1, CORNER_B)]
    has_prior = both or bool(rng.random() < 0.1)
    prior = degrade(rng, target, others, both) if has_prior else np.zeros((size, size), np.uint8)
    small = cv2.resize(prior, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
    coords = np.array([p[:2] for p in points], np.float32).reshape(-1, 2)
    labels = np.array([p[2] for p in points], np.int64)
    return TrainingPrompt(target, coords, labels, small, has_prior)


def jitter_box(rng: np.random.Generator, box: Floats, size: int) -> Floats:
    """Move each edge as a detector might: a few percent of the box, seldom up to 12 %."""
    w, h = box[2] - box[0], box[3] - box[1]
    spread = 0.02 if rng.random() < 0.7 else 0.05
    noise = np.clip(rng.normal(0, spread, 4), -0.12, 0.12) * np.array([w, h, w, h])
    moved: Floats = np.clip(box + noise, 0, size).astype(np.float32)
    return moved


def degrade(
    rng: np.random.Generator, target: Truth, others: Sequence[Truth], both: bool = False
) -> Bytes:
    """A plausible bad mask of the target: blurred, with parts missing or too much; with `both`
    it holds all the other pairs too."""
    mask = target.glasses.copy()
    size = mask.shape[0]
    for other in others:
        if both or rng.random() < 0.2:
            mask = cv2.max(mask, other.glasses)
    for _ in range(int(rng.integers(0, 4))):
        centre = tuple(int(v) for v in rng.integers(0, size, 2))
        radius = int(rng.uniform(0.03, 0.15) * size)
        colour = 255 if rng.random() < 0.3 else 0
        cv2.circle(mask, centre, radius, colour, -1)
    k = int(rng.integers(1, max(2, size // 48)))
    change = cv2.dilate if rng.random() < 0.5 else cv2.erode
    mask = change(mask, np.ones((k, k), np.uint8))
    return cv2.blur(mask, (2 * k + 1, 2 * k + 1))


def _random_box(rng: np.random.Generator, size: int) -> Floats:
    w, h = rng.uniform(0.2, 0.85, 2) * size
    x, y = rng.uniform(0, size - w), rng.uniform(0, size - h)
    return np.array([x, y, x + w, y + h], np.float32)


def _union_prompt(
    rng: np.random.Generator, target: Truth, others: Sequence[Truth], box: Floats
) -> tuple[Floats, list[Point]]:
    """A box over all pairs, and points that tell which: on the target, or not on the others."""
    points: list[Point] = []
    which = rng.random()
    for other in others:
        second = other.box()
        if second is None:
            continue
        box = np.concatenate([np.minimum(box[:2], second[:2]), np.maximum(box[2:], second[2:])])
        if which < 0.75:
            points += _on(rng, other, 1, label=NEGATIVE)
    if which > 0.3:
        points += _on(rng, target, 1)
    return box, points


def _on(rng: np.random.Generator, truth: Truth, count: int, label: int = POSITIVE) -> list[Point]:
    """Points on a lens, on the frame, and on the frame's part that is far from the lenses."""
    points: list[Point] = []
    for _ in range(count):
        roll = rng.random()
        if roll < 0.4:
            plane = truth.lens > 127
        elif roll < 0.7:
            plane = truth.frame > 127
        else:
            plane = _far_frame(truth)
        spot = _pick(rng, plane) or _pick(rng, truth.glasses > 127)
        if spot:
            points.append((*spot, label))
    return points


def _lens_middles(truth: Truth, label: int) -> list[Point]:
    """The middles of the boxes around the lenses, as `pipeline.pointing` has them; those that
    another pair covers are left out, for points are to be obeyed."""
    if not truth.parts:
        return []
    lens = (truth.lens > 127).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(lens, connectivity=8)
    least = 0.1 * max((int(row[4]) for row in stats[1:]), default=0)  # specks are no lenses
    middles = [(x + w // 2, y + h // 2) for x, y, w, h, area in stats[1:] if area >= least]
    return [(float(x), float(y), label) for x, y in middles if truth.glasses[y, x] > 127]


def _far_frame(truth: Truth) -> NDArray[np.bool_]:
    """Where the frame is farthest from the lenses: mostly temples, seldom hit by chance."""
    frame = truth.frame > 127
    lens = (truth.lens > 127).astype(np.uint8)
    if not lens.any():
        return frame
    away = cv2.distanceTransform(1 - lens, cv2.DIST_L2, 3) * frame
    return np.asarray(away > 0.6 * away.max())


def _off(
    rng: np.random.Generator, target: Truth, others: Sequence[Truth], count: int, box: Floats
) -> list[Point]:
    """Negative points: on another pair where there is one, else on background near the target."""
    points: list[Point] = []
    clear = cv2.dilate(target.glasses, np.ones((5, 5), np.uint8)) == 0
    x0, y0, x1, y1 = (int(v) for v in box)
    for _ in range(count):
        if others and rng.random() < 0.6:
            points += _on(rng, others[int(rng.integers(len(others)))], 1, label=NEGATIVE)
            continue
        if rng.random() < 0.7:
            inside = np.zeros_like(clear)
            inside[y0:y1, x0:x1] = clear[y0:y1, x0:x1]
            spot = _pick(rng, inside)
        else:
            spot = _pick(rng, clear)
        if spot:
            points.append((*spot, NEGATIVE))
    return points


def _take_lens(rng: np.random.Generator, target: Truth) -> tuple[Truth, list[Point]]:
    """Drop one lens from the truth and return the negative point that asks for it."""
    count, parts = cv2.connectedComponents((target.lens > 127).astype(np.uint8), connectivity=4)
    if count < 2 or not target.parts:
        return target, []
    part = (parts == int(rng.integers(1, count))).astype(np.uint8)
    deep = cv2.erode(part, np.ones((7, 7), np.uint8)) > 0
    spot = _pick(rng, deep)
    if not spot:
        return target, []
    grown = cv2.dilate(part, np.ones((3, 3), np.uint8)) > 0
    return Truth(target.frame, np.where(grown, 0, target.lens).astype(np.uint8)), [
        (*spot, NEGATIVE)
    ]


def _pick(rng: np.random.Generator, where: NDArray[np.bool_]) -> tuple[float, float] | None:
    """A random pixel's (x, y) from a bool array."""
    spots = np.flatnonzero(where)
    if not len(spots):
        return None
    y, x = divmod(int(spots[rng.integers(len(spots))]), where.shape[1])
    return float(x), float(y)
