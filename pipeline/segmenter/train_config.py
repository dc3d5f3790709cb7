"""What a training run of the compact segmenter can be told; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic import ValidationError as PydanticError

from pipeline.errors import ConfigError
from pipeline.tree import apply_override, read_tree


class NetworkConfig(BaseModel):
    """Sizes of a network trained from scratch, or of a deeper one that goes on from given weights;
    see `encoder.CompactConfig`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stem: int = 16
    widths: tuple[int, int, int] = (32, 96, 128)
    depths: tuple[int, int, int] = (3, 4, 6)
    context_width: int = 256
    context_depth: int = 5
    embed_dim: int = 128
    transformer_depth: int = 2
    mask_dim: int = 8
    mix_depth: int = 3


class TrainConfig(BaseModel):
    """A training run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    device: str = "auto"
    precision: str = Field("auto", pattern="^(auto|float32|bfloat16)$")
    """bfloat16 autocast where the processor has instructions for it."""
    threads: int | None = Field(None, ge=1)
    workers: int = Field(0, ge=0)
    """Processes that load crops; 0 loads between steps, which suits few cores."""
    sizes: dict[int, float] = {256: 1.0, 320: 2.0, 384: 3.0, 448: 2.0, 512: 1.5, 640: 0.7, 768: 0.3}
    """Side of the crops and how often each is drawn; multiples of 64."""
    batch: int = Field(8, ge=1)
    """Crops a step at 384 pixels; other sizes get as many pixels a step, at least `batch_min`."""
    batch_min: int = Field(2, ge=1)
    optimizer: Literal["AdamW", "Muon"] = "AdamW"
    """Muon: for matrices and filters; the rest stays with AdamW."""
    rate: float = Field(1e-3, gt=0)
    rate_end: float = Field(0.01, ge=0, le=1)
    """Share of the rate that is left at the end of the cosine."""
    warmup_steps: int = Field(200, ge=1)
    decay: float = Field(0.02, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.998, ge=0, lt=1)
    focal: float = 4.0
    dice: float = 1.0
    quality: float = 0.5
    gamma: float = 1.0
    empty: float = Field(0.04, ge=0, le=1)
    """Share of crops that hold no glasses where the prompt points."""
    stacked: float = Field(0.12, ge=0, le=1)
    """Share of crops whose halves are of two pictures."""
    pasted: float = Field(0.15, ge=0, le=1)
    """Share of crops with another picture's glasses laid on them, or theirs on it."""
    shade: float = Field(0.0, ge=0, le=1)
    """Share of crops with shadows of things out of the picture, across glasses and ground."""
    second_pass: float = Field(0.25, ge=0, le=1)
    """Share of steps that ask again with the first answer and a correcting point."""
    guided: float = Field(0.0, ge=0, le=1)
    """Share of steps, others than those, that first look at a small view of the crops and have
    that answer as previous mask, as the compact model is used."""
    frozen_norms: bool = False
    """Batch normalisation goes by its running statistics, as in use, and leaves them alone: a step
    has few crops to take them from. Only to go on from trained weights."""
    round: int = Field(800, ge=1)
    """Crops between two looks at the data folder, which may be growing."""
    log_every: int = Field(20, ge=1)
    checkpoint_minutes: float = Field(3.0, gt=0)
    validate_minutes: float = Field(8.0, gt=0)
    validate_count: int = Field(80, ge=1)
    validate_size: int = Field(448, ge=64, multiple_of=64)
    keep: Literal["last", "best"] = "last"
    """What is exported at the end. Until then it is the best by validation; at the end of the
    cosine the last is better, but for the noise of a small validation."""
    network: NetworkConfig = NetworkConfig()


def load_train_config(path: Path | None, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read YAML and apply `key=value` overrides (values are YAML, `network.stem=32` works).

    Raises:
        ConfigError: not found, not YAML, an unknown key or a bad value; names it.
    """
    tree = {} if path is None else read_tree(path)
    for override in overrides:
        apply_override(tree, override)
    try:
        return TrainConfig.model_validate(tree)
    except PydanticError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"training configuration: {where}: {first['msg']}") from error
