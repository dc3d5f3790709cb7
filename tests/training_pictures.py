"""The detector's training pictures, as its trainer draws them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from detector.config import TrainingConfig
from detector.dataset import Example


def training_set(examples: Sequence[Example], root: Path, size: int, **chances: float) -> Any:
    """An `EyewearDataset` of pictures `size` pixels wide; skips the test without the extra."""
    pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")
    from ultralytics.cfg import get_cfg

    from detector.trainer import trainer_settings
    from detector.yolo_data import EyewearDataset

    settings = trainer_settings(TrainingConfig(imgsz=size), root, "yolo11n.yaml")
    return EyewearDataset(
        examples,
        data={"names": {0: "eyeglasses", 1: "lens"}, "nc": 2, "channels": 3},
        imgsz=size,
        augment=True,
        hyp=get_cfg(overrides=settings),
        cache="ram",
        **chances,
    )
