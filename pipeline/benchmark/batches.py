"""The networks alone, several pictures in one pass: what it gains, and what memory it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.benchmark.case import Case, Spread, bind, enlarged, peak_megabytes, timed
from pipeline.errors import ConfigError
from pipeline.images import read_photo
from pipeline.types import Photo, Prompt


@dataclass(frozen=True, slots=True)
class Batched:
    """What a batch of `case.batch` took.

    Attributes:
        detect: seconds a photo of the detector's first look.
        segment: seconds a pair of the segmenter, its crop and its mask among them.
        peak_mb: most memory held (resident set).
    """

    case: Case
    detect: Spread
    segment: Spread
    peak_mb: float


def measure_batch(case: Case) -> Batched:
    """Ask for the same photo and the same pair `case.batch` times in one pass.

    Raises:
        ConfigError: no glasses are found in the photo.
    """
    bind(case.threads)
    from detector.predict import YoloDetector
    from pipeline import flow
    from pipeline.config import load_config, resolve_device

    config = load_config(case.config, [*case.told, f"segmenter.batch={case.batch}"])
    stages = flow.build(config)
    photo = Photo("photo", enlarged(read_photo(case.photo).rgb, case.megapixels))
    found = stages.find(photo).pairs
    if not len(found):
        raise ConfigError(f"{case.photo}: no glasses found, so there is nothing to segment")
    told = config.detector
    detector = YoloDetector(told.weights, resolve_device(told.device), told.size, told.confidence)
    photos = [photo.rgb] * case.batch
    prompts = [Prompt(box=np.asarray(found.boxes[0]))] * case.batch
    detect = timed(lambda: detector.detect_batch(photos), case.runs, case.batch)
    segment = timed(lambda: stages.segmenter.segment(photo, prompts), case.runs, case.batch)
    return Batched(case, detect, segment, peak_megabytes())
