"""What else cuts things out, on the same photo: a known measure for seconds and memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from pipeline.benchmark.case import Case, Spread, bind, enlarged, peak_megabytes, timed
from pipeline.errors import ConfigError
from pipeline.images import read_photo
from pipeline.types import Bytes

GRABCUT_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Rival:
    """What a rival took for one photo."""

    name: str
    case: Case
    seconds: Spread
    peak_mb: float


def grabcut(case: Case) -> Rival:
    """GrabCut (Rother et al., SIGGRAPH 2004) with the box that the detector finds."""
    from pipeline import flow
    from pipeline.config import load_config
    from pipeline.types import Photo

    bind(case.threads)
    stages = flow.build(load_config(case.config, case.overrides))
    rgb = enlarged(read_photo(case.photo).rgb, case.megapixels)
    found = stages.find(Photo("photo.jpg", rgb)).pairs
    if not len(found):
        raise ConfigError(f"{case.photo}: no glasses found, so there is no box for GrabCut")
    x0, y0, x1, y1 = (round(float(v)) for v in found.boxes[0])
    bgr = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)
    return _timed("GrabCut, same box", case, partial(_grabcut, bgr, (x0, y0, x1 - x0, y1 - y0)))


def _grabcut(bgr: Bytes, box: tuple[int, int, int, int]) -> None:
    mask = np.zeros(bgr.shape[:2], np.uint8)
    models = np.zeros((2, 1, 65))
    cv2.grabCut(bgr, mask, box, models[0], models[1], GRABCUT_ROUNDS, cv2.GC_INIT_WITH_RECT)


def vit_b_encoder(case: Case) -> Rival:
    """The image encoder of SAM ViT-B at 1024 pixels, with random weights: the part of it that
    takes the time."""
    import torch
    from segment_anything import sam_model_registry

    bind(case.threads)
    torch.set_num_threads(case.threads)
    encoder = sam_model_registry["vit_b"]().image_encoder.eval()
    picture = torch.zeros(1, 3, 1024, 1024)

    def run() -> None:
        with torch.inference_mode():
            encoder(picture)

    return _timed("SAM ViT-B, image encoder", case, run)


def onnx(path: Path, case: Case) -> Rival:
    """A background remover's ONNX file, from photo to map, at the model's own input size.

    Raises:
        ConfigError, WeightsError: see `Remover`.
    """
    from pipeline.benchmark.remover import Remover

    bind(case.threads)
    remover = Remover(path, case.threads)
    rgb = enlarged(read_photo(case.photo).rgb, case.megapixels)
    return _timed(path.name, case, lambda: remover.remove(rgb))


def _timed(name: str, case: Case, work: Callable[[], object]) -> Rival:
    return Rival(name, case, timed(work, case.runs), peak_megabytes())


RIVALS: dict[str, Callable[[Case], Rival]] = {"grabcut": grabcut, "vit_b_encoder": vit_b_encoder}
