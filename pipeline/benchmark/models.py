"""Checkpoints of segmenters without embedded weights, for timing alone: time does not depend on
the weights, so random ones will do, and anyone can make them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from pipeline.errors import ConfigError
from pipeline.segmenter import KINDS
from pipeline.types import Masks, Photo, Prompt, Segmenter

RANDOM = tuple(kind for kind in KINDS if kind not in ("compact", "sam3"))
"""Kinds of which `random_checkpoint` can make one; SAM 2 in its smallest size."""


def random_checkpoint(kind: str, path: Path) -> None:
    """Write a checkpoint of `kind` with random weights, in the layout of the published one.

    Raises:
        ConfigError: not one of `RANDOM`.
    """
    if kind not in RANDOM:
        raise ConfigError(f"{kind}: name its checkpoint; random ones are of {', '.join(RANDOM)}")
    if kind.startswith("vit_"):
        from pipeline.segmenter.sam import sam_model_registry

        model: torch.nn.Module = sam_model_registry[kind]()
    else:
        import detector.quiet  # noqa: F401  before ultralytics, as in the adapter

        # isort: split
        from ultralytics.models.sam import build as sam_builders

        build = {"mobile_sam": "build_mobile_sam", "sam2": "build_sam2_t"}[kind]
        model = getattr(sam_builders, build)()
    torch.save({"model": model.state_dict()}, path)


class Timed:
    """Takes the time of `slow`, whose weights are random, and answers as `sound` did once, so
    that the stages after it have their usual work.

    For prompts that are the same each time.
    """

    def __init__(self, slow: Segmenter, sound: Segmenter) -> None:
        self._slow, self._sound = slow, sound
        self._answer: Masks | None = None

    def segment(self, photo: Photo, prompts: Sequence[Prompt]) -> Masks:
        """See `Segmenter`."""
        if self._answer is None:
            self._answer = self._sound.segment(photo, prompts)
        self._slow.segment(photo, prompts)
        return self._answer
