"""Small pictures of a photo, its truth and its prediction, for a page that holds thousands."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.compose import window_of
from pipeline.errors import ValidationError
from pipeline.report.thumbnails import shrink
from pipeline.types import Bools, Bytes

Region = tuple[int, int, int, int]

MARGIN = 0.06
"""Space left around the masks, as a share of the longer side of their box."""
PHOTO_BYTES = 15_000
"""What a photo may take; a busy one is compressed harder."""
_QUALITIES = (70, 50, 30, 15)
_LEVELS = 16


@dataclass(frozen=True, slots=True)
class Pictures:
    """Encoded pictures of one region, all of one size.

    Attributes:
        photo: WebP; empty where there is no photo.
        truth, prediction: grey PNG, white inside the mask, soft at its edge.
        region: x0 y0 x1 y1 in pixels of the photo, half open.
    """

    photo: bytes
    truth: bytes
    prediction: bytes
    region: Region


def make_pictures(
    rgb: Bytes | None,
    truth: Bools,
    prediction: Bools,
    longest: int = 480,
    region: Region | None = None,
) -> Pictures:
    """Shrink and encode what lies around the masks.

    Args:
        rgb: uint8 (H, W, 3), or None where there is no photo.
        truth: bool (H, W).
        prediction: bool (H, W).
        longest: pixels of the pictures' longer side, at most; nothing is enlarged.
        region: what to show; `region_around` both masks by default. Two predictions of one photo
            share their pictures of photo and truth if they share the region.

    Raises:
        ValidationError: the sizes differ.
    """
    if truth.shape != prediction.shape or (rgb is not None and rgb.shape[:2] != truth.shape):
        sizes = [array.shape[:2] for array in (rgb, truth, prediction) if array is not None]
        raise ValidationError(f"photo, truth and prediction differ in size: {sizes}")
    x0, y0, x1, y1 = region = region or region_around(truth, prediction)
    window = slice(y0, y1), slice(x0, x1)
    return Pictures(
        photo=b"" if rgb is None else _photo(shrink(rgb[window], longest)),
        truth=_mask(shrink(truth[window].astype(np.uint8) * 255, longest)),
        prediction=_mask(shrink(prediction[window].astype(np.uint8) * 255, longest)),
        region=region,
    )


def region_around(*masks: Bools) -> Region:
    """Return the box of all `masks`, bool (H, W) each, with a margin, within the picture.

    Where every mask is empty, it is the whole picture.
    """
    height, width = masks[0].shape
    shown = np.asarray(np.logical_or.reduce(masks))
    tight = window_of(shown)
    longer = max(side.stop - side.start for side in tight)
    if not longer:
        return 0, 0, width, height
    rows, columns = window_of(shown, max(2, round(MARGIN * longer)))
    return columns.start, rows.start, columns.stop, rows.stop


def _photo(rgb: Bytes) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(rgb))
    data = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality)
        data = buffer.getvalue()
        if len(data) <= PHOTO_BYTES:
            break
    return data


def _mask(grey: Bytes) -> bytes:
    """Encode with sixteen greys: enough for a soft edge, and half the bytes of 256."""
    image = Image.fromarray(np.round(grey / 255 * (_LEVELS - 1)).astype(np.uint8), "L")
    image = image.convert("P")
    image.putpalette(np.repeat(np.arange(_LEVELS) * 17, 3).astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=4, optimize=True)
    return buffer.getvalue()
