"""From files to upright sRGB."""

from __future__ import annotations

import io
import os
import stat
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

from pipeline.colour import to_srgb
from pipeline.errors import ImageError, ImageTooLarge, UnreadableImage
from pipeline.images.deep import read_deep
from pipeline.images.encode import WRITE_SUFFIXES
from pipeline.images.metadata import DECODER_ERRORS, metadata_of
from pipeline.types import Bools, Photo

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


def read_photo(
    path: Path | str,
    key: str | None = None,
    limits: Limits | None = None,
    *,
    deep: bool = False,
    metadata: bool = False,
) -> Photo:
    """Read a picture as upright 8-bit sRGB; transparent parts are put on white.

    Args:
        path: a JPEG, PNG, WebP, TIFF or BMP file; its contents decide, not its suffix.
        key: the photo's key; the file's name by default.
        limits: largest size accepted; `Limits()` by default.
        deep: also keep the 16 bits of a photo that has them, see `pipeline.types.Photo.deep`.
        metadata: also keep what the file says of the photo.

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
            told = metadata_of(image) if metadata else None
            orientation = _turn_upright(image)
            rgb = np.asarray(to_srgb(image, path))
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageTooLarge(f"{path}: not enough memory to read it; make it smaller") from error
    except DECODER_ERRORS as error:
        raise UnreadableImage(
            f"{path}: damaged, truncated or of a rare kind ({error}); save it anew"
        ) from error
    rgb.setflags(write=False)
    fine = read_deep(data, orientation, rgb) if deep else None
    return Photo(key if key is not None else path.name, rgb, fine, told)


def open_picture(path: Path | str) -> ImageFile.ImageFile:
    """Open a picture without decoding its pixels: mode, size and palette; the caller closes it.

    Raises:
        UnreadableImage: not a picture, damaged, missing, or no permission.
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            return _reader(file.read(16), path)(str(path))
    except FileNotFoundError:
        raise UnreadableImage(f"{path} does not exist") from None
    except DECODER_ERRORS as error:
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
        except DECODER_ERRORS:
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


def open_file(path: Path) -> io.BufferedReader:
    """Open a file to read its bytes.

    Raises:
        UnreadableImage: a pipe, socket or device, which one could wait on for ever.
        OSError: missing, a folder, or no permission.
    """
    if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
        raise UnreadableImage(f"{path} is a pipe, socket or device; name a picture file")
    return path.open("rb")


def _read_bytes(path: Path, limits: Limits) -> bytes:
    try:
        if path.is_dir():
            raise UnreadableImage(f"{path} is a folder; name a picture")
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise UnreadableImage(f"{path} is empty (0 bytes); copy it anew")
            if size > limits.bytes:
                raise ImageTooLarge(
                    f"{path} has {size} bytes, more than the limit of {limits.bytes}; "
                    "make it smaller"
                )
            return file.read()
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


def _turn_upright(image: Image.Image) -> int:
    """Apply the EXIF orientation in place and return it; a damaged EXIF block counts as none."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        ImageOps.exif_transpose(image, in_place=True)
    except DECODER_ERRORS:
        return 1
    return orientation if orientation in range(1, 9) else 1
