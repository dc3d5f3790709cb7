"""Arrays to files of JPEG, PNG, WebP or TIFF, in memory."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo, putchunk

from pipeline.colour import srgb_profile
from pipeline.errors import OutputError, UnsupportedImage, ValidationError
from pipeline.images.metadata import (
    IPTC_TAG,
    XMP_TAG,
    exif_block,
    load_exif,
    photoshop_segment,
)
from pipeline.types import Metadata, Picture

_WRITERS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
WRITE_SUFFIXES: tuple[str, ...] = tuple(_WRITERS)
ALPHA_SUFFIXES: tuple[str, ...] = tuple(s for s, kind in _WRITERS.items() if kind != "JPEG")
DEEP_SUFFIXES: tuple[str, ...] = tuple(s for s, k in _WRITERS.items() if k in ("PNG", "TIFF"))
"""Suffixes whose formats have an alpha channel, and those whose formats have 16 bits."""

_RLE = 3
"""zlib's strategy for repetitions of the last byte alone. Of cut-outs, where white repeats itself
and the grain of the glasses hardly does, it makes files as small as the usual one in half the
time."""
_AFTER_HEADER = 33
"""Bytes of a PNG's signature and its IHDR chunk."""
_INCH = 0.0254
_BYTE_TYPE, _UNDEFINED_TYPE, _ASCII_TYPE = 1, 7, 2
_Options = dict[str, Any]


def encode(
    path: Path, array: Picture, quality: int, ppi: float | None, metadata: Metadata
) -> bytes:
    """Return the file that `pipeline.images.write_image` writes, whose arguments these are."""
    kind = _kind(path, array)
    try:
        if kind == "TIFF":
            return _tiff(array, ppi, metadata)
        if array.dtype == np.uint16:
            return _png_16(array, ppi, metadata)
        options: _Options = {} if array.ndim == 2 else {"icc_profile": srgb_profile()}
        if ppi is not None:
            options["dpi"] = (ppi, ppi)
        if metadata.exif:
            options["exif"] = metadata.exif
        options |= _OPTIONS[kind](array, quality, ppi, metadata)
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(array)).save(buffer, kind, **options)
        return buffer.getvalue()
    except (OSError, ValueError, cv2.error) as error:
        raise OutputError(f"{path} cannot be written as {kind}: {error}") from error


def _kind(path: Path, array: Picture) -> str:
    """The format's name, if it can hold the array."""
    kind = _WRITERS.get(path.suffix.lower())
    if kind is None:
        raise UnsupportedImage(
            f"{path}: cannot write {path.suffix or 'no suffix'}; use {', '.join(WRITE_SUFFIXES)}"
        )
    channels = array.shape[2] if array.ndim == 3 else 1
    fits = array.dtype in (np.uint8, np.uint16) and array.ndim in (2, 3) and array.size
    if not fits or channels not in (1, 3, 4):
        raise ValidationError(f"{path}: no picture: {array.dtype.name} {array.shape}")
    if kind == "JPEG" and channels == 4:
        raise UnsupportedImage(f"{path}: JPEG has no transparency; use .png or .webp")
    if array.dtype == np.uint16 and path.suffix.lower() not in DEEP_SUFFIXES:
        raise UnsupportedImage(f"{path}: {kind} has 8 bits a channel; use .png or .tif for 16")
    return kind


def _jpeg(array: Picture, quality: int, ppi: float | None, metadata: Metadata) -> _Options:
    told: _Options = {"quality": quality, "subsampling": 0}
    if metadata.xmp:
        told["xmp"] = metadata.xmp
    if metadata.iptc:
        told["extra"] = photoshop_segment(metadata.iptc)
    return told


def _webp(array: Picture, quality: int, ppi: float | None, metadata: Metadata) -> _Options:
    """Quality 100 is lossless, where `quality` means effort. WebP has no resolution but EXIF's."""
    lossless = quality == 100
    told: _Options = {
        "quality": 50 if lossless else quality,
        "lossless": lossless,
        "method": 2,  # the slower ones save nothing on cut-outs
        "exact": array.ndim == 3 and array.shape[2] == 4,
        "exif": exif_block(metadata.exif, ppi),
    }
    if metadata.xmp:
        told["xmp"] = metadata.xmp
    return told


def _png(array: Picture, quality: int, ppi: float | None, metadata: Metadata) -> _Options:
    return {"compress_level": 1, "compress_type": _RLE, "pnginfo": _png_text(metadata)}


_OPTIONS = {"JPEG": _jpeg, "WEBP": _webp, "PNG": _png}


def _png_text(metadata: Metadata) -> PngInfo:
    text = PngInfo()
    if metadata.xmp:
        text.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return text


def _png_16(array: Picture, ppi: float | None, metadata: Metadata) -> bytes:
    """A 16-bit PNG by OpenCV, as Pillow has no 16-bit colour; it does write the other chunks."""
    if array.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if array.shape[2] == 4 else cv2.COLOR_RGB2BGR
        array = np.asarray(cv2.cvtColor(array, code))
    told = {
        cv2.IMWRITE_PNG_COMPRESSION: 1,
        cv2.IMWRITE_PNG_STRATEGY: cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER: cv2.IMWRITE_PNG_FILTER_SUB,
    }
    done, data = cv2.imencode(".png", array, [value for pair in told.items() for value in pair])
    if not done:
        raise OSError("OpenCV refuses it")
    plain = data.tobytes()
    buffer = io.BytesIO()
    buffer.write(plain[:_AFTER_HEADER])
    if array.ndim == 3:
        putchunk(buffer, b"iCCP", b"ICC Profile\0\0", zlib.compress(srgb_profile()))
    if ppi is not None:
        metre = round(ppi / _INCH).to_bytes(4, "big")
        putchunk(buffer, b"pHYs", metre, metre, b"\x01")
    for name, content, *_ in _png_text(metadata).chunks:
        putchunk(buffer, name, content)
    if metadata.exif:
        putchunk(buffer, b"eXIf", metadata.exif.removeprefix(b"Exif\0\0"))
    buffer.write(plain[_AFTER_HEADER:])
    return buffer.getvalue()


def _tiff(array: Picture, ppi: float | None, metadata: Metadata) -> bytes:
    """A TIFF; of EXIF the main block alone, as tifffile writes no other."""
    tags: list[tuple[int, int, int, bytes, bool]] = []
    if metadata.xmp:
        tags.append((XMP_TAG, _BYTE_TYPE, len(metadata.xmp), metadata.xmp, True))
    if metadata.iptc:
        tags.append((IPTC_TAG, _UNDEFINED_TYPE, len(metadata.iptc), metadata.iptc, True))
    if metadata.exif:
        for tag, value in load_exif(metadata.exif).items():
            if isinstance(value, bytes):
                tags.append((tag, _ASCII_TYPE, len(value) + 1, value + b"\0", True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        array,
        photometric="minisblack" if array.ndim == 2 else "rgb",
        extrasamples=["unassalpha"] if array.ndim == 3 and array.shape[2] == 4 else None,
        compression="zlib",
        compressionargs={"level": 1},
        predictor=True,
        iccprofile=None if array.ndim == 2 else srgb_profile(),
        resolution=None if ppi is None else (ppi, ppi),
        resolutionunit=None if ppi is None else "INCH",
        metadata=None,
        software=False,
        extratags=tags,
    )
    return buffer.getvalue()
