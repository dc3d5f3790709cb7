"""Results of a detector, and what a detector is. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectionsError, ImageError

EYEGLASSES = 0
LENS = 1
CLASS_NAMES: dict[int, str] = {EYEGLASSES: "eyeglasses", LENS: "lens"}


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes found in one photo, best first.

    Attributes:
        boxes: float32 (N, 4), x0 y0 x1 y1 in pixels of the photo, x0 < x1 and y0 < y1.
        scores: float32 (N,), in [0, 1], descending.
        labels: int64 (N,), 0 = eyeglasses, 1 = lens.

    Raises:
        DetectionsError: if a shape, dtype or range does not fit.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.scores)
        for name, array, shape, dtype in (
            ("boxes", self.boxes, (count, 4), np.float32),
            ("scores", self.scores, (count,), np.float32),
            ("labels", self.labels, (count,), np.int64),
        ):
            if array.shape != shape or array.dtype != dtype:
                raise DetectionsError(
                    f"{name}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}"
                )
        if not np.isfinite(self.boxes).all() or not (self.boxes[:, :2] < self.boxes[:, 2:]).all():
            raise DetectionsError("boxes: expected finite x0 < x1 and y0 < y1")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise DetectionsError("scores: expected values in [0, 1]")
        if not (np.diff(self.scores) <= 0).all():
            raise DetectionsError("scores: expected descending order")
        if not np.isin(self.labels, list(CLASS_NAMES)).all():
            raise DetectionsError(f"labels: expected values of {sorted(CLASS_NAMES)}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """The answer for a photo without glasses."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    @classmethod
    def of(
        cls, boxes: NDArray[np.floating], scores: NDArray[np.floating], labels: NDArray[np.integer]
    ) -> Detections:
        """Detections from arrays in any order and of any numeric dtype; sorts and converts them."""
        order = np.argsort(-np.asarray(scores, np.float32), kind="stable")
        return cls(
            np.asarray(boxes, np.float32).reshape(-1, 4)[order],
            np.asarray(scores, np.float32)[order],
            np.asarray(labels, np.int64)[order],
        )

    def only(self, label: int) -> Detections:
        """The detections of one class, order kept."""
        return self.where(self.labels == label)

    def where(self, keep: NDArray[np.bool_]) -> Detections:
        """Those that bool (N,) marks, order kept."""
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep])


@runtime_checkable
class Detector(Protocol):
    """Anything that finds glasses in a photo."""

    def detect(self, rgb: NDArray[np.uint8], /) -> Detections:
        """Boxes in one uint8 (H, W, 3) RGB photo, inside it, best first.

        Raises:
            ImageError: if the array is not such a photo.
        """
        ...


def check_photo(rgb: NDArray[np.uint8]) -> None:
    """Raise ImageError unless `rgb` is a non-empty uint8 (H, W, 3) array."""
    if not isinstance(rgb, np.ndarray):
        raise ImageError(f"photo: expected a numpy array, got {type(rgb).__name__}")
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ImageError(f"photo: expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")


def intersection(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Area that one box (4,) has in common with others (N, 4), xyxy: float32 (N,)."""
    inner = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common: NDArray[np.float32] = np.prod(np.maximum(inner, 0), axis=1)
    return common


def overlap(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box (4,) with others (N, 4), xyxy: float32 (N,)."""
    common = intersection(box, boxes)
    area = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.asarray(common / (area - common), np.float32)
