"""The 16 bits of photos that have them.

Pillow, which knows every colour space, reads colour in 8 bits. OpenCV reads 16, but applies neither
profile nor orientation. So its pixels count only where they are the same picture: profiles other
than sRGB are applied at 8 bits.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bytes, Words

_FULL = 65535
_LEVELS = 2
"""8-bit levels by which the two readings may differ: rounding, and how they lay over white."""
_STRIP = 256
_DEEP = (b"\x89PNG", b"II", b"MM")  # PNG and TIFF: the others have 8 bits, and take long to decode


def read_deep(data: bytes, orientation: int, rgb: Bytes) -> Words | None:
    """Return the pixels of a 16-bit PNG or TIFF whose 8-bit reading is `rgb`.

    Args:
        data: the file.
        orientation: of EXIF, 1 to 8.
        rgb: uint8 (H, W, 3), upright sRGB on white.

    Returns:
        uint16 (H, W, 3), read-only; None where the file has fewer bits, or `rgb` came out of a
        profile that OpenCV does not apply.
    """
    if not data.startswith(_DEEP):
        return None
    try:
        read: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if read is None or read.dtype != np.uint16:
        return None
    deep = np.ascontiguousarray(_upright(_on_white(read), orientation))
    if deep.shape != rgb.shape or not _agree(deep, rgb):
        return None
    deep.setflags(write=False)
    return deep


def _on_white(read: NDArray[np.uint16]) -> Words:
    if read.ndim == 2:
        return np.asarray(cv2.cvtColor(read, cv2.COLOR_GRAY2RGB))
    if read.shape[2] == 3:
        return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB))
    deep: Words = np.asarray(cv2.cvtColor(read, cv2.COLOR_BGRA2RGB))
    for start in range(0, len(deep), _STRIP):
        strip = slice(start, start + _STRIP)
        share = read[strip, :, 3:].astype(np.float32) / _FULL
        deep[strip] = np.rint(_FULL - (_FULL - deep[strip].astype(np.float32)) * share)
    return deep


def _upright(deep: Words, orientation: int) -> Words:
    """Turn and mirror as EXIF means it."""
    if orientation in (5, 6, 7, 8):
        deep = deep.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        deep = deep[::-1]
    if orientation in (2, 3, 6, 7):
        deep = deep[:, ::-1]
    return deep


def _agree(deep: Words, rgb: Bytes) -> bool:
    """Say whether both are one picture, strip by strip to save memory."""
    for start in range(0, len(rgb), _STRIP):
        strip = slice(start, start + _STRIP)
        rough = (deep[strip] >> 8).astype(np.int16)
        if np.abs(rough - rgb[strip]).max() > _LEVELS:
            return False
    return True
