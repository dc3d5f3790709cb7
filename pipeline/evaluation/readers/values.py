"""What the values of a mask picture mean; docs/truth_formats.md has the rules as a table.

The project's yardstick ``eval/score.py`` reads 8-bit masks of 0 to 255 the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError, ImageError
from pipeline.evaluation.readers.photos import open_header
from pipeline.images import read_raw
from pipeline.types import Bools, Bytes, Floats

_VOID = 255
_ALPHA = 3


def read_values(path: Path) -> tuple[Bools, Floats | None]:
    """Read a mask or matte.

    Returns:
        bool (H, W), set where it is more than half opaque; and float32 (H, W) in [0, 1] where
        the file is a matte, that is, has values between nothing and full; else None.

    Raises:
        EvaluationError: not a picture, or neither 8 nor 16 bit; the message names it.
    """
    indices = _palette_indices(path)
    if indices is not None:
        return np.asarray((indices != 0) & (indices != _VOID)), None
    return _meaning(path, _grey(_read(path)))


def read_label(path: Path) -> tuple[Bools, Floats | None]:
    """Read a mask or matte that is truth, as `read_values`, and refuse what is surely no truth.

    Raises:
        EvaluationError: as `read_values`; or its alpha channel hides nothing, so that the whole
            picture would be glasses; or it is neither black nor anywhere more than half bright.
    """
    mask, alpha = read_values(path)
    if alpha is not None and alpha.any() and not mask.any():
        raise EvaluationError(
            f"{path}: its brightest value is {alpha.max():.1%} of full, so nothing counts as "
            "glasses; save glasses as 255 (or 1) and the rest as 0"
        )
    if mask.all() and _has_alpha(_read(path)):
        raise EvaluationError(
            f"{path}: its alpha channel is opaque everywhere, so the whole picture would count "
            "as glasses; save it without the alpha channel"
        )
    return mask, alpha


def _palette_indices(path: Path) -> Bytes | None:
    """The indices of a palette picture whose colours are labels; None where colours are values.

    A grey palette is only a way to store grey, and one with transparency to store alpha.
    """
    with open_header(path) as image:
        if image.mode != "P" or "transparency" in image.info:
            return None
        colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
        if (colours == colours[:, :1]).all():
            return None
        try:
            return np.asarray(image, np.uint8)
        except (OSError, SyntaxError, ValueError) as error:
            raise EvaluationError(f"{path}: damaged ({error}); save it anew") from error


def _read(path: Path) -> NDArray[Any]:
    try:
        array = read_raw(path)
    except ImageError as error:
        raise EvaluationError(str(error)) from error
    if array.dtype not in (np.uint8, np.uint16):
        raise EvaluationError(f"{path}: {array.dtype} values; save the mask with 8 or 16 bits")
    return array


def _has_alpha(array: NDArray[Any]) -> bool:
    return array.ndim == 3 and array.shape[2] > _ALPHA


def _grey(array: NDArray[Any]) -> NDArray[Any]:
    """Alpha where there is one, else brightness."""
    if _has_alpha(array):
        return np.asarray(array[..., _ALPHA])
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_RGB2GRAY) if array.ndim == 3 else array)


def _meaning(path: Path, grey: NDArray[Any]) -> tuple[Bools, Floats | None]:
    if grey.max() <= 1:
        return np.asarray(grey > 0), None
    full = int(np.iinfo(grey.dtype).max)
    mask = np.asarray(grey > full // 2)
    if not ((grey > 0) & (grey < full)).any() or _is_jpeg(path):
        return mask, None
    return mask, np.asarray(grey.astype(np.float32) / np.float32(full))


def _is_jpeg(path: Path) -> bool:
    """JPEG's own noise would pass for a matte."""
    with open_header(path) as image:
        return image.format == "JPEG"
