"""What an evaluation compares: the truth of a photo and what was predicted for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.errors import ValidationError
from pipeline.types import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class TruthMasks:
    """The labels of one photo.

    Attributes:
        glasses: bool (H, W), all pairs together; nothing set where there are no glasses.
        boxes: float32 (N, 4), x0 y0 x1 y1 in pixels, one for each pair.
        lens: bool (H, W), the part of `glasses` that is lens; None where it was not labelled.
        alpha: float32 (H, W) in [0, 1], where the truth is a matte; else None.
        pairs: bool (H, W) for each box: what was labelled as that pair, without its lenses where
            frames were labelled; empty where pairs are not told apart.
        crowd: whether `glasses` holds areas of several pairs that are not told apart.
    """

    glasses: Bools
    boxes: Floats
    lens: Bools | None = None
    alpha: Floats | None = None
    pairs: tuple[Bools, ...] = ()
    crowd: bool = False

    def __post_init__(self) -> None:
        for name, array in (("lens", self.lens), ("alpha", self.alpha)):
            if array is not None and array.shape != self.glasses.shape:
                raise ValidationError(
                    f"TruthMasks.{name} is {array.shape}, glasses {self.glasses.shape}"
                )
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise ValidationError(f"TruthMasks.boxes must be (N, 4), not {self.boxes.shape}")
        if self.pairs and len(self.pairs) != len(self.boxes):
            raise ValidationError(f"{len(self.pairs)} pairs for {len(self.boxes)} boxes")


@dataclass(frozen=True, slots=True)
class Truth:
    """One photo with labels, which are read when they are wanted.

    Attributes:
        name: the photo's path in its data set without suffix; predictions are found by it.
        read: reads the labels.
        photo: the photo itself, where the data set has it.
        tags: what the data set says of it, e.g. ``{"frame": "round", "background": "wood"}``.
    """

    name: str
    read: Callable[[], TruthMasks]
    photo: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What was predicted for one photo.

    Attributes:
        mask: bool (H, W).
        alpha: float32 (H, W) in [0, 1], where the file is a matte; else None.
        boxes: float32 (N, 4), x0 y0 x1 y1 in pixels; None where only a mask is known.
        scores: float32 (N,), the detector's confidence; as `boxes`.
        quality: float32 (N,), the segmenter's own guess of its IoU; None where not known.
    """

    mask: Bools
    alpha: Floats | None = None
    boxes: Floats | None = None
    scores: Floats | None = None
    quality: Floats | None = None


def box_around(mask: Bools) -> Floats:
    """float32 (1, 4) x0 y0 x1 y1 around what is set in a mask, (0, 4) where nothing is."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((0, 4), np.float32)
    return np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
