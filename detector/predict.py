"""Finding glasses in photos with a YOLO network."""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from detector.checkpoint import EMBEDDED, build, class_map, read_checkpoint
from detector.errors import DetectorError
from detector.letterbox import Placement, letterbox
from detector.types import Detections, check_photo

_SIZE = 640  # of weights that do not say at which size they were trained
_MAX_BATCH = 8  # photos of one shape in one pass: bounds the memory
_NMS_SECONDS = (
    60.0  # ultralytics drops photos after its time limit; an answer must not depend on it
)


class YoloDetector:
    """YOLO (ultralytics) on photos of any size; no files written, no network.

    The network runs directly, without ultralytics' predictor: photos are letterboxed here, the
    boxes pass its non-maximum suppression and are put back on the photo.

    Args:
        weights: "embedded", an exported `.safetensors`, or an ultralytics `.pt` checkpoint.
        device: a torch device, such as "cpu", "cuda" or "cuda:1".
        size: longer side, in pixels, at which photos are looked at; None for the size that the
            weights were trained at.
        confidence: detections below this score are dropped.
        iou: of two boxes of one class that overlap more than this, the better one stays.

    Raises:
        WeightsError: if the weights cannot be used.
        DetectorError: if an argument is out of range or the device does not exist.
    """

    def __init__(
        self,
        weights: Path | str = EMBEDDED,
        device: str = "cpu",
        size: int | None = None,
        confidence: float = 0.25,
        iou: float = 0.6,
    ) -> None:
        for name, value in (("confidence", confidence), ("iou", iou)):
            if not 0 <= value <= 1:
                raise DetectorError(f"{name}: expected a value in [0, 1], got {value}")
        checkpoint = read_checkpoint(weights)
        self.size = size if size is not None else checkpoint.imgsz or _SIZE
        if self.size < 32:
            raise DetectorError(f"size: expected at least 32 pixels, got {size}")
        self.confidence, self.iou = confidence, iou
        self._classes = class_map(checkpoint.names, str(weights))
        self._device = _device(device)
        model = build(checkpoint, str(weights))
        fused = model.fuse(verbose=False).to(self._device).eval()  # type: ignore[operator]
        self._model = fused.to(memory_format=torch.channels_last)  # saves a seventh of the time
        self._lock = threading.Lock()  # the detection head keeps the anchors of the last input

    def at(self, size: int) -> YoloDetector:
        """The same network with another `size`; the weights are shared, not loaded again."""
        twin = copy.copy(self)
        twin.size = size
        return twin

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Boxes in one photo.

        Args:
            rgb: uint8 (H, W, 3), RGB, upright.

        Returns:
            Detections in pixels of the photo, within it, best first; empty if there are none.

        Raises:
            ImageError: if the array is not such a photo.
        """
        return self.detect_batch([rgb])[0]

    def detect_batch(self, photos: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Boxes in each of many photos of any sizes; answer i belongs to photo i."""
        for rgb in photos:
            check_photo(rgb)
        inputs = [letterbox(rgb, self.size) for rgb in photos]
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, (canvas, _) in enumerate(inputs):
            groups[canvas.shape].append(index)
        answers = [Detections.none()] * len(photos)
        for group in groups.values():
            for start in range(0, len(group), _MAX_BATCH):
                part = group[start : start + _MAX_BATCH]
                rows = self._forward(np.stack([inputs[i][0] for i in part]))
                for index, found in zip(part, rows, strict=True):
                    answers[index] = self._on_photo(found, inputs[index][1])
        return answers

    def _forward(self, batch: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Rows (x0, y0, x1, y1, score, class) for each input of uint8 (B, H, W, 3)."""
        from ultralytics.utils.nms import non_max_suppression

        with self._lock, torch.inference_mode():
            pixels = torch.from_numpy(batch).to(self._device)
            pixels = pixels.permute(0, 3, 1, 2).float() / 255  # channels last, as the weights
            found = non_max_suppression(
                self._model(pixels), self.confidence, self.iou, max_time_img=_NMS_SECONDS
            )
            return [rows.float().cpu().numpy() for rows in found]

    def _on_photo(self, rows: NDArray[np.float32], placement: Placement) -> Detections:
        known = np.isin(rows[:, 5].astype(np.int64), list(self._classes))
        rows = rows[known]
        boxes = placement.to_photo(rows[:, :4])
        whole = (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])  # else in the padding
        labels = np.array([self._classes[int(c)] for c in rows[:, 5]], np.int64)
        return Detections.of(boxes[whole], rows[whole, 4].clip(0, 1), labels[whole])


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts when built without CUDA
        raise DetectorError(f"device: {name!r} does not exist here; use 'cpu'") from error
    return device
