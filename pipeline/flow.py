"""One photo through all stages: detect, segment, refine, compose. No files, no globals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from detector.errors import DetectorError
from detector.errors import WeightsError as DetectorWeightsError
from detector.merge import merge_pieces
from detector.types import EYEGLASSES, Detections
from pipeline.compose import over_white
from pipeline.config import Config, ReviewConfig, resolve_device
from pipeline.errors import ConfigError, ValidationError, WeightsError
from pipeline.refine import EdgeFinder, RefineSettings, refine
from pipeline.types import Bools, Bytes, Detector, Floats, Masks, Matte, Photo, Prompt, Segmenter

STAGES = ("detect", "segment", "refine", "compose")


@dataclass(frozen=True, slots=True, eq=False)
class FlowResult:
    """What became of one photo.

    Attributes:
        detections: the pairs of glasses that were cut out, best first; lenses left out.
        matte: of all pairs together; None where there are no glasses.
        canvas: uint8 (H, W, 3), the white picture; None where there are no glasses.
        quality: the segmenter's guess of the IoU, one for each pair.
        flags: ``"review: <reason>"`` for each reason to look at the result.
        seconds: spent, by stage; see `STAGES`.
    """

    detections: Detections
    matte: Matte | None
    canvas: Bytes | None
    quality: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


class Flow:
    """The stages, loaded once and used for every photo."""

    def __init__(
        self,
        detector: Detector,
        segmenter: Segmenter,
        config: Config,
        finder: EdgeFinder | None = None,
    ) -> None:
        self.detector = detector
        self.segmenter = segmenter
        self.config = config
        self.finder = finder
        self._settings = RefineSettings(**config.refine.model_dump(exclude={"edges"}))

    def process(self, photo: Photo) -> FlowResult:
        """Cut the glasses out of `photo`.

        A photo without glasses gives a result without matte and canvas.
        """
        clock = _Clock()
        with clock("detect"):
            pairs = self.find(photo)
        if not len(pairs):
            return FlowResult(pairs, None, None, seconds=clock.seconds)
        with clock("segment"):
            masks = self.mark(photo, pairs)
            pairs, masks = confirmed(pairs, masks, self.config.detector.confidence)
        if not len(pairs):
            return FlowResult(pairs, None, None, seconds=clock.seconds)
        with clock("refine"):
            matte = self.finish(photo, pairs, masks)
        with clock("compose"):
            canvas = over_white(matte.foreground, matte.alpha)
        flags = review_flags(pairs, masks, self.config.review)
        quality = tuple(float(value) for value in masks.quality)
        return FlowResult(pairs, matte, canvas, quality, flags, clock.seconds)

    def find(self, photo: Photo) -> Detections:
        """The pairs of glasses in `photo`, best first, as `detector.select` wants them."""
        pairs = merge_pieces(
            self.detector.detect(photo.rgb).only(EYEGLASSES), self.config.detector.merge
        )
        if self.config.detector.select == "best" and len(pairs) > 1:
            pairs = Detections(pairs.boxes[:1], pairs.scores[:1], pairs.labels[:1])
        return pairs

    def mark(self, photo: Photo, pairs: Detections) -> Masks:
        """The mask of each pair."""
        return self.segmenter.segment(photo, [Prompt(box=box) for box in pairs.boxes])

    def finish(self, photo: Photo, pairs: Detections, masks: Masks) -> Matte:
        """The matte of all pairs, at least one, together."""
        union: tuple[Floats, Bytes] | None = None
        for index, box in enumerate(pairs.boxes):
            lens = None if masks.lenses is None else masks.lenses[index]
            soft = None if masks.soft is None else masks.soft[index]
            mask = masks.masks[index]
            one = refine(photo.rgb, mask, lens, box, self._settings, soft, self.finder)
            union = one if union is None else unite(union, one)
        if union is None:
            raise ValidationError(f"{photo.key}: no pair of glasses to finish")
        return Matte(*union)


def confirmed(pairs: Detections, masks: Masks, least: float) -> tuple[Detections, Masks]:
    """Keep the pairs of which both networks together are sure enough.

    The segmenter is a second opinion: where the detector is unsure and the segmenter expects a
    poor mask, there are no glasses. Score times quality has to reach `least`.
    """
    sure = pairs.scores * masks.quality >= least
    if sure.all():
        return pairs, masks
    lenses = None if masks.lenses is None else masks.lenses[sure]
    soft = None if masks.soft is None else masks.soft[sure]
    return (
        Detections(pairs.boxes[sure], pairs.scores[sure], pairs.labels[sure]),
        Masks(masks.masks[sure], masks.quality[sure], lenses, soft),
    )


def unite(first: tuple[Floats, Bytes], second: tuple[Floats, Bytes]) -> tuple[Floats, Bytes]:
    """Return alpha and colour of two pairs in one photo: the denser one wins each pixel.

    Args:
        first, second: alpha, float32 (H, W) in [0, 1], and foreground, uint8 (H, W, 3).
    """
    wins = second[0] > first[0]
    foreground = np.where(wins[..., None], second[1], first[1])
    return np.maximum(first[0], second[0]), foreground


def review_flags(pairs: Detections, masks: Masks, limits: ReviewConfig) -> tuple[str, ...]:
    """Return a flag for every reason why a person should look at the result."""
    flags = []
    for index in range(len(pairs)):
        reasons = _doubts(
            masks.masks[index],
            pairs.boxes[index],
            float(pairs.scores[index]),
            float(masks.quality[index]),
            limits,
        )
        which = f" (pair {index + 1})" if len(pairs) > 1 else ""
        flags += [f"review: {reason}{which}" for reason in reasons]
    return tuple(flags)


def _doubts(
    mask: Bools, box: Floats, score: float, quality: float, limits: ReviewConfig
) -> Iterator[str]:
    if score < limits.score:
        yield f"the detector is unsure, score {score:.2f}"
    area = np.count_nonzero(mask)
    if not area:
        yield "the mask is empty"
        return
    if quality < limits.quality:
        yield f"the segmenter is unsure, quality {quality:.2f}"
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        yield "the glasses touch the edge of the photo"
    x0, y0, x1, y1 = (float(value) for value in box)
    fill = area / max((x1 - x0) * (y1 - y0), 1.0)
    if fill < limits.fill:
        yield f"the mask fills {100 * fill:.0f} % of its box"


class _Clock:
    """Adds up wall-clock seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.perf_counter() - started, 4)


def _yolo(config: Config) -> Detector:
    from detector.closer import FAINT, CloserLook
    from detector.predict import YoloDetector

    told = config.detector
    least = told.confidence if told.closer is None else min(FAINT, told.confidence)
    far = YoloDetector(told.weights, resolve_device(told.device), told.size, least, told.iou)
    if told.closer is None:
        return far
    return CloserLook(far, far.at(told.closer), told.confidence, told.iou)


DETECTORS: dict[str, Callable[[Config], Detector]] = {"yolo": _yolo}


def build(config: Config) -> Flow:
    """Load the networks that `config` names.

    Raises:
        ConfigError: a device that is not there.
        WeightsError: weights missing, damaged or of another model.
    """
    import torch

    if config.run.threads is not None:
        torch.set_num_threads(config.run.threads)
    try:
        detector = DETECTORS[config.detector.kind](config)
    except DetectorWeightsError as error:
        raise WeightsError(f"detector: {error}") from error
    except DetectorError as error:
        raise ConfigError(f"detector: {error}") from error

    from pipeline.segmenter import build_segmenter
    from pipeline.segmenter.edges import load_edges

    told = config.segmenter
    device = resolve_device(told.device)
    segmenter = build_segmenter(told.model_copy(update={"device": device}))
    edges = config.refine.edges
    return Flow(detector, segmenter, config, load_edges(edges, device) if edges else None)
