"""One photo through all stages: detect, segment, refine, compose. No files, no globals.

`Flow.cut` goes as far as the matte and `lay_out` does the rest, as photos that share scale and
baseline have to be known before the first gets its canvas.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from detector.errors import DetectorError
from detector.errors import WeightsError as DetectorWeightsError
from detector.merge import merge_pieces
from detector.types import EYEGLASSES, LENS, Detections
from pipeline.canvas import Canvas, Extent, Verdict, check, measure, place, render
from pipeline.compose import deepened, window_of
from pipeline.config import Config, ReviewConfig, resolve_device
from pipeline.errors import ConfigError, ValidationError, WeightsError
from pipeline.fitting import fit_box
from pipeline.opinion import Opinion
from pipeline.pointing import point_at
from pipeline.refine import EdgeFinder, RefineSettings, refine
from pipeline.refine.lens import LensMode, finish_lenses
from pipeline.types import Bools, Bytes, Detector, Floats, Masks, Matte, Photo, Segmenter

STAGES = ("detect", "segment", "refine", "compose")
_TOUCHES = "the glasses touch the edge of the photo"
_EMPTY = "the mask is empty"
_SAID = {_TOUCHES: ("whole in photo", "whole on canvas", "corners", "border"), _EMPTY: ("glasses",)}
"""What doubts of the mask say already of the picture: rules that cannot be kept then."""


@dataclass(frozen=True, slots=True, eq=False)
class FlowResult:
    """What became of one photo.

    Attributes:
        detections: the pairs of glasses that were cut out, best first; lenses left out. The
            boxes are those of the finished glasses, see `pipeline.fitting`.
        matte: of all pairs together; None where there are no glasses.
        canvas: the finished picture; None where there are no glasses, or none was asked for.
        quality: the segmenter's guess of the IoU, one for each pair.
        flags: ``"review: <reason>"`` for each reason to look at the result.
        seconds: spent, by stage; see `STAGES`.
        extent: where the glasses are; None where there are none.
        verdict: of the canvas.
    """

    detections: Detections
    matte: Matte | None
    canvas: Canvas | None
    quality: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    extent: Extent | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the detector sees in a photo: pairs of glasses and, apart from them, lenses."""

    pairs: Detections
    lenses: Detections


@dataclass(frozen=True, slots=True, eq=False)
class Finish:
    """Pairs of glasses with their true edges.

    Attributes:
        matte: of all pairs together.
        boxes: float32 (N, 4), x0 y0 x1 y1 in pixels, around what each pair turned out to be.
        doubts: flags for their lenses.
    """

    matte: Matte
    boxes: Floats
    doubts: tuple[str, ...]


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
        self._opinion = _opinion(config)
        self._settings = RefineSettings(**config.refine.model_dump(exclude={"edges", "lens"}))

    def process(self, photo: Photo) -> FlowResult:
        """Cut the glasses out of `photo` and put them on the canvas.

        A photo without glasses gives a result without matte and canvas.
        """
        result = self.cut(photo)
        if result.matte is None or result.extent is None:
            return result
        clock = _Clock()
        with clock("compose"):
            canvas, verdict = lay_out(result.matte, result.extent, self.config, photo.rgb)
        return replace(
            result,
            canvas=canvas,
            verdict=verdict,
            flags=(*result.flags, *fault_flags(verdict, result.flags)),
            seconds=add_seconds(result.seconds, clock.seconds),
        )

    def cut(self, photo: Photo) -> FlowResult:
        """Cut the glasses out of `photo`; the canvas is left to `lay_out`."""
        clock = _Clock()
        with clock("detect"):
            found = self.find(photo)
        with clock("segment"):
            pairs, masks = self.confirm(photo, found)
        if not len(pairs):
            return FlowResult(pairs, None, None, seconds=clock.seconds)
        with clock("refine"):
            done = self.finish(photo, pairs, masks)
            matte = done.matte
            if photo.deep is not None and matte.foreground.dtype == np.uint8:
                colour = deepened(
                    np.asarray(matte.foreground, np.uint8), matte.alpha, photo.rgb, photo.deep
                )
                matte = Matte(matte.alpha, colour)
        with clock("compose"):
            lenses = None if masks.lenses is None else np.logical_or.reduce(masks.lenses)
            extent = measure(matte.alpha, lenses)
        pairs = Detections(done.boxes, pairs.scores, pairs.labels)
        flags = (*review_flags(pairs, masks, self.config.review), *done.doubts)
        quality = tuple(float(value) for value in masks.quality)
        return FlowResult(pairs, matte, None, quality, flags, clock.seconds, extent)

    def find(self, photo: Photo) -> Found:
        """What may be pairs of glasses in `photo`, best first, as `detector.select` wants them, and
        the lenses.

        Finds below `detector.confidence` are in it where nothing is surer: a photo shows glasses
        more probably than more glasses. `confirm` decides.
        """
        seen = self.detector.detect(photo.rgb)
        sure = seen.where(seen.scores >= self.config.detector.confidence)
        found = sure.only(EYEGLASSES) or seen.only(EYEGLASSES)
        pairs = merge_pieces(found, self.config.detector.merge)
        if self.config.detector.select == "best" and len(pairs) > 1:
            pairs = pairs.where(np.arange(len(pairs)) == 0)
        return Found(pairs, sure.only(LENS))

    def mark(self, photo: Photo, pairs: Detections, lenses: Detections | None = None) -> Masks:
        """The mask of each pair; `lenses` help to tell pairs apart, see `pipeline.pointing`."""
        told = self.config.segmenter
        if lenses is None or not told.lens_points or told.kind != "compact":
            lenses = Detections.none()
        return self.segmenter.segment(photo, point_at(pairs, lenses))

    def confirm(self, photo: Photo, found: Found) -> tuple[Detections, Masks]:
        """Keep the pairs of which both networks together are sure enough, with their masks.

        The segmenter is a second opinion on what the detector found: a good mask speaks for a
        weak find, a poor one against it.
        """
        pairs, masks = found.pairs, self.mark(photo, found.pairs, found.lenses)
        chance = pairs.scores
        if self._opinion is not None:
            chance = self._opinion.probability(pairs.scores, masks.quality)
        sure = chance >= self.config.detector.confidence
        if sure.all():
            return pairs, masks
        lenses = None if masks.lenses is None else masks.lenses[sure]
        soft = None if masks.soft is None else masks.soft[sure]
        return pairs.where(sure), Masks(masks.masks[sure], masks.quality[sure], lenses, soft)

    def finish(self, photo: Photo, pairs: Detections, masks: Masks) -> Finish:
        """The matte of all pairs, at least one, together, and what became known of each."""
        union: tuple[Floats, Bytes] | None = None
        flags: list[str] = []
        boxes = pairs.boxes.copy()
        for index, box in enumerate(pairs.boxes):
            lens = None if masks.lenses is None else masks.lenses[index]
            soft = None if masks.soft is None else masks.soft[index]
            mask = masks.masks[index]
            one = refine(photo.rgb, mask, lens, box, self._settings, soft, self.finder)
            doubts = _finish_lenses(photo.rgb, one, lens, masks, self.config.refine.lens)
            flags += _named(doubts, index, len(pairs))
            boxes[index] = fit_box(np.asarray(one[0] >= 0.5), box)
            if union is None:
                union = one
            else:
                unite(union, one)
        if union is None:
            raise ValidationError(f"{photo.key}: no pair of glasses to finish")
        return Finish(Matte(*union), boxes, tuple(flags))


def lay_out(
    matte: Matte,
    extent: Extent,
    config: Config,
    rgb: Bytes | None = None,
    group: Sequence[Extent] = (),
) -> tuple[Canvas, Verdict]:
    """Put glasses that are cut out on their canvas, and judge the picture.

    Args:
        matte, extent: of the glasses, from `Flow.cut`.
        config: of the run.
        rgb: uint8 (H, W, 3), the photo, needed for its natural shadow alone.
        group: of all photos that share scale and baseline.

    Raises:
        ValidationError: the natural shadow without a photo.
    """
    told = config.canvas
    placement = place(extent, told.preset, group)
    canvas = render(matte, placement, told.shadow, rgb, config.output.depth)
    return canvas, check(canvas, extent, placement, told.preset)


def fault_flags(verdict: Verdict, flags: Sequence[str]) -> tuple[str, ...]:
    """Return a flag for each rule that is not kept and that none of `flags` speaks of already."""
    said = {
        name for doubt, names in _SAID.items() if any(doubt in f for f in flags) for name in names
    }
    return tuple(
        f"review: {rule.reason}"
        for rule in verdict.rules
        if not rule.passed and rule.name not in said
    )


def add_seconds(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Add up seconds by stage."""
    return {k: first.get(k, 0.0) + second.get(k, 0.0) for k in {**first, **second}}


def unite(first: tuple[Floats, Bytes], second: tuple[Floats, Bytes]) -> None:
    """Add alpha and colour of a second pair in the photo to the first, in place: the denser one
    wins each pixel.

    Args:
        first, second: alpha, float32 (H, W) in [0, 1], and foreground, uint8 (H, W, 3).
    """
    window = window_of(second[0])
    wins = second[0][window] > first[0][window]
    np.copyto(first[0][window], second[0][window], where=wins)
    np.copyto(first[1][window], second[1][window], where=wins[..., None])


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
        flags += _named(reasons, index, len(pairs))
    return tuple(flags)


def _named(reasons: Iterable[str], index: int, pairs: int) -> list[str]:
    """Flags of one of so many pairs."""
    which = f" (pair {index + 1})" if pairs > 1 else ""
    return [f"review: {reason}{which}" for reason in reasons]


def _finish_lenses(
    rgb: Bytes, matte: tuple[Floats, Bytes], lens: Bools | None, masks: Masks, mode: LensMode
) -> list[str]:
    """Finish the lenses of one pair, in place in its foreground, and return the doubts."""
    if mode == "keep":
        return []
    if lens is None or not lens.any():
        return ["the lenses are kept: the segmenter shows none"]
    alpha, foreground = matte
    glasses = masks.masks.any(axis=0) | (alpha > 0)
    done = finish_lenses(rgb, foreground, lens & (alpha > 0), glasses, mode)
    if done.window is not None and done.colours is not None:
        foreground[done.window] = done.colours
    said = "the lenses are kept" if done.window is None else "the lenses may be cleared wrongly"
    return [f"{said}: {doubt}" for doubt in done.doubts]


def _doubts(
    mask: Bools, box: Floats, score: float, quality: float, limits: ReviewConfig
) -> Iterator[str]:
    if score < limits.score:
        yield f"the detector is unsure, score {score:.2f}"
    area = np.count_nonzero(mask)
    if not area:
        yield _EMPTY
        return
    if quality < limits.quality:
        yield f"the segmenter is unsure, quality {quality:.2f}"
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        yield _TOUCHES
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
    from detector.calibration import Calibrated, Calibration
    from detector.looks import FAINT, several
    from detector.predict import YoloDetector
    from detector.turns import Turning

    told = config.detector
    fit = None if told.calibration is None else Calibration(*told.calibration)
    opinion = _opinion(config)
    doubtful = told.confidence
    if opinion is not None:
        doubtful = min(doubtful, opinion.least(doubtful))
    confidence = doubtful if fit is None else fit.score(doubtful)
    least = confidence if len(told.scales) == 1 else min(FAINT, confidence)
    network = YoloDetector(told.weights, resolve_device(told.device), told.size, least, told.iou)
    detector = several(network, told.size, told.scales, confidence)
    scored = detector if fit is None else Calibrated(detector, fit)
    sure = max(told.confidence, told.turned_confidence)
    return Turning(scored, told.turns, sure, told.confidence)


def _opinion(config: Config) -> Opinion | None:
    told = config.segmenter.opinion
    return None if told is None else Opinion(*told)


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
