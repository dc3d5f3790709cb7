"""Settings of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector.errors import TrainingError

Share = Field(ge=0, le=1)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentationConfig(_Strict):
    """Chances, each in [0, 1], of what may happen to a training picture, and how far it goes."""

    lighting: float = Field(0.6, ge=0, le=1)
    """Brightness, gamma, contrast, colour cast, shadow."""
    camera: float = Field(0.3, ge=0, le=1)
    """Noise, blur, JPEG, loss of resolution, grey."""
    lettering: float = Field(0.25, ge=0, le=1)
    """A word of round letters is written on the picture."""
    emblems: float = Field(0.0, ge=0, le=1)
    """One letter of such a word is a round emblem instead."""
    scale: float = Field(0.4, ge=0, le=1)
    """The picture becomes smaller or larger."""
    zoom: float = Field(0.3, ge=0, le=1)
    """Only a part of the picture around glasses is seen, at its own resolution."""
    pasted: float = Field(0.2, ge=0, le=1)
    """Another picture's glasses are laid on or beside those of a picture, where masks are had."""
    smallest: float = Field(0.45, gt=0, le=1)
    """Least size after scaling, as a fraction."""
    largest: float = Field(1.3, ge=1, le=3)
    """Greatest size after scaling; what sticks out is cut off."""
    quarter_turns: float = Field(0.3, ge=0, le=1)
    flip: float = Field(0.5, ge=0, le=1)
    rotation: float = Field(40.0, ge=0, le=45)
    """Greatest rotation in degrees, of every second picture. Without masks beside the pictures the
    boxes grow slack with it."""
    mosaic: float = Field(0.15, ge=0, le=1)
    """Four pictures in one."""


class TrainingConfig(_Strict):
    """What `scripts/train_detector.py` may be told; see configs/train_detector.yaml."""

    imgsz: int = Field(416, ge=32, multiple_of=32)
    batch: int = Field(16, ge=1)
    epochs: int = Field(100, ge=1)
    """Passes over the data; a time budget replaces it."""
    optimizer: Literal["AdamW", "Muon", "SGD", "MuSGD"] = "AdamW"
    """Muon: `detector.muon.Muon`; MuSGD: ultralytics' mixture of it with SGD."""
    lr0: float = Field(0.0015, gt=0)
    lrf: float = Field(0.02, gt=0, le=1)
    """Last learning rate as a fraction of the first; cosine in between."""
    weight_decay: float = Field(0.0005, ge=0)
    warmup_steps: int = Field(150, ge=0)
    seed: int = Field(0, ge=0)
    device: str = "cpu"
    precision: Literal["auto", "float32", "mixed"] = "auto"
    """mixed: convolutions in 16 bits; auto: where the device has instructions for it."""
    workers: int = Field(1, ge=0)
    cache: Literal["ram", "none"] = "ram"
    val_period: int = Field(5, ge=1)
    """Epochs from one validation to the next."""
    val_pictures: int = Field(300, ge=1)
    """At most so many validation pictures during training; the final figures use all."""
    freeze: int = Field(0, ge=0)
    """Leave the first layers as they are."""
    frozen_norms: bool = False
    """Batch normalisation uses and keeps its running statistics: for further training, in small
    batches of pictures that augmentation has changed."""
    augmentation: AugmentationConfig = AugmentationConfig()


def load_training_config(
    path: Path | str | None = None, overrides: Sequence[str] = ()
) -> TrainingConfig:
    """Read a YAML file, apply overrides such as "imgsz=320" or "augmentation.mosaic=0", check it.

    Raises:
        TrainingError: names the file and every key that is unknown or out of range.
    """
    content: object = {}
    if path is not None:
        try:
            content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise TrainingError(f"{path}: cannot be read as YAML ({error})") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path}: expected keys and values")
    for override in overrides:
        _apply(content, override)
    try:
        return TrainingConfig.model_validate(content)
    except ValidationError as error:
        listed = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors()
        )
        raise TrainingError(f"training configuration {path or ''}: {listed}") from error


def _apply(content: dict[str, object], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise TrainingError(f"--set {override}: expected key=value")
    *parents, last = key.strip().split(".")
    place = content
    for name in parents:
        inner = place.setdefault(name, {})
        if not isinstance(inner, dict):
            raise TrainingError(f"--set {override}: {name} has no keys")
        place = inner
    place[last] = yaml.safe_load(value)
