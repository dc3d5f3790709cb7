"""What a finished picture has to be: its size, and how the glasses stand on it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fill(_Section):
    """How much of the canvas the glasses take up: the larger of their share of its width and
    their share of its height.
    """

    target: float = Field(0.85, gt=0.0, le=0.98)
    """What they are scaled to."""
    least: float = Field(0.0, ge=0.0, le=1.0)
    """Less than this does not pass, as when a small photo may not be enlarged enough."""
    most: float = Field(1.0, ge=0.0, le=1.0)
    """More than this does not pass."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.least <= self.target <= self.most:
            raise ValueError("fill must be least <= target <= most")
        return self


class CanvasPreset(_Section):
    """One kind of canvas; the defaults are the photo's own size and position.

    With `size` the canvas is always as large. With `aspect` alone it is cut around the glasses at
    the photo's own scale, as far as `least_side` and `most_side` let it. With neither the glasses
    stay where they are in the photo. The background is always pure white.
    """

    name: str = "source"
    size: tuple[int, int] | None = None
    """Width and height in pixels."""
    aspect: float | None = Field(None, gt=0.1, lt=10.0)
    """Width by height of a canvas without a fixed size."""
    least_side: int = Field(1, ge=1, le=30000)
    """Pixels that the longer side must have."""
    most_side: int = Field(30000, ge=1, le=30000)
    """Pixels that the longer side may have."""
    fill: Fill | None = None
    """For a canvas with a size or an aspect, and only there."""
    margin: float = Field(0.02, ge=0.0, lt=0.5)
    """Kept free at each border: left and right as a share of the width, above and below as a
    share of the height."""
    baseline: float | None = Field(None, gt=0.0, lt=1.0)
    """Where the lowest point of the glasses stands, as a share of the height from the top; null
    centres them. From left to right they are always centred."""
    straighten: bool = False
    """Turn front views level by the centres of the lenses."""
    max_upscaling: float = Field(1.0, ge=1.0, le=8.0)
    """The glasses are enlarged by no more than this."""
    format: Literal["jpeg", "png", "webp", "tiff"] | None = None
    """Of the file; null leaves it, as the three keys below, to the section `output`."""
    quality: int | None = Field(None, ge=1, le=100)
    """Of JPEG and WebP."""
    ppi: int | None = Field(None, ge=1, le=2400)
    """Pixels per inch that the file states."""
    profile: Literal["srgb"] | None = None
    """Embedded colour profile."""

    @property
    def is_source(self) -> bool:
        """Whether the glasses keep the photo's size and position."""
        return self.size is None and self.aspect is None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.size is not None and self.aspect is not None:
            raise ValueError("size and aspect exclude each other: a size has its aspect")
        if self.is_source != (self.fill is None):
            raise ValueError("fill goes with size or aspect, and those with fill")
        if not self.is_source and self.name == "source":
            raise ValueError("a canvas with a size or an aspect needs a name other than source")
        if self.least_side > self.most_side:
            raise ValueError("least_side must not be more than most_side")
        if self.size is not None:
            self._check_size(self.size)
        if self.fill is not None and self.fill.target > 1 - 2 * self.margin + 1e-9:
            raise ValueError("fill.target and two margins must fit in 1")
        if self.baseline is not None and not self.margin < self.baseline <= 1 - self.margin:
            raise ValueError("baseline must lie between the margins")
        return self

    def _check_size(self, size: tuple[int, int]) -> None:
        if min(size) < 16:
            raise ValueError("size must be at least 16 x 16 pixels")
        if not self.least_side <= max(size) <= self.most_side:
            raise ValueError("the longer side of size must lie in [least_side, most_side]")
