"""Labelled instances become masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as rle

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers.classes import Kind
from pipeline.evaluation.truth import TruthMasks, box_around
from pipeline.types import Bools

_FEWEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One labelled thing: `mask` bool (H, W); a `crowd` is several pairs in one."""

    kind: Kind
    mask: Bools
    crowd: bool = False


def polygon_mask(
    rings: Iterable[Sequence[tuple[float, float]]], size: tuple[int, int], where: str
) -> Bools:
    """Fill the rings of one instance; a ring that lies within another one is a hole in it.

    COCO's own tools fill such a ring, where it would have no effect, so nobody writes one but to
    mean a hole. A pixel belongs to a ring as COCO's tools have it: pixel (x, y) covers x to x + 1.

    Args:
        rings: (x, y) in pixels.
        size: (height, width) of the picture.
        where: what the error names.

    Returns:
        bool (H, W).

    Raises:
        EvaluationError: a ring has fewer than three points, or lies far outside.
    """
    codes = [_encode(ring, size, where) for ring in rings]
    codes.sort(key=lambda code: -int(rle.area(code)))
    mask = np.zeros(size, np.bool_)
    for index, code in enumerate(codes):
        around = sum(_lies_within(code, other) for other in codes[:index])
        mask[rle.decode(code).view(np.bool_)] = around % 2 == 0
    return mask


def together(
    instances: Iterable[Instance], size: tuple[int, int], *, lens_labelled: bool
) -> TruthMasks:
    """The instances of one photo as its truth.

    Boxes are those of the pairs, or the one around all glasses where only crowds are labelled.
    Where frames are labelled, glasses are frames and lenses.
    """
    glasses, lens = np.zeros((2, *size), np.bool_)
    boxes = [np.zeros((0, 4), np.float32)]
    pairs: list[Bools] = []
    framed = crowd = False
    for instance in instances:
        if instance.kind == "lens":
            lens |= instance.mask
            continue
        glasses |= instance.mask
        framed |= instance.kind == "frame"
        crowd |= instance.crowd
        if not instance.crowd and instance.mask.any():
            boxes.append(box_around(instance.mask))
            pairs.append(instance.mask)
    if framed:
        glasses |= lens
    found = np.concatenate(boxes)
    return TruthMasks(
        glasses,
        found if len(found) else box_around(glasses),
        lens & glasses if lens_labelled else None,
        pairs=tuple(pairs),
        crowd=crowd,
    )


def _encode(ring: Sequence[tuple[float, float]], size: tuple[int, int], where: str) -> Any:
    if len(ring) < _FEWEST:
        raise EvaluationError(
            f"{where}: a polygon has {len(ring)} points, it needs 3; mend or remove it"
        )
    if np.abs(np.array(ring)).max() > 2 * max(size):  # pycocotools walks every pixel of the way
        raise EvaluationError(f"{where}: a polygon lies far outside the photo; mend or remove it")
    return rle.frPyObjects([[float(v) for point in ring for v in point]], *size)[0]


def _lies_within(inner: Any, outer: Any) -> bool:
    common = int(rle.area(rle.merge([inner, outer], intersect=True)))
    return common == int(rle.area(inner)) < int(rle.area(outer))
