"""How well boxes agree with the truth's; the figures of `detector.metrics` for plain arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector.errors import DetectionsError
from detector.metrics import at_confidence, average_precision
from detector.types import EYEGLASSES, Detections
from pipeline.errors import ValidationError
from pipeline.evaluation.measures import Measure
from pipeline.types import Floats

BOX_MEASURES: tuple[Measure, ...] = (
    Measure("AP50", "AP50", "higher", "share", "Average precision of the boxes at IoU 0.5."),
    Measure(
        "AP50-95", "AP50-95", "higher", "share", "Average precision of the boxes, IoU 0.5 to 0.95."
    ),
    Measure("recall", "Recall", "higher", "share", "Share of the glasses that a box finds."),
    *(
        Measure(
            f"{name}_{width}", f"{name[0].upper()}{name[1:]}, {width}", "higher", "share", label
        )
        for width, label in (
            ("narrow", "The same, under 25 % of the photo's width."),
            ("middle", "The same, 25 to 65 % of the photo's width."),
            ("wide", "The same, from 65 % of the photo's width."),
        )
        for name in ("AP50", "AP50-95", "recall")
    ),
)


def box_figures(
    truths: Sequence[Floats],
    found: Sequence[tuple[Floats, Floats]],
    sizes: Sequence[tuple[int, int]],
) -> dict[str, float | None]:
    """Compare boxes over a set of photos; a figure that nothing speaks for is None.

    ``AP50`` and ``AP50-95``: average precision at IoU 0.5, and its mean over IoU 0.5 to 0.95 by
    0.05 (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014). ``recall``: share of
    the true boxes that a found box, taken once, answers with IoU >= 0.5. All of them also by the
    share of the photo's width that the boxes fill.

    Args:
        truths: float32 (N, 4) a photo, x0 y0 x1 y1 in pixels.
        found: boxes float32 (M, 4) and scores float32 (M,) in [0, 1] a photo, in any order.
        sizes: (height, width) a photo.

    Returns:
        By the names of `BOX_MEASURES`.

    Raises:
        ValidationError: the sequences differ in length, or boxes or scores are none.
    """
    if not len(truths) == len(found) == len(sizes):
        raise ValidationError(
            f"{len(truths)} truths, {len(found)} predictions and {len(sizes)} sizes do not pair up"
        )
    labelled = [(b, np.full(len(b), EYEGLASSES, np.int64)) for b in truths]
    answers = [_detections(n, *pair) for n, pair in enumerate(found)]
    precision = average_precision(labelled, answers, sizes, (EYEGLASSES,))
    recall = at_confidence(labelled, answers, sizes, 0.0)["recall"]
    figures = {
        **{name: by_class["mean"] for name, by_class in precision.items()},
        "recall": recall.pop("all"),
        **{f"recall_{name}": value for name, value in recall.items()},
    }
    return {measure.name: figures[measure.name] for measure in BOX_MEASURES}


def _detections(photo: int, boxes: Floats, scores: Floats) -> Detections:
    if boxes.shape != (len(scores), 4):
        raise ValidationError(f"photo {photo}: {boxes.shape} boxes but {scores.shape} scores")
    try:
        return Detections.of(boxes, scores, np.full(len(boxes), EYEGLASSES, np.int64))
    except DetectionsError as error:
        raise ValidationError(f"photo {photo}: {error}") from error
