"""From any bit depth, colour space and transparency to 8-bit sRGB."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from pipeline.errors import UnreadableImage

_PHOTOMETRIC, _PLANAR, _BITS = 262, 284, 258  # TIFF tags


def to_srgb(image: Image.Image, path: Path) -> Image.Image:
    """Return `image` as 8-bit sRGB, mode RGB, on white where it is transparent.

    Args:
        image: loaded, of any mode.
        path: named in errors.

    Raises:
        UnreadableImage: 32 bits a channel, or a kind of TIFF that Pillow misreads.
    """
    image = _to_8_bit(image, path)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode in ("PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    rgb = _apply_profile(image)
    if alpha is None or alpha.getextrema() == (255, 255):
        return rgb
    canvas = Image.new("RGB", rgb.size, "white")
    canvas.paste(rgb, mask=alpha)
    return canvas


@cache
def srgb_profile() -> bytes:
    """Return the sRGB profile with a fixed date, so that equal pictures are equal files."""
    data = bytearray(_srgb().tobytes())
    data[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(data)


def _to_8_bit(image: Image.Image, path: Path) -> Image.Image:
    """Scale 16-bit grey to 8 bits, which Pillow would clip; refuse what Pillow misreads."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PLANAR) == 2 and max(tags.get(_BITS, (8,))) > 8:
        raise UnreadableImage(f"{path}: 16-bit TIFF with separate planes; save it interleaved")
    if image.mode == "F" or (image.mode == "I" and int(np.asarray(image).max()) > 65535):
        raise UnreadableImage(f"{path}: 32 bits a channel; save it with 8 or 16")
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    grey = (np.asarray(image) >> 8).astype(np.uint8)
    white_is_zero = tags.get(_PHOTOMETRIC) == 0
    result = Image.fromarray(255 - grey if white_is_zero else grey)
    result.info = {k: v for k, v in image.info.items() if k == "icc_profile"}
    return result


def _apply_profile(image: Image.Image) -> Image.Image:
    """Convert to RGB by the embedded profile; without a usable one the colours count as sRGB."""
    source: Any = image.info.get("icc_profile")
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif source:
        source = io.BytesIO(source)
    plain = image
    if image.mode in ("1", "LA"):
        plain = image.convert("L")
    elif image.mode not in ("L", "CMYK", "LAB", "RGB"):
        plain = image.convert("RGB")
    if source:
        try:
            profile = ImageCms.ImageCmsProfile(source)
            transform = ImageCms.buildTransform(profile, _srgb(), plain.mode, "RGB")
            if not _changes_nothing(transform, plain.mode):
                return ImageCms.applyTransform(plain, transform) or plain
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # damaged, or made for another colour space
    return plain if plain.mode == "RGB" else plain.convert("RGB")


def _changes_nothing(transform: Any, mode: str) -> bool:
    """Say whether an RGB transform moves no colour by more than a level, as sRGB's own does."""
    if mode != "RGB":
        return False
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    after = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform))
    return bool(np.abs(after.astype(int) - grid).max() <= 1)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
