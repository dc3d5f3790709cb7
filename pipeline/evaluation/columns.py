"""One photo's answers side by side, so that an error is laid at the right door.

With the detector's boxes, as a run does it, and with the truth's boxes: what the second has and
the first has not, the detector lost. Finished, and raw as the segmenter answered: what raw has
and finished has not, the finish lost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detector.types import EYEGLASSES, Detections
from pipeline.evaluation.truth import Prediction
from pipeline.flow import Flow
from pipeline.types import Floats, Masks, Photo

DELIVERED = "delivered"
"""What lies in the folder of predictions, where there is one beside the answers of now."""
COLUMNS = ("detector", "truth", "detector raw", "truth raw")
LABELS = {
    DELIVERED: "as delivered",
    "detector": "detector's boxes, finished",
    "truth": "truth's boxes, finished",
    "detector raw": "detector's boxes, no finish",
    "truth raw": "truth's boxes, no finish",
}


def answers(flow: Flow, photo: Photo, boxes: Floats) -> dict[str, Prediction]:
    """Every column's answer for `photo`.

    Args:
        flow: the stages.
        photo: what to cut the glasses out of.
        boxes: float32 (N, 4), the truth's, x0 y0 x1 y1 in pixels of the photo.

    Returns:
        By the names of `COLUMNS`; those of the detector carry boxes and scores: the finished
        glasses' boxes, and the detector's own where there is no finish.
    """
    found, masks = flow.confirm(photo, flow.find(photo))
    count = len(boxes)
    told = Detections(boxes, np.ones(count, np.float32), np.full(count, EYEGLASSES, np.int64))
    told_masks = flow.mark(photo, told)
    finished, raw = _both(flow, photo, found, masks)
    told_finished, told_raw = _both(flow, photo, told, told_masks)
    return {
        "detector": replace(finished, scores=found.scores),
        "truth": replace(told_finished, boxes=None),
        "detector raw": replace(raw, boxes=found.boxes, scores=found.scores),
        "truth raw": told_raw,
    }


def _both(
    flow: Flow, photo: Photo, pairs: Detections, masks: Masks
) -> tuple[Prediction, Prediction]:
    """The finished answer and the raw one."""
    alpha, boxes = np.zeros(photo.size, np.float32), pairs.boxes
    if len(pairs):
        done = flow.finish(photo, pairs, masks)
        alpha, boxes = done.matte.alpha, done.boxes
    finished = Prediction(np.asarray(alpha >= 0.5), alpha, boxes, quality=masks.quality)
    return finished, Prediction(np.asarray(masks.masks.any(axis=0)), quality=masks.quality)
