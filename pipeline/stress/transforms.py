"""The changes as transforms of albumentations, and how truth moves along.

Corners that a turn or a tilt lays bare are filled with the median colour of the photo's border:
mirroring would show the glasses twice, and stretching the border would draw out what touches it.
The picture grows so that nothing is cut off (except by ``crop``, which is for that).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import albumentations as A
import cv2
import numpy as np

from pipeline.evaluation.truth import TruthMasks, box_around
from pipeline.stress.changes import Case
from pipeline.stress.light import gain_table, illuminant_gains
from pipeline.types import Bools, Bytes, Floats, Photo

FULL_WELL = 30_000.0
"""Photons that make a channel white at ISO 100, as in a camera with pixels of about 5 µm."""
_LINEAR = {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_LINEAR}


def changed(case: Case, name: str, strength: float, *, moves: bool) -> Case:
    """Return `case` under the change called `name`; unless it `moves`, the truth is the same."""
    photo, truth = case.photo, case.truth
    seed = zlib.crc32(photo.key.encode("utf-8", "surrogateescape"))
    compose = A.Compose([BUILDERS[name](case, strength, seed)], seed=seed)
    if not moves:
        return Case(Photo(photo.key, compose(image=photo.rgb)["image"]), truth)
    return _moved(case, compose)


def resized(case: Case, factor: float) -> Case:
    """Return photo and truth at another size; areas are averaged where it shrinks."""
    return _moved(case, A.Compose([_resize(factor)], seed=0))


def _moved(case: Case, compose: A.Compose) -> Case:
    """Return the photo and every mask after `compose`, with boxes around what the pairs became.

    Where pairs are not told apart, one is what is set in its box. Pairs of which nothing is left
    are dropped.
    """
    truth = case.truth
    pairs = list(truth.pairs) or [_within(truth.glasses, box) for box in truth.boxes]
    masks = [truth.glasses, *pairs] + ([] if truth.lens is None else [truth.lens])
    told: dict[str, Any] = {"masks": [mask * np.uint8(255) for mask in masks]}
    if truth.alpha is not None:
        told["mask"] = truth.alpha
    done = compose(image=case.photo.rgb, **told)
    glasses, *others = [np.asarray(mask > 127) for mask in done["masks"]]
    left = [pair for pair in others[: len(pairs)] if pair.any()]
    moved = TruthMasks(
        glasses,
        np.concatenate([np.zeros((0, 4), np.float32), *map(box_around, left)]),
        None if truth.lens is None else glasses & others[-1],
        None if truth.alpha is None else np.clip(done["mask"], 0, 1),
        tuple(left) if truth.pairs else (),
    )
    return Case(Photo(case.photo.key, np.ascontiguousarray(done["image"])), moved)


def _within(glasses: Bools, box: Floats) -> Bools:
    x0, y0 = np.floor(np.maximum(box[:2], 0)).astype(int)
    x1, y1 = np.ceil(box[2:]).astype(int)
    pair = np.zeros_like(glasses)
    pair[y0:y1, x0:x1] = glasses[y0:y1, x0:x1]
    return pair


def _border_colour(rgb: Bytes) -> tuple[float, ...]:
    ring = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    return tuple(float(value) for value in np.median(ring, axis=0))


def _times_light(rgb: Bytes, *, gains: Any, **_: object) -> Bytes:
    return np.asarray(cv2.LUT(rgb, gain_table(gains)[None]))


def _exposure(_: Case, stops: float, __: int) -> Any:
    """2 to the power of `stops` times the light; clipped highlights stay clipped."""
    return A.Lambda(image=partial(_times_light, gains=np.full(3, 2.0**stops)))


def _white_balance(_: Case, kelvin: float, __: int) -> Any:
    """Light of `kelvin` on a camera set to daylight."""
    return A.Lambda(image=partial(_times_light, gains=illuminant_gains(kelvin)))


def _contrast(_: Case, times: float, __: int) -> Any:
    """Differences from the mean grey, multiplied."""
    still = (1.0, 1.0)
    return A.ColorJitter(still, (times, times), saturation=still, hue=(0.0, 0.0), p=1)


def _shadow(case: Case, share: float, _: int) -> Any:
    """Two hard-edged shadows, each of five corners that all lie in the box around the glasses."""
    height, width = case.photo.size
    x0, y0, x1, y1 = _bounds(case)
    roi = (x0 / width, y0 / height, x1 / width, y1 / height)
    return A.RandomShadow(roi, (2, 2), shadow_intensity_range=(share, share), p=1)


def _noise(_: Case, iso: float, __: int) -> Any:
    """Shot noise of the photons that are left at `iso`, by Poisson, in linear light."""
    each = iso / 100 / FULL_WELL
    return A.ShotNoise((each, each), p=1)


def _blur(case: Case, per_mille: float, _: int) -> Any:
    """Gaussian; sigma in thousandths of the photo's longer side."""
    sigma = per_mille / 1000 * max(case.photo.size)
    return A.GaussianBlur(blur_limit=0, sigma_limit=(sigma, sigma), p=1)


def _jpeg(_: Case, quality: float, __: int) -> Any:
    return A.ImageCompression("jpeg", (int(quality), int(quality)), p=1)


def _resize(times: float) -> Any:
    limits = (times - 1, times - 1)
    return A.RandomScale(limits, area_for_downscale="image_mask", **_LINEAR, p=1)


def _scale(_: Case, times: float, __: int) -> Any:
    """The whole photo with fewer or more pixels."""
    return _resize(times)


def _distance(case: Case, times: float, _: int) -> Any:
    """The photo shrunk within a frame of its old size, as if seen from further off."""
    height, width = case.photo.size
    fill = _border_colour(case.photo.rgb)
    return A.Sequential([_resize(1 / times), A.PadIfNeeded(height, width, fill=fill, p=1)], p=1)


def _rotation(case: Case, degrees: float, _: int) -> Any:
    """Counterclockwise about the middle; the picture grows to hold all of the photo."""
    fill = _border_colour(case.photo.rgb)
    return A.Affine(rotate=(degrees, degrees), fit_output=True, fill=fill, **_LINEAR, p=1)


class _Tilt(A.Perspective):  # type: ignore[misc]  # the library is untyped
    """albumentations' perspective, by a matrix that is known in place of four random corners."""

    def __init__(self, degrees: float, fill: tuple[float, ...]) -> None:
        super().__init__(keep_size=False, fill=fill, **_LINEAR, p=1)
        self.degrees = degrees

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        matrix, (width, height) = tilt_matrix(self.degrees, params["shape"][:2])
        return {"matrix": matrix, "matrix_bbox": matrix, "max_width": width, "max_height": height}


def tilt_matrix(degrees: float, size: tuple[int, int]) -> tuple[Any, tuple[int, int]]:
    """Return how a photo looks that is turned about its upright middle line.

    The camera is as far away as the photo's longer side is long, so that this side, before the
    turn, is seen under 53 degrees; it has that length as focal length too, so the middle keeps
    its scale.

    Args:
        degrees: positive moves the right side away.
        size: height and width of the photo.

    Returns:
        3 x 3 homography of pixels, and the (width, height) that holds the whole picture.
    """
    height, width = size
    far, angle = float(max(size)), np.radians(degrees)
    centred = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
    turn = np.array([[far * np.cos(angle), 0, 0], [0, far, 0], [np.sin(angle), 0, far]])
    corners = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], float)
    seen = cv2.perspectiveTransform(corners, turn @ centred)[0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    shift = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]])
    extent = np.ceil(np.round(high - low, 6)).astype(int) + 1
    return shift @ turn @ centred, (int(extent[0]), int(extent[1]))


def _perspective(case: Case, degrees: float, _: int) -> Any:
    return _Tilt(degrees, _border_colour(case.photo.rgb))


def _crop(case: Case, share: float, seed: int) -> Any:
    """Cut through the glasses: `share` of their box's width or height is off, at one side.

    Which side depends on the photo; over many photos, all four come up.
    """
    height, width = case.photo.size
    edges = [0, 0, width, height]
    low, high = np.split(_bounds(case), 2)
    side = seed % 4
    axis = side % 2
    inwards = share * (high - low)[axis]
    edges[side] = round(float(low[axis] + inwards if side < 2 else high[axis] - inwards))
    return A.Crop(*edges, p=1)


def _bounds(case: Case) -> Floats:
    return np.asarray(box_around(case.truth.glasses)[0])


BUILDERS: dict[str, Callable[[Case, float, int], Any]] = {
    "exposure": _exposure,
    "white_balance": _white_balance,
    "contrast": _contrast,
    "shadow": _shadow,
    "noise": _noise,
    "blur": _blur,
    "jpeg": _jpeg,
    "scale": _scale,
    "distance": _distance,
    "rotation": _rotation,
    "perspective": _perspective,
    "crop": _crop,
}
