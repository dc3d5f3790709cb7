"""What each stage hands to the next: frozen, checked when built, numpy only.

A stage takes the type of the stage before it, so what has not happened yet cannot be used by
mistake. Arrays are not copied; whoever builds a value must not write to its arrays afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ValidationError

if TYPE_CHECKING:
    from detector.types import Detections

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]
Picture = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16; what takes it says so."""
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Box = tuple[float, float, float, float]
Status = Literal["done", "no_glasses", "failed"]
STATUSES: tuple[str, ...] = get_args(Status)


def _check(name: str, value: object, dtype: type[np.generic], shape: tuple[int | str, ...]) -> None:
    """Raise unless `value` is an array of `dtype` whose shape fits; letters stand for any size."""
    wanted = f"{np.dtype(dtype).name} ({', '.join(map(str, shape))})"
    if not isinstance(value, np.ndarray):
        raise ValidationError(f"{name} must be a numpy array {wanted}, not {type(value).__name__}")
    fits = value.ndim == len(shape) and all(
        isinstance(want, str) or have == want
        for have, want in zip(value.shape, shape, strict=False)
    )
    if not fits or value.dtype != np.dtype(dtype):
        raise ValidationError(f"{name} must be {wanted}, not {value.dtype.name} {value.shape}")


def _depth_of(value: object) -> type[np.generic]:
    """The type that a picture of 8 or 16 bits has to have: its own if it is one of them."""
    return np.uint16 if isinstance(value, np.ndarray) and value.dtype == np.uint16 else np.uint8


def _is_below(path: object) -> bool:
    """Say whether this is a relative POSIX path that leads nowhere else."""
    if not isinstance(path, str) or not path or "\\" in path:
        return False
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts


def _check_unit_range(name: str, value: Floats) -> None:
    """Raise unless all values are finite and within [0, 1]; min and max catch NaN too."""
    if value.size and not (value.min() >= 0 and value.max() <= 1):
        raise ValidationError(
            f"{name} must lie in [0, 1], not [{float(value.min()):g}, {float(value.max()):g}]"
        )


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a photo's file says of the photo, fit to be written into its cut-out.

    Attributes:
        exif: a block of EXIF as files hold it, ``Exif\\0\\0`` first; empty where there is none.
        xmp: an XML document, UTF-8.
        iptc: IPTC-IIM records.
        remarks: what was left out because it was damaged, for the user.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture as the stages see it.

    Attributes:
        key: POSIX path relative to the input root, e.g. ``"a/b.jpg"``.
        rgb: uint8 (H, W, 3), sRGB, upright.
        deep: uint16 (H, W, 3), the same in 16 bits; None where they were not asked for, or the
            file has fewer.
        metadata: None where it was not asked for.
    """

    key: str
    rgb: Bytes
    deep: Words | None = None
    metadata: Metadata | None = None

    def __post_init__(self) -> None:
        if not _is_below(self.key):
            raise ValidationError(
                f"Photo.key must be a POSIX path below the input root, not {self.key!r}; "
                "rename the file where its name holds a backslash"
            )
        _check("Photo.rgb", self.rgb, np.uint8, ("H", "W", 3))
        if self.rgb.size == 0:
            raise ValidationError(f"Photo.rgb of {self.key} has no pixels: {self.rgb.shape}")
        if self.deep is not None:
            _check("Photo.deep", self.deep, np.uint16, self.rgb.shape)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class Prompt:
    """Which glasses a segmenter should cut out; a box, points or both.

    Attributes:
        box: float32 (4,), x0 y0 x1 y1 in pixels of the photo.
        points: float32 (K, 2), x y in pixels of the photo.
        point_labels: int64 (K,), 1 for "on the glasses", 0 for "not on them".
        mask: bool (H, W), a previous mask to refine.
    """

    box: Floats | None = None
    points: Floats | None = None
    point_labels: Ints | None = None
    mask: Bools | None = None

    def __post_init__(self) -> None:
        if self.box is None and self.points is None:
            raise ValidationError("Prompt needs a box or points")
        if self.box is not None:
            self._check_box(self.box)
        if (self.points is None) != (self.point_labels is None):
            raise ValidationError("Prompt.points and Prompt.point_labels go together")
        if self.points is not None and self.point_labels is not None:
            self._check_points(self.points, self.point_labels)
        if self.mask is not None:
            _check("Prompt.mask", self.mask, np.bool_, ("H", "W"))

    @staticmethod
    def _check_box(box: Floats) -> None:
        _check("Prompt.box", box, np.float32, (4,))
        x0, y0, x1, y1 = (float(v) for v in box)
        if not np.isfinite(box).all() or x1 <= x0 or y1 <= y0:
            raise ValidationError(f"Prompt.box must be x0 < x1, y0 < y1, not {box.tolist()}")

    @staticmethod
    def _check_points(points: Floats, labels: Ints) -> None:
        _check("Prompt.points", points, np.float32, ("K", 2))
        _check("Prompt.point_labels", labels, np.int64, (len(points),))
        if not len(points) or not np.isfinite(points).all():
            raise ValidationError("Prompt.points must hold at least one finite point")
        if not np.isin(labels, (0, 1)).all():
            raise ValidationError(f"Prompt.point_labels must be 0 or 1, not {labels.tolist()}")


@dataclass(frozen=True, slots=True)
class Masks:
    """A segmenter's answer: row i answers prompt i, always.

    Attributes:
        masks: bool (N, H, W), the glasses (frame and lenses) in pixels of the photo.
        quality: float32 (N,), the model's own guess of the IoU, in [0, 1].
        lenses: bool (N, H, W), the lens areas where the model knows them, else None.
        soft: uint8 (N, H, W), 255 times the model's probability of glasses, where it tells, else
            None.
    """

    masks: Bools
    quality: Floats
    lenses: Bools | None = None
    soft: Bytes | None = None

    def __post_init__(self) -> None:
        _check("Masks.masks", self.masks, np.bool_, ("N", "H", "W"))
        _check("Masks.quality", self.quality, np.float32, (len(self.masks),))
        _check_unit_range("Masks.quality", self.quality)
        if self.lenses is not None:
            _check("Masks.lenses", self.lenses, np.bool_, self.masks.shape)
        if self.soft is not None:
            _check("Masks.soft", self.soft, np.uint8, self.masks.shape)

    def __len__(self) -> int:
        return len(self.masks)


@dataclass(frozen=True, slots=True)
class Matte:
    """How much of each pixel is glasses, and in which colour.

    Attributes:
        alpha: float32 (H, W) in [0, 1].
        foreground: uint8 or uint16 (H, W, 3), sRGB freed of the background; any colour where
            alpha is 0.
    """

    alpha: Floats
    foreground: Picture

    def __post_init__(self) -> None:
        _check("Matte.alpha", self.alpha, np.float32, ("H", "W"))
        _check_unit_range("Matte.alpha", self.alpha)
        depth = _depth_of(self.foreground)
        _check("Matte.foreground", self.foreground, depth, (*self.alpha.shape, 3))


@dataclass(frozen=True, slots=True)
class Cutout:
    """Colour and matte in one array.

    Attributes:
        rgba: uint8 or uint16 (H, W, 4), sRGB with straight (not premultiplied) alpha.
    """

    rgba: Picture

    def __post_init__(self) -> None:
        _check("Cutout.rgba", self.rgba, _depth_of(self.rgba), ("H", "W", 4))


@dataclass(frozen=True, slots=True)
class Record:
    """What the manifest keeps of one photo; one JSON line each.

    Attributes:
        key: POSIX path of the photo relative to the input root.
        status: how it ended. "no_glasses" is an answer, not an error.
        boxes: x0, y0, x1, y1 in pixels, one for each pair of glasses, best first.
        scores: the detector's confidence, one for each box.
        quality: the segmenter's own guess of the IoU, one for each box.
        flags: remarks such as ``"review: the mask touches the edge of the photo"``.
        outputs: what was written, e.g. ``{"cutout": "cutouts/a/b.jpg"}``, relative to OUTPUT.
        seconds: time spent, by stage.
        verdict: whether the picture keeps the rules of its canvas, as
            `pipeline.canvas.Verdict.to_dict` tells it.
        error: the reason, when status is "failed".
        input_sha256, config_hash: what a rerun compares to skip a photo that is done.
    """

    key: str
    status: Status
    boxes: tuple[Box, ...] = ()
    scores: tuple[float, ...] = ()
    quality: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    verdict: dict[str, Any] | None = None
    error: str | None = None
    input_sha256: str | None = None
    config_hash: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValidationError(
                f"Record.status must be one of {', '.join(STATUSES)}, not {self.status!r}"
            )
        if (self.status == "failed") != (self.error is not None):
            raise ValidationError(f"Record of {self.key}: error is for status 'failed' and only it")
        if len(self.boxes) != len(self.scores):
            raise ValidationError(
                f"Record of {self.key}: {len(self.boxes)} boxes but {len(self.scores)} scores"
            )
        if any(len(box) != 4 for box in self.boxes):
            raise ValidationError(f"Record of {self.key}: a box is x0, y0, x1, y1")
        outside = [path for path in self.outputs.values() if not _is_below(path)]
        if outside:  # manifests come from elsewhere too, and what they name may be removed
            raise ValidationError(f"Record of {self.key}: {outside[0]!r} is not below OUTPUT")

    @property
    def unfit(self) -> bool:
        """Whether the picture breaks a rule of its canvas."""
        return self.verdict is not None and not self.verdict["passed"]

    def to_json(self) -> str:
        """Return the record as one line of JSON, without a line break."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read what `to_json` wrote.

        Raises:
            ValidationError: the line is not JSON, or its keys or values are not a Record's.
        """
        try:
            raw: dict[str, Any] = json.loads(line)
            unknown = set(raw) - {f.name for f in fields(cls)}
            if unknown:
                raise ValidationError(f"Record has no key {', '.join(sorted(unknown))}")
            raw["boxes"] = tuple(tuple(float(v) for v in box) for box in raw.get("boxes", ()))
            for name in ("scores", "quality", "flags"):
                raw[name] = tuple(raw.get(name, ()))
            return cls(**raw)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValidationError(f"not a Record: {error}: {line[:80]!r}") from error


@runtime_checkable
class Segmenter(Protocol):
    """Anything that cuts out what the prompts point at."""

    def segment(self, photo: Photo, prompts: Sequence[Prompt]) -> Masks:
        """Return one mask for each prompt, in the order of the prompts."""
        ...


@runtime_checkable
class Detector(Protocol):
    """Anything that finds glasses."""

    def detect(self, photo_rgb: Bytes) -> Detections:
        """Return the boxes found in `photo_rgb`, uint8 (H, W, 3), best first."""
        ...
