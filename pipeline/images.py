"""The only place that reads or writes pictures.

Whatever comes in (JPEG, PNG, WebP, TIFF or BMP; grey, palette, CMYK, Lab, 16 bit, with alpha, a
colour profile or an orientation tag) leaves `read_photo` as upright 8-bit sRGB. Whatever goes out
appears whole or not at all.

Pillow's decoders are called directly and not through ``Image.open``: other libraries replace that
function, one by a version that installs packages when a file is not a picture.
"""

from __future__ import annotations

import io
import os
import secrets
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from pipeline.colour import srgb_profile, to_srgb
from pipeline.errors import (
    ImageError,
    ImageTooLarge,
    OutputError,
    UnreadableImage,
    UnsupportedImage,
    ValidationError,
)
from pipeline.types import Bools, Bytes, Photo

_WRITERS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
WRITE_SUFFIXES: tuple[str, ...] = tuple(_WRITERS)
READ_SUFFIXES: tuple[str, ...] = (*WRITE_SUFFIXES, ".bmp")

_Reader = type[ImageFile.ImageFile]
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_TIFF: _Reader = TiffImagePlugin.TiffImageFile
_SIGNATURES: tuple[tuple[bytes, _Reader], ...] = (
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"II*\0", _TIFF),
    (b"MM\0*", _TIFF),
    (b"II+\0", _TIFF),
    (b"MM\0+", _TIFF),
)
# What Pillow's decoders raise on damaged files; each plugin has its own habits.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OverflowError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still accepted as a photo; the guard against decompression bombs.

    Attributes:
        pixels: most pixels, width times height.
        bytes: largest file.
    """

    pixels: int = 150_000_000
    bytes: int = 500_000_000


def is_picture(path: Path | str) -> bool:
    """Say whether the suffix of `path` is one that `read_photo` reads; the file is not opened."""
    return Path(path).suffix.lower() in READ_SUFFIXES


def read_photo(path: Path | str, key: str | None = None, limits: Limits | None = None) -> Photo:
    """Read a picture as upright 8-bit sRGB; transparent parts are put on white.

    Args:
        path: a JPEG, PNG, WebP, TIFF or BMP file; its contents decide, not its suffix.
        key: the photo's key; the file's name by default.
        limits: largest size accepted; `Limits()` by default.

    Returns:
        The photo; its array is read-only.

    Raises:
        UnreadableImage: not a picture, truncated, empty, a folder, missing, or no permission.
        ImageTooLarge: more pixels or bytes than `limits`.
    """
    path = Path(path)
    limits = limits or Limits()
    data = _read_bytes(path, limits)
    try:
        with _reader(data, path)(io.BytesIO(data), str(path)) as image:
            _check_pixels(image, path, limits)
            image.load()
            _turn_upright(image)
            rgb = np.asarray(to_srgb(image, path))
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageTooLarge(f"{path}: not enough memory to read it; make it smaller") from error
    except _DECODER_ERRORS as error:
        raise UnreadableImage(f"{path}: damaged or truncated ({error}); save it anew") from error
    rgb.setflags(write=False)
    return Photo(key=key if key is not None else path.name, rgb=rgb)


def open_picture(path: Path | str) -> ImageFile.ImageFile:
    """Open a picture without decoding its pixels: mode, size and palette; the caller closes it.

    Raises:
        UnreadableImage: not a picture, damaged, missing, or no permission.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _reader(file.read(16), path)(str(path))
    except FileNotFoundError:
        raise UnreadableImage(f"{path} does not exist") from None
    except _DECODER_ERRORS as error:
        raise UnreadableImage(f"{path} cannot be read: {error}; save it anew") from error


def upright_size(path: Path | str) -> tuple[int, int]:
    """(height, width) of a photo as `read_photo` turns it, from its header alone.

    Raises:
        UnreadableImage: as `open_picture`.
    """
    with open_picture(path) as image:
        width, height = image.size
        try:
            sideways = image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
        except _DECODER_ERRORS:
            sideways = False
    return (width, height) if sideways else (height, width)


def read_raw(path: Path | str) -> NDArray[Any]:
    """Read a mask or label picture exactly as stored, without any colour management.

    Returns:
        uint8 or uint16, (H, W), (H, W, 3) as RGB or (H, W, 4) as RGBA.

    Raises:
        UnreadableImage: not a picture, damaged, empty, missing, or no permission.
    """
    path = Path(path)
    data = np.frombuffer(_read_bytes(path, Limits()), np.uint8)
    try:
        array = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise UnreadableImage(f"{path}: not a picture ({error})") from error
    if array is None:
        raise UnreadableImage(f"{path}: not a picture, or damaged; save it anew as PNG")
    if array.ndim == 3:
        code = cv2.COLOR_BGRA2RGBA if array.shape[2] == 4 else cv2.COLOR_BGR2RGB
        array = cv2.cvtColor(array, code)
    return np.asarray(array)


def read_mask(path: Path | str) -> Bools:
    """Read a matte or mask; true where it is more than half opaque. Alpha wins over colour.

    Returns:
        bool (H, W).

    Raises:
        UnreadableImage: as `read_raw`.
    """
    array = read_raw(path)
    if array.ndim == 3:
        array = array[..., 3] if array.shape[2] == 4 else cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)
    half = 32767 if array.dtype == np.uint16 else 127
    return np.asarray(array > half)


def write_image(
    path: Path | str, array: Bytes, *, quality: int = 95, overwrite: bool = False
) -> None:
    """Write a picture whole or not at all; colour carries an sRGB profile.

    Args:
        path: the suffix chooses JPEG, PNG, WebP or TIFF; missing folders are made.
        array: uint8 (H, W) grey, (H, W, 3) sRGB or (H, W, 4) with straight alpha (not JPEG).
        quality: 1 to 100 for JPEG and WebP; 100 makes WebP lossless.
        overwrite: replace an existing file.

    Raises:
        UnsupportedImage: the suffix is none of these, or JPEG with alpha.
        ValidationError: the array is no picture.
        OutputError: the file exists already, or cannot be written.
    """
    path = Path(path)
    write_bytes(path, _encode(path, array, quality), overwrite=overwrite)


def write_bytes(path: Path | str, data: bytes, *, overwrite: bool = False) -> None:
    """Write `data` to `path` whole or not at all; missing folders are made.

    The bytes go to a temporary file in the same folder, which then takes the name.

    Raises:
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; remove it, or ask for overwriting")
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _take_name(temporary, path, overwrite)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # a folder that is a file has no temporary file to remove
            temporary.unlink(missing_ok=True)


def _take_name(temporary: Path, path: Path, overwrite: bool) -> None:
    """Move `temporary` to `path`; a file that appeared meanwhile is kept unless `overwrite`."""
    if not overwrite:
        try:
            os.link(temporary, path)
            return
        except FileExistsError:
            raise OutputError(f"{path} exists already; remove it, or ask for overwriting") from None
        except OSError:
            pass  # no hard links on this file system: the check before is all there is
    temporary.replace(path)


def _read_bytes(path: Path, limits: Limits) -> bytes:
    try:
        if path.is_dir():
            raise UnreadableImage(f"{path} is a folder; name a picture")
        size = path.stat().st_size
        if size == 0:
            raise UnreadableImage(f"{path} is empty (0 bytes); copy it anew")
        if size > limits.bytes:
            raise ImageTooLarge(
                f"{path} has {size} bytes, more than the limit of {limits.bytes}; make it smaller"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableImage(f"{path} does not exist") from None
    except PermissionError:
        raise UnreadableImage(f"{path} may not be read; check its permissions") from None
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror or error}") from error


def _reader(data: bytes, path: Path) -> _Reader:
    """Return the decoder for a file that starts with `data`, at least 12 bytes."""
    reader: _Reader | None = next((r for sign, r in _SIGNATURES if data.startswith(sign)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        reader = WebPImagePlugin.WebPImageFile
    if reader is None:
        raise UnreadableImage(f"{path} is not a JPEG, PNG, WebP, TIFF or BMP picture")
    return reader


def _check_pixels(image: Image.Image, path: Path, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.pixels:
        raise ImageTooLarge(
            f"{path} is {width} x {height}, more than the limit of {limits.pixels} pixels; "
            "make it smaller or raise the limit"
        )


def _turn_upright(image: Image.Image) -> None:
    """Apply the EXIF orientation in place; a damaged EXIF block counts as none."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except _DECODER_ERRORS:
        return


def _encode(path: Path, array: Bytes, quality: int) -> bytes:
    kind = _WRITERS.get(path.suffix.lower())
    if kind is None:
        raise UnsupportedImage(
            f"{path}: cannot write {path.suffix or 'no suffix'}; use {', '.join(WRITE_SUFFIXES)}"
        )
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels == 2 or channels > 4:
        raise ValidationError(f"{path}: no picture: {array.dtype.name} {array.shape}")
    if kind == "JPEG" and channels == 4:
        raise UnsupportedImage(f"{path}: JPEG has no transparency; use .png or .webp")
    options: dict[str, Any] = {} if channels == 1 else {"icc_profile": srgb_profile()}
    if kind == "JPEG":
        options |= {"quality": quality, "subsampling": 0}
    elif kind == "WEBP":
        options |= {"quality": quality, "lossless": quality == 100, "exact": channels == 4}
    elif kind == "TIFF":
        options |= {"compression": "tiff_deflate"}
    buffer = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(array)).save(buffer, kind, **options)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be written as {kind}: {error}") from error
    return buffer.getvalue()
