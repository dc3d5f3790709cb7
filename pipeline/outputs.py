"""Which pictures a run delivers of a photo, in which format, and how each is made.

Arrays alone: names are `pipeline.discovery`'s, files `pipeline.images`'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.canvas import Canvas
from pipeline.compose import Bits, in_bits, overlay, to_cutout, to_levels
from pipeline.config import Config
from pipeline.discovery import Place
from pipeline.images import ALPHA_SUFFIXES, DEEP_SUFFIXES, WRITE_SUFFIXES
from pipeline.report import shrink
from pipeline.types import Matte, Photo, Picture

Kind = Literal["cutout", "transparent", "mask", "overlay", "before", "after"]
KINDS: dict[str, Kind] = {
    "white": "cutout",
    "transparent": "transparent",
    "mask": "mask",
    "overlay": "overlay",
}
"""What `output.pictures` names, and what records call it."""
FOLDERS: dict[Kind, str] = {
    "cutout": "cutouts",
    "transparent": "transparent",
    "mask": "masks",
    "overlay": "overlays",
    "before": "report/before",
    "after": "report/after",
}
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}
_QUALITY = 95
_CHECKING = 85
"""JPEG quality of overlays, which are looked at and thrown away."""


@dataclass(frozen=True, slots=True)
class Form:
    """How one picture is written; see `pipeline.images.write_image`.

    Attributes:
        quality: of JPEG and WebP.
        ppi: pixels per inch that the file states.
        tells: whether it may carry the photo's metadata.
    """

    quality: int = _QUALITY
    ppi: float | None = None
    tells: bool = False


@dataclass(frozen=True, slots=True)
class Outputs:
    """The pictures that a configuration asks for.

    Attributes:
        kinds: those that a photo with glasses has, thumbnails left out.
        places: where pictures of each kind go, thumbnails included.
        depth: bits a channel of all but overlays and thumbnails.
        finished: the form of white pictures and transparent cut-outs.
        thumbnail: longest side in pixels; None without a report.
    """

    kinds: tuple[Kind, ...]
    places: dict[str, Place]
    depth: Bits
    finished: Form
    thumbnail: int | None

    @classmethod
    def of(cls, config: Config) -> Outputs:
        """What `config` asks for; where its section `output` is silent, its canvas decides."""
        told, canvas = config.output, config.canvas.preset
        kinds = tuple(KINDS[name] for name in told.pictures)
        form = Form(
            quality=told.quality or canvas.quality or _QUALITY,
            ppi=told.ppi or canvas.ppi,
            tells=told.metadata == "keep",
        )
        return cls(
            kinds,
            {kind: _place(kind, config.picture_format) for kind in (*kinds, "before", "after")},
            told.depth,
            form,
            told.thumbnail if told.report else None,
        )

    def of_photo(self, photo: Photo, matte: Matte | None) -> Iterator[tuple[Kind, Picture]]:
        """Make what depends on no canvas; without a matte, the thumbnail alone.

        Yields:
            kind and array, one at a time to save memory.
        """
        if matte is not None:
            if "mask" in self.kinds:
                yield "mask", to_levels(matte.alpha, self.depth)
            if "overlay" in self.kinds:
                yield "overlay", overlay(photo.rgb, matte.alpha)
        if self.thumbnail is not None:
            yield "before", shrink(photo.rgb, self.thumbnail)

    def of_canvas(self, canvas: Canvas) -> Iterator[tuple[Kind, Picture]]:
        """Make what shows the finished picture; yields as `of_photo` does."""
        if "cutout" in self.kinds:
            yield "cutout", canvas.white
        if "transparent" in self.kinds:
            yield "transparent", to_cutout(canvas.matte, self.depth).rgba
        if self.thumbnail is not None:
            yield "after", in_bits(shrink(canvas.white, self.thumbnail), 8)

    def form(self, kind: Kind) -> Form:
        """How pictures of `kind` are written."""
        if kind in ("cutout", "transparent"):
            return self.finished
        return Form(_CHECKING) if kind == "overlay" else Form()


def fit(array: Picture, suffix: str) -> Picture:
    """Return `array` in as many bits as files with this suffix hold."""
    return array if suffix.lower() in DEEP_SUFFIXES else in_bits(array, 8)


def _place(kind: Kind, form: str) -> Place:
    if kind in ("before", "after", "overlay"):
        return Place(FOLDERS[kind], ".jpg")
    if kind == "mask":
        return Place(FOLDERS[kind], ".png")
    able = WRITE_SUFFIXES if kind == "cutout" else ALPHA_SUFFIXES
    if form == "keep":
        return Place(FOLDERS[kind], ".png", able)
    suffix = _SUFFIXES[form]
    return Place(FOLDERS[kind], suffix if suffix in able else ".png")
