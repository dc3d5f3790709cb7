"""What one rendered scene consists of: the picture and its exact labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array8 = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Instance:
    """One pair of glasses as it is visible in the picture.

    frame, lens: uint8 (H, W), pixel coverage 0..255. They never overlap: a pixel belongs to the
    lens where the nearest surface is a lens, so a temple seen through it counts as lens.
    box, lens_boxes: xyxy in pixels, around the visible coverage; a box for each lens that shows.
    second: uint8 (H, W), the part of `lens` that is the second lens; None where not told.
    """

    frame: Array8
    lens: Array8
    box: Box
    lens_boxes: tuple[Box, ...] = ()
    second: Array8 | None = None

    @property
    def alpha(self) -> Array8:
        """Coverage of the glasses, frame and lenses together: uint8 (H, W)."""
        total = self.frame.astype(np.uint16) + self.lens
        return np.asarray(np.minimum(total, 255), np.uint8)


@dataclass(frozen=True, slots=True)
class Sample:
    """A rendered scene.

    image: uint8 (H, W, 3) sRGB, as the camera delivers it.
    cutout: uint8 (H, W, 4), straight alpha; the colour that the glasses should have once the
    background is gone, with white seen through clear lenses.
    tags: what was drawn (outline, material, set, ...), for breakdowns.
    """

    seed: int
    image: Array8
    instances: tuple[Instance, ...]
    cutout: Array8
    tags: dict[str, str] = field(default_factory=dict)
