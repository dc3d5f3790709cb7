"""Glasses of one picture laid on another: pairs that cross or lie close are rare in photos.

Copy-paste augmentation (Ghiasi et al., CVPR 2021). It needs masks beside the pictures, as rendered
scenes and the folders of `scripts/prepare_labels.py` have them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.dataset import Example, beside, read_bgr
from detector.errors import DatasetError
from detector.types import EYEGLASSES, LENS

Bytes = NDArray[Any]  # uint8; OpenCV's stubs promise less

_HIDDEN = 0.6  # of a box: what is covered that far is no longer there to be found
_LEFT = 0.25  # of a box: least share within the picture
_SMALLEST = 12  # pixels: shorter pairs are not laid anywhere


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A picture, uint8 (H, W, 3), with boxes, float32 (N, 4) xyxy in pixels, and int64 (N,)
    labels."""

    image: Bytes
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One pair of glasses, cut out.

    Attributes:
        image: uint8 (h, w, 3), the pair's part of its picture.
        frame: uint8 (h, w), coverage of the frame, 0 to 255.
        lenses: uint8 (h, w) each, coverage of the lenses.
    """

    image: Bytes
    frame: Bytes
    lenses: tuple[Bytes, ...]

    @property
    def longest(self) -> int:
        """The longer side, in pixels."""
        return int(max(self.image.shape[:2]))


def mask_of(example: Example, number: int = 0) -> Path:
    """Where the mask of a picture's pair lies: red is its frame, green its lenses."""
    return beside(example.image, "masks").with_name(f"{example.image.stem}_{number}.png")


def cuttable(examples: Iterable[Example]) -> list[Example]:
    """Pictures of a single pair, with a mask: of several one cannot tell whose a lens is."""
    single = (e for e in examples if (e.labels == EYEGLASSES).sum() == 1)
    return [e for e in single if mask_of(e).is_file()]


def read_cut(example: Example) -> Cut:
    """The pair of a picture that is `cuttable`.

    Raises:
        DatasetError: picture or mask cannot be read, or are not of one size.
    """
    image, mask = read_bgr(example.image), read_bgr(mask_of(example))
    if image.shape != mask.shape:
        raise DatasetError(f"{mask_of(example)}: not the mask of {example.image}; make it anew")
    corners = example.corners((image.shape[0], image.shape[1]))
    x0, y0, x1, y1 = _whole(corners[example.labels == EYEGLASSES][0])
    lenses = []
    for box in corners[example.labels == LENS]:
        lens = np.zeros(image.shape[:2], np.uint8)
        u0, v0, u1, v1 = _whole(box)
        lens[v0:v1, u0:u1] = mask[v0:v1, u0:u1, 1]
        lenses.append(lens[y0:y1, x0:x1])
    return Cut(image[y0:y1, x0:x1], mask[y0:y1, x0:x1, 2], tuple(lenses))


def turned(cut: Cut, scale: float, degrees: float, mirrored: bool) -> Cut:
    """The pair resized, then turned about its middle, in a part that holds it whole."""
    height, width = (max(1, round(side * scale)) for side in cut.frame.shape)
    angle = math.radians(degrees)
    across, along = abs(math.cos(angle)), abs(math.sin(angle))
    wide = math.ceil(width * across + height * along - 1e-6)  # less what sines are rounded by
    tall = math.ceil(width * along + height * across - 1e-6)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    matrix[:, 2] += (wide - width) / 2, (tall - height) / 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR

    def move(array: Bytes, border: int) -> Bytes:
        small = cv2.resize(array, (width, height), interpolation=how)
        if mirrored:
            small = cv2.flip(small, 1)
        return cv2.warpAffine(small, matrix, (wide, tall), borderMode=border)

    lenses = tuple(move(lens, cv2.BORDER_CONSTANT) for lens in cut.lenses)
    frame = move(cut.frame, cv2.BORDER_CONSTANT)
    return Cut(move(cut.image, cv2.BORDER_REPLICATE), frame, lenses)


def lay(below: Labelled, cut: Cut, corner: tuple[int, int], seen: float) -> Labelled:
    """Lay a pair on a picture.

    Args:
        below: the picture; it is not changed.
        cut: the pair.
        corner: (x, y) of the cut's top left corner in the picture, pixels; may lie outside.
        seen: opacity of the lenses, in [0, 1].

    Returns:
        The picture with the labels of what is still to be seen; `below` itself where so little
        of the pair would lie within it that it had no label.
    """
    shape = below.image.shape[:2]
    (x, y), (tall, wide) = corner, cut.frame.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + wide, shape[1]), min(y + tall, shape[0])
    window = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    laid = _labels(cut, window, (x0, y0)) if x1 > x0 and y1 > y0 else None
    if laid is None:
        return below
    glass = np.maximum.reduce([np.zeros_like(cut.frame), *cut.lenses])[window]
    cover = cv2.addWeighted(np.ascontiguousarray(cut.frame[window]), 1.0, glass, seen, 0.0)
    image = below.image.copy()
    share = cover[..., None].astype(np.float32) / 255
    part = image[y0:y1, x0:x1] * (1 - share) + cut.image[window] * share
    image[y0:y1, x0:x1] = (part + 0.5).astype(np.uint8)
    hidden = np.zeros(shape, np.uint8)
    hidden[y0:y1, x0:x1] = cover
    kept = [i for i, box in enumerate(below.boxes) if _covered(hidden, box) < _HIDDEN]
    return Labelled(
        image,
        np.concatenate([below.boxes[kept], laid[0]]),
        np.concatenate([below.labels[kept], laid[1]]),
    )


def paste(below: Labelled, cut: Cut) -> Labelled:
    """Lay a pair on or beside one of a picture's pairs, at half to one and a half times its
    length; a picture without glasses stays as it is."""
    glasses = below.boxes[below.labels == EYEGLASSES]
    if not len(glasses):
        return below
    x0, y0, x1, y1 = random.choice(glasses.tolist())
    length = max(x1 - x0, y1 - y0) * math.exp(random.uniform(math.log(0.5), math.log(1.5)))
    length = min(length, max(below.image.shape[:2]))
    if length < _SMALLEST:
        return below
    degrees = random.choice((random.gauss(0, 12), random.uniform(-180, 180)))
    cut = turned(cut, length / cut.longest, degrees, random.random() < 0.5)
    tall, wide = cut.frame.shape
    direction, reach = random.uniform(0, 2 * math.pi), random.uniform(0.25, 1.1)
    x = (x0 + x1) / 2 + math.cos(direction) * reach * (x1 - x0 + wide) / 2
    y = (y0 + y1) / 2 + math.sin(direction) * reach * (y1 - y0 + tall) / 2
    seen = random.choice((1.0, random.uniform(0.15, 1)))
    return lay(below, cut, (round(x - wide / 2), round(y - tall / 2)), seen)


def _labels(
    cut: Cut, window: tuple[slice, slice], corner: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    """Boxes and labels of the part of a pair within `window`, whose corner lies at `corner`."""
    whole = np.maximum.reduce([cut.frame, *cut.lenses])
    boxes, labels = [], []
    for label, cover in ((EYEGLASSES, whole), *((LENS, lens) for lens in cut.lenses)):
        _, _, wide, tall = cv2.boundingRect((cover > 127).astype(np.uint8))
        x, y, w, h = cv2.boundingRect((cover[window] > 127).astype(np.uint8))
        if w * h >= max(1.0, _LEFT * wide * tall):
            boxes.append((corner[0] + x, corner[1] + y, corner[0] + x + w, corner[1] + y + h))
            labels.append(label)
    if EYEGLASSES not in labels:
        return None
    return np.array(boxes, np.float32), np.array(labels, np.int64)


def _covered(hidden: Bytes, box: NDArray[np.float32]) -> float:
    x0, y0, x1, y1 = _whole(box)
    return float(hidden[y0:y1, x0:x1].mean()) / 255


def _whole(box: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """xyxy in whole pixels, at least one wide and high, from the picture's edge on."""
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    x0, y0 = max(x0, 0), max(y0, 0)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
