"""What a run can be told: one frozen model a stage, unknown keys refused.

A preset is a YAML file in `configs/`; a user's file has the same layout and may leave out
anything, which then takes the value of `configs/default.yaml`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.canvas.preset import CanvasPreset
from pipeline.canvas.shadow import ShadowKind
from pipeline.errors import ConfigError
from pipeline.tree import apply_override, read_tree

_Model = TypeVar("_Model", bound=BaseModel)


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
    scales: tuple[Annotated[float, Field(ge=0.25, le=4.0)], ...] = Field(
        (0.8, 1.2, 1.6, 2.4), min_length=1, max_length=8
    )
    """A look at the whole photo for each, at `size` times this; every second one at its mirror
    image. The answers become one."""
    turns: tuple[Annotated[float, Field(ge=-180, le=360)], ...] = (90, 180, 270, 30, -30)
    """Look at the photo turned by so many degrees as well, where it shows no glasses as it is."""
    turned_confidence: float = Field(0.9, ge=0.0, le=1.0)
    """Boxes of a lower score are not glasses where the photo had to be turned to see them."""
    confidence: float = Field(0.5, ge=0.0, le=1.0)
    """What is less probably glasses is none, by the score and `segmenter.opinion`."""
    calibration: tuple[Annotated[float, Field(gt=0)], float] | None = (1.84, 0.49)
    """Slope and offset that make the network's scores probabilities, as
    `scripts/calibrate_detector.py` fits them to weights and looks; null leaves the scores."""
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
    refit: bool = True
    """Put the box of the second look around what the first, coarse one saw."""
    lens_points: bool = True
    """Where there are several pairs, tell the compact network by points on the lenses that the
    detector found which pair is meant."""
    opinion: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(ge=0)], float] | None = (
        1.35,
        2.52,
        -2.65,
    )
    """How much the segmenter's word counts in whether a pair is one: slopes of the detector's score
    and of the quality, and an offset, as `scripts/fit_opinion.py` fits them to weights; null leaves
    it to the detector. See `pipeline.opinion`."""
    batch: int = Field(1, ge=1, le=64)
    """Pairs of one photo that the compact network sees in one pass; more takes memory."""


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
    lens: Literal["keep", "clear", "auto"] = "keep"
    """Lenses as photographed; or on white, what is on them and the temple behind them kept; or
    that where the estimate is sure. Not of `RefineSettings`; see `pipeline.refine.lens`."""


class ReviewConfig(_Section):
    """When a result is delivered with the flag `review`."""

    score: float = Field(0.8, ge=0.0, le=1.0)
    """The detector was less sure than this."""
    quality: float = Field(0.8, ge=0.0, le=1.0)
    """The segmenter expects a lower IoU than this."""
    fill: float = Field(0.08, ge=0.0, le=1.0)
    """The mask covers less than this share of its box."""


class CanvasConfig(_Section):
    """What the finished picture has to be."""

    preset: CanvasPreset = CanvasPreset()
    """In YAML a name in `configs/canvas/`, the path of a file, or its keys themselves."""
    group: str | None = None
    """A regular expression on a photo's path; photos for which its first group (or all of it, where
    it has none) is the same show one product and share scale and baseline."""
    shadow: ShadowKind = "none"
    """None, the photo's own, or a drawn one."""

    @field_validator("group")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"a regular expression is needed: {error}") from error
        return pattern


Picture = Literal["white", "transparent", "mask", "overlay"]


class OutputConfig(_Section):
    """What is written, and how."""

    pictures: tuple[Picture, ...] = ("white", "mask")
    """Any of them: the white picture, the transparent cut-out, the matte, and the photo with the
    outline drawn on it, for checking."""
    format: Literal["png", "jpeg", "webp", "tiff", "keep"] | None = None
    """Of white pictures and transparent cut-outs; "keep" is the photo's own where it can be
    written. Null is what the canvas asks for, else PNG, which keeps white exact."""
    depth: Literal[8, 16] = 8
    """Bits a channel; 16 of PNG and TIFF, mattes included."""
    quality: int | None = Field(None, ge=1, le=100)
    """Of JPEG and WebP; null is what the canvas asks for, else 95."""
    ppi: float | None = Field(None, ge=1.0, le=10000.0)
    """Pixels per inch that the files state; null is what the canvas asks for, else nothing."""
    metadata: Literal["strip", "keep"] = "strip"
    """Keep author, copyright, camera and so on in white pictures and transparent cut-outs."""
    report: bool = True
    """Write report/index.html."""
    thumbnail: int = Field(320, ge=64, le=1024)
    """Longest side of the report's thumbnails, in pixels."""

    @field_validator("pictures")
    @classmethod
    def _some_once_in_order(cls, told: tuple[Picture, ...]) -> tuple[Picture, ...]:
        if not told:
            raise ValueError("name at least one of " + ", ".join(get_args(Picture)))
        return tuple(name for name in get_args(Picture) if name in told)


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
    canvas: CanvasConfig = CanvasConfig()
    output: OutputConfig = OutputConfig()
    run: RunConfig = RunConfig()

    @property
    def picture_format(self) -> Literal["png", "jpeg", "webp", "tiff", "keep"]:
        """Of white pictures and transparent cut-outs: what `output` says, else the canvas."""
        return self.output.format or self.canvas.preset.format or "png"

    @model_validator(mode="after")
    def _has_the_bits(self) -> Self:
        if self.output.depth == 16 and self.picture_format in ("jpeg", "webp"):
            raise ValueError(
                f"output.depth 16 needs output.format png, tiff or keep; {self.picture_format} "
                f"(canvas {self.canvas.preset.name}) has 8 bits"
            )
        return self

    def fingerprint(self, weights: Mapping[str, str], version: str) -> str:
        """Return what two runs must share for their results to be interchangeable.

        Args:
            weights: SHA-256 of each stage's weights, e.g. ``{"detector": "3f…"}``; they stand
                in for the paths, which may differ from machine to machine.
            version: eyecut's own.

        Returns:
            SHA-256 as hex. Devices, batches and the section `run` do not count.
        """
        told = self.model_dump(mode="json", exclude={"run"})
        for stage in ("detector", "segmenter"):
            del told[stage]["device"]
            if stage in weights:
                told[stage]["weights"] = weights[stage]
        del told["segmenter"]["batch"]
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


def canvas_names() -> list[str]:
    """Return the names that `canvas.preset` knows, sorted."""
    return sorted(path.stem for path in _canvas_folder().glob("*.yaml"))


def _canvas_folder() -> Path:
    return preset_folder() / "canvas"


def load_config(name_or_path: str | Path = "default", overrides: Sequence[str] = ()) -> Config:
    """Read a preset or a file, apply ``section.key=value`` overrides, check everything.

    Args:
        name_or_path: a preset's name, or the path of a YAML file.
        overrides: e.g. ``["detector.size=960", "output.report=false"]``; values are YAML.

    Raises:
        ConfigError: not found, not YAML, an unknown key, a value that does not fit.
    """
    path = _find(name_or_path, preset_folder(), preset_names())
    tree = read_tree(path)
    for override in overrides:
        if override.strip().startswith("canvas.preset."):
            tree = _with_canvas(tree)
        apply_override(tree, override)
    return _checked(Config, _with_canvas(tree), path)


def _with_canvas(tree: dict[str, Any]) -> dict[str, Any]:
    """Put the keys of the canvas preset where the tree has its name or path."""
    canvas = tree.get("canvas")
    if not isinstance(canvas, dict) or not isinstance(canvas.get("preset"), str):
        return tree
    return tree | {"canvas": canvas | {"preset": load_canvas(canvas["preset"]).model_dump()}}


def load_canvas(name_or_path: str | Path) -> CanvasPreset:
    """Read a canvas preset; its name is that of the file unless it says otherwise.

    Args:
        name_or_path: a name in `configs/canvas/`, or the path of a YAML file.

    Raises:
        ConfigError: not found, not YAML, an unknown key, a value that does not fit.
    """
    path = _find(name_or_path, _canvas_folder(), canvas_names(), "canvas")
    return _checked(CanvasPreset, {"name": path.stem} | read_tree(path), path)


def _find(
    name_or_path: str | Path, folder: Path, names: Sequence[str], what: str = "configuration"
) -> Path:
    given = Path(name_or_path)
    looks_like_path = given.suffix.lower() in {".yaml", ".yml"} or len(given.parts) > 1
    path = given if looks_like_path else folder / f"{given}.yaml"
    if path.is_file():
        return path
    if looks_like_path:
        raise ConfigError(f"{what} file {given} not found")
    raise ConfigError(
        f"no {what} named {str(given)!r}: give one of {', '.join(names)}, or a .yaml file"
    )


def _checked(model: type[_Model], tree: dict[str, Any], path: Path) -> _Model:
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"configuration {path}: {_explain(error, model)}") from error


def _explain(error: ValidationError, model: type[BaseModel]) -> str:
    return "; ".join(_explain_one(detail["loc"], detail, model) for detail in error.errors())


def _explain_one(where: tuple[int | str, ...], detail: Any, model: type[BaseModel]) -> str:
    key = ".".join(map(str, where))
    if detail["type"] == "value_error":  # a rule of ours, about several keys or a pattern
        return f"{key}: {detail['ctx']['error']}" if key else str(detail["ctx"]["error"])
    if detail["type"] != "extra_forbidden":
        return f"{key}: {detail['msg'].lower()}, not {detail['input']!r}"
    known = _known_keys(where[:-1], model)
    close = difflib.get_close_matches(str(where[-1]), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"unknown key {key}; {hint}"


def _known_keys(where: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    node: Any = model
    for part in where:
        told = node.model_fields[part].annotation
        # A section that may be null, as `fill`, is the model among its types.
        node = next((kind for kind in get_args(told) if hasattr(kind, "model_fields")), told)
    return list(node.model_fields)


def resolve_device(device: str) -> str:
    """Return `device`, or for "auto" the first CUDA GPU where there is one, else the CPU."""
    if device != "auto":
        return device
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "cpu"
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"
