"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from pipeline.errors import DiskFull, OutputError
from pipeline.images.encode import encode
from pipeline.types import Metadata, Picture

_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.tmp")
_TAKES_NO_MORE = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EROFS: "make it writable",
}


def write_image(
    path: Path | str,
    array: Picture,
    *,
    quality: int = 95,
    ppi: float | None = None,
    metadata: Metadata | None = None,
    overwrite: bool = False,
) -> None:
    """Write a picture whole or not at all; colour carries an sRGB profile.

    Args:
        path: the suffix chooses JPEG, PNG, WebP or TIFF; missing folders are made.
        array: (H, W) grey, (H, W, 3) sRGB or (H, W, 4) with straight alpha (not JPEG); uint8, or
            uint16 for PNG and TIFF.
        quality: 1 to 100 for JPEG and WebP; 100 makes WebP lossless.
        ppi: pixels per inch that the file states.
        metadata: written along, see `pipeline.types.Metadata`.
        overwrite: replace an existing file.

    Raises:
        UnsupportedImage: the suffix is none of these, or its format has no alpha or no 16 bits.
        ValidationError: the array is no picture.
        OutputError: the file exists already, or cannot be written.
    """
    path = Path(path)
    data = encode(path, array, quality, ppi, metadata or Metadata())
    write_bytes(path, data, overwrite=overwrite)


def write_bytes(path: Path | str, data: bytes | memoryview, *, overwrite: bool = False) -> None:
    """Write `data` to `path` whole or not at all; missing folders are made.

    The bytes go to a temporary file in the same folder, which then takes the name.

    Raises:
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
        DiskFull: nor can anything else.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        if not overwrite and path.exists():
            raise OutputError(f"{path} exists already; remove it, or ask for overwriting")
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _take_name(temporary, path, overwrite)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # a folder that is a file has no temporary file to remove
            temporary.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return what to raise for `error` met in writing to `path`."""
    reason = f"{path} cannot be written: {error.strerror or error}"
    if error.errno in _TAKES_NO_MORE:
        return DiskFull(f"{reason}; {_TAKES_NO_MORE[error.errno]} and run again to go on")
    return OutputError(reason)


def remove_partials(folder: Path) -> None:
    """Remove the temporary files that writers killed at work left in `folder` and below.

    Nobody may be writing there meanwhile.
    """
    for path in folder.rglob(".*.tmp"):
        if _PARTIAL.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


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
