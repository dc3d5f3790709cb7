"""Two crops in one, so that a prompt has to choose: side by side, or one's glasses on the other.

Both take crops of one side: uint8 (S, S, 3) sRGB, and each instance's uint8 (S, S, 2) coverage
of frame and lens. Instances never share a pixel: what lies behind another pair's lens is that
pair's, as in rendered scenes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.segmenter.prompting import Truth

Bytes = NDArray[Any]  # uint8; OpenCV's stubs promise less


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture and the coverage of each of its instances."""

    image: Bytes
    masks: list[Bytes]


def stack(rng: np.random.Generator, first: Crop, second: Crop) -> Crop:
    """Move the middle of the first crop to one half, top or bottom, and fill the other half with
    the second's middle.

    The second crop's instances come after the first's; masks end where their half ends.
    """
    half = first.image.shape[0] // 2
    on_top = rng.random() < 0.5

    def place(array: Bytes, top: bool) -> Bytes:
        out = np.zeros_like(array)
        part = array[half // 2 : half // 2 + half]
        if top:
            out[:half] = part
        else:
            out[half : 2 * half] = part
        return out

    image = place(first.image, on_top) + place(second.image, not on_top)
    return Crop(
        image,
        [place(m, on_top) for m in first.masks] + [place(m, not on_top) for m in second.masks],
    )


def paste(rng: np.random.Generator, below: Crop, above: Crop) -> Crop:
    """Lay the glasses of `above` on `below`, their lenses as photographed or half transparent.

    Copy-paste augmentation (Ghiasi et al., CVPR 2021), for pairs that cross or lie close. The
    instances of `below`, cut by what now covers them, come first.
    """
    seen = 1.0 if rng.random() < 0.5 else rng.uniform(0.15, 1)
    size = below.image.shape[0]
    whole: Bytes = np.zeros((size, size), np.uint8)
    alpha: Bytes = np.zeros((size, size), np.uint8)
    for truth in (Truth(mask[..., 0], mask[..., 1]) for mask in above.masks):
        whole = cv2.max(whole, truth.glasses)
        clear = cv2.addWeighted(truth.frame, 1.0, truth.lens, float(seen), 0)
        alpha = cv2.max(alpha, clear if truth.parts else truth.glasses)
    share = alpha[..., None].astype(np.float32) / 255
    image = (below.image * (1 - share) + above.image * share + 0.5).astype(np.uint8)
    rest = cv2.merge([255 - whole] * 2)
    return Crop(image, [cv2.multiply(m, rest, scale=1 / 255) for m in below.masks] + above.masks)
