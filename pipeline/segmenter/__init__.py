"""Which of the pixels in a box are glasses.

`build_segmenter` turns the configuration's `kind` into an adapter; its module, and with it
torch, is imported only then.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from pipeline.errors import ConfigError
from pipeline.types import Segmenter

KINDS: dict[str, str] = {
    "compact": "pipeline.segmenter.predictor:build",
    "vit_b": "pipeline.segmenter.sam:build",
    "vit_l": "pipeline.segmenter.sam:build",
    "vit_h": "pipeline.segmenter.sam:build",
    "mobile_sam": "pipeline.segmenter.ultralytics:build",
    "sam2": "pipeline.segmenter.ultralytics:build",
    "sam3": "pipeline.segmenter.ultralytics:build",
}


class SegmenterSettings(Protocol):
    """What an adapter reads of the configuration.

    Adapters also read, where there: `margin` (of the box's longer side around it, 0.15),
    `two_pass` (ask again with the first mask, False), and for the compact model `smallest` and
    `largest` (sides of its input in pixels, 512 and 1024), `coarse` (side of a first look
    whose mask guides the second, 320, or None), `mirror` (take the mean with the mirrored
    crop's answer, False) and `batch` (crops of one photo in one pass, 1).
    """

    @property
    def kind(self) -> str: ...
    @property
    def weights(self) -> str: ...
    @property
    def device(self) -> str: ...


def build_segmenter(config: SegmenterSettings) -> Segmenter:
    """Build the segmenter that `config` names.

    Raises:
        ConfigError: no such kind or device.
        WeightsError: the weights are missing, damaged, or of another model.
    """
    try:
        module, _, factory = KINDS[config.kind].partition(":")
    except KeyError:
        raise ConfigError(
            f"segmenter.kind must be one of {', '.join(KINDS)}, not {config.kind!r}"
        ) from None
    segmenter: Segmenter = getattr(import_module(module), factory)(config)
    return segmenter


__all__ = ["KINDS", "SegmenterSettings", "build_segmenter"]
