"""What a run can be told: one frozen model a stage, unknown keys refused.

A preset is a YAML file in `configs/`; a user's file has the same layout and may leave out
anything, which then takes the value of `configs/default.yaml`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError
from pipeline.tree import apply_override, read_tree


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class DetectorConfig(_Section):
    """Where the glasses are."""

    kind: Literal["yolo"] = "yolo"
    weights: str = "embedded"
    """"embedded", or the path of a `.pt` or `.safetensors` file."""
    device: str = "auto"
    """"auto" takes a CUDA GPU where there is one; else "cpu", "cuda:0", ..."""
    size: int = Field(352, ge=64, le=4096, multiple_of=32)
    """Pixels of the letterboxed side; more finds smaller glasses, and more that are none."""
    closer: int | None = Field(320, ge=64, le=4096, multiple_of=32)
    """Pixels of a second look at a part around each find; None for the first look alone."""
    confidence: float = Field(0.3, ge=0.0, le=1.0)
    iou: float = Field(0.6, ge=0.0, le=1.0)
    """Boxes that overlap more than this are one pair."""
    merge: float = Field(0.9, ge=0.0, le=1.0)
    """Boxes that share more than this much of the smaller one are pieces of one pair."""
    select: Literal["all", "best"] = "all"
    """Cut out every pair above the confidence, or the surest alone."""


class SegmenterConfig(_Section):
    """Which of the pixels in a box are glasses."""

    kind: Literal["compact", "vit_b", "vit_l", "vit_h", "mobile_sam", "sam2", "sam3"] = "compact"
    weights: str = "embedded"
    """"embedded" (compact alone has such), or the path of a checkpoint."""
    device: str = "auto"
    margin: float = Field(0.15, ge=0.0, le=2.0)
    """Added around the box, as a share of its longer side, before the network looks at it."""
    two_pass: bool = False
    """Ask again with the first mask: slower, at times better."""
    smallest: int = Field(512, ge=128, le=4096, multiple_of=64)
    """The compact network's input has at least this side, in pixels ..."""
    largest: int = Field(1024, ge=128, le=4096, multiple_of=64)
    """... and at most this."""
    coarse: int | None = Field(320, ge=128, le=4096, multiple_of=64)
    """Side of a first, coarse look whose mask guides the compact network; null for one look."""
    mirror: bool = False
    """Also ask of the mirrored crop and take the mean, at twice the time."""


class RefineConfig(_Section):
    """From a mask to a matte; all keys but `edges` are those of `RefineSettings`."""

    fill_holes: bool = True
    """Fill holes within lenses; gaps stay open."""
    drop_islands: bool = True
    """Drop small pieces apart from the glasses."""
    open_gaps: bool = True
    """Open narrow gaps that the mask closed."""
    edges: str | None = "embedded"
    """Weights of the network that finds the true edge: "embedded", or the path of a file that
    scripts/train_edges.py wrote; null leaves the mask with a smooth outline."""
    smoothing: float = Field(0.002, ge=0.0, le=0.05)
    """Sigma along the outline, as a share of the glasses' diagonal."""
    edge: float = Field(0.7, ge=0.0, le=10.0)
    """Sigma of the matte's edge, in pixels, where no network finds it."""
    fringe: float = Field(2.0, ge=0.0, le=20.0)
    """Pixels inside the outline whose colour may hold old background."""


class ReviewConfig(_Section):
    """When a result is delivered with the flag `review`."""

    score: float = Field(0.5, ge=0.0, le=1.0)
    """The detector was less sure than this."""
    quality: float = Field(0.8, ge=0.0, le=1.0)
    """The segmenter expects a lower IoU than this."""
    fill: float = Field(0.08, ge=0.0, le=1.0)
    """The mask covers less than this share of its box."""


class OutputConfig(_Section):
    """What is written, and how."""

    format: Literal["png", "keep"] = "png"
    """Format of the cut-outs: PNG, which alone keeps white exact, or the photo's own where it can
    be written."""
    quality: int = Field(95, ge=1, le=100)
    """Of JPEG and WebP cut-outs."""
    report: bool = True
    """Write report/index.html."""
    thumbnail: int = Field(320, ge=64, le=1024)
    """Longest side of the report's thumbnails, in pixels."""


class RunConfig(_Section):
    """How a run uses the machine; none of it changes the pictures."""

    max_megapixels: float = Field(150.0, gt=0.0)
    """Larger photos are refused."""
    max_megabytes: float = Field(500.0, gt=0.0)
    """Larger files are refused."""
    prefetch: int = Field(1, ge=0, le=16)
    """Photos decoded ahead while the one before is worked on; each takes memory."""
    threads: int | None = Field(None, ge=1)
    """Threads of the networks; null leaves it to them."""


class Config(_Section):
    """A whole run."""

    detector: DetectorConfig = DetectorConfig()
    segmenter: SegmenterConfig = SegmenterConfig()
    refine: RefineConfig = RefineConfig()
    review: ReviewConfig = ReviewConfig()
    output: OutputConfig = OutputConfig()
    run: RunConfig = RunConfig()

    def fingerprint(self, weights: Mapping[str, str], version: str) -> str:
        """Return what two runs must share for their results to be interchangeable.

        Args:
            weights: SHA-256 of each stage's weights, e.g. ``{"detector": "3f…"}``; they stand
                in for the paths, which may differ from machine to machine.
            version: eyecut's own.

        Returns:
            SHA-256 as hex. Devices and the section `run` do not count.
        """
        told = self.model_dump(mode="json", exclude={"run"})
        for stage in ("detector", "segmenter"):
            del told[stage]["device"]
            if stage in weights:
                told[stage]["weights"] = weights[stage]
        if "edges" in weights:
            told["refine"]["edges"] = weights["edges"]
        text = json.dumps({"config": told, "version": version}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def preset_folder() -> Path:
    """Return where the presets lie: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "configs"
    return installed if installed.is_dir() else here.parent / "configs"


def preset_names() -> list[str]:
    """Return the names that `--config` knows, sorted; files of the training scripts left out."""
    names = (path.stem for path in preset_folder().glob("*.yaml"))
    return sorted(name for name in names if not name.startswith("train_"))


def load_config(name_or_path: str | Path = "default", overrides: Sequence[str] = ()) -> Config:
    """Read a preset or a file, apply ``section.key=value`` overrides, check everything.

    Args:
        name_or_path: a preset's name, or the path of a YAML file.
        overrides: e.g. ``["detector.size=960", "output.report=false"]``; values are YAML.

    Raises:
        ConfigError: not found, not YAML, an unknown key, a value that does not fit.
    """
    path = _find(name_or_path)
    tree = read_tree(path)
    for override in overrides:
        apply_override(tree, override)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"configuration {path}: {_explain(error)}") from error


def _find(name_or_path: str | Path) -> Path:
    given = Path(name_or_path)
    looks_like_path = given.suffix.lower() in {".yaml", ".yml"} or len(given.parts) > 1
    path = given if looks_like_path else preset_folder() / f"{given}.yaml"
    if path.is_file():
        return path
    if looks_like_path:
        raise ConfigError(f"configuration file {given} not found")
    names = ", ".join(preset_names())
    raise ConfigError(
        f"no configuration named {str(given)!r}: give one of {names}, or a .yaml file"
    )


def _explain(error: ValidationError) -> str:
    return "; ".join(_explain_one(detail["loc"], detail) for detail in error.errors())


def _explain_one(where: tuple[int | str, ...], detail: Any) -> str:
    key = ".".join(map(str, where))
    if detail["type"] != "extra_forbidden":
        return f"{key}: {detail['msg'].lower()}, not {detail['input']!r}"
    known = _known_keys(where[:-1])
    close = difflib.get_close_matches(str(where[-1]), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"unknown key {key}; {hint}"


def _known_keys(where: tuple[int | str, ...]) -> list[str]:
    model: Any = Config
    for part in where:
        model = model.model_fields[part].annotation
    return list(model.model_fields)


def resolve_device(device: str) -> str:
    """Return `device`, or for "auto" the first CUDA GPU where there is one, else the CPU."""
    if device != "auto":
        return device
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "cpu"
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"
