"""Surfaces made up from a seed or taken from a folder: for tables, walls, cloths and props.

Colours are sRGB. What is made up is periodic by construction (wrapped noise, whole numbers of
stripes, shapes drawn across the border), so it can be repeated without a seam.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from synthetic.assets import Assets
from synthetic.errors import AssetError
from synthetic.patterns import MAKERS
from synthetic.prints import lettering

Array8 = npt.NDArray[np.uint8]
Rng = np.random.Generator
KINDS: tuple[str, ...] = tuple(MAKERS)


def surface(kind: str, rng: Rng, size: int = 256) -> Array8:
    """A tileable surface, uint8 (size, size, 3) sRGB. `kind` is one of `KINDS`.

    The first row follows the last without a seam, and so do the columns. Raises ValueError for
    an unknown kind.
    """
    if kind not in MAKERS:
        raise ValueError(f"unknown surface {kind!r}; known: {', '.join(KINDS)}")
    picture = MAKERS[kind](rng, size)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), dtype=np.uint8)


def library_surface(assets: Assets, rng: Rng) -> Array8:
    """A picture from the user's folder of textures, uint8 (N, N, 3) sRGB, in its own size.

    Brightness and hue are varied a little, and the tile is turned by quarter turns. Raises
    AssetError when the folder is not set, missing or empty, or the file is unreadable.
    """
    files = assets.texture_files()
    if not files:
        raise AssetError("no folder of textures was named")
    tile = np.rot90(_decoded(files[int(rng.integers(len(files)))]), int(rng.integers(4)))
    gain = np.exp(rng.normal(0, 0.18) + rng.normal(0, 0.05, 3))
    varied = np.clip(tile * gain.astype(np.float32) + 0.5, 0, 255)
    return np.ascontiguousarray(varied, dtype=np.uint8)


@lru_cache(maxsize=256)
def _decoded(path: Path) -> Array8:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise AssetError(f"texture cannot be read: {path}")
    side = min(bgr.shape[:2])
    rgb = np.ascontiguousarray(bgr[:side, :side, ::-1], dtype=np.uint8)
    rgb.flags.writeable = False
    return rgb


def temple_texture(rng: Rng, size: tuple[int, int] = (64, 512)) -> Array8:
    """A pattern to lay along a temple, uint8 (H, W, 3) sRGB: stripes, camouflage or plain,
    sometimes with a word near the hinge (left end). Not tileable."""
    height, width = size
    kind = str(rng.choice(["plain", "stripes", "camouflage", "speckle", "gradient", "wood"]))
    side = 1 << (max(height, 64) - 1).bit_length()
    tile = surface(kind, rng, side)
    strip = np.tile(tile, (-(-height // side), -(-width // side), 1))[:height, :width]
    if rng.random() < 0.6:
        word = lettering(rng, (height, min(width, height * 4)))
        start = int(rng.integers(0, max(1, width - word.shape[1])))
        area = strip[:, start : start + word.shape[1]]
        cover = word[..., 3:].astype(np.float32) / 255
        area[:] = (area * (1 - cover) + word[..., :3] * cover + 0.5).astype(np.uint8)
    return np.ascontiguousarray(strip)
