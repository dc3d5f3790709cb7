"""Depth of field after the fact: a picture blurred by distance, its coverage maps alike."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

_FINE = 1.5  # radius of the level that is computed at full size
_COARSE = (4.0, 10.0, 24.0)  # those at half size; blur in between is interpolated
_LARGEST = _COARSE[-1]
_CROSS = np.ones((3, 3), np.uint8)


def blur_at_infinity(focal_mm: float, f_number: float, focus_m: float,
                     pixels_per_mm: float) -> float:
    """Radius in pixels of the blur disc of a point at infinity (thin lens); pixels_per_mm is
    that of the sensor."""
    focus_mm = max(focus_m * 1000, focal_mm * 1.01)
    return focal_mm**2 / (f_number * (focus_mm - focal_mm)) / 2 * pixels_per_mm


def depth_of_field(rgb: Float, maps: Float, depth: Float, focus: float,
                   aperture: float) -> tuple[Float, Float]:
    """Blur what is out of focus, in the picture and in its coverage maps with the same kernels.

    rgb: linear, float32 (H, W, 3). maps: float32 (H, W, P). depth: float32 (H, W), distance from
    the camera. focus: the distance that is sharp, same unit. aperture: radius in pixels of the
    blur disc at infinity (`blur_at_infinity`); the radius at depth d is aperture * |1 - focus/d|,
    at most 24 pixels. Returns new rgb and maps.

    The far field is gathered from what is itself blurred, so that a sharp frame gets no halo;
    the near field is spread over what lies behind it. Half-covered pixels at an edge count to
    the nearer side.
    """
    radius = (aperture * (1 - focus / np.maximum(depth, 1e-6))).astype(np.float32)
    far = np.asarray(cv2.erode(np.clip(radius, 0, _LARGEST), _CROSS), np.float32)
    near = np.asarray(cv2.dilate(np.clip(-radius, 0, _LARGEST), _CROSS), np.float32)
    for field, act in ((far, _far_field), (near, _near_field)):
        if float(field.max()) > 0.5:
            rgb = by_planes(lambda part, a=act, f=field: a(part, f), rgb)  # type: ignore[misc]
            maps = by_planes(lambda part, a=act, f=field: a(part, f), maps)  # type: ignore[misc]
    return rgb, maps


def by_planes(operation: Callable[[Float], Float], stack: Float) -> Float:
    """Apply to (H, W, up to 3) at a time: OpenCV filters at most four channels at once.

    Threes that are empty everywhere are left as they are.
    """
    parts = [np.ascontiguousarray(stack[..., i : i + 3]) for i in range(0, stack.shape[2], 3)]
    done = [operation(part) if part.any() else part for part in parts]
    shaped = [part if part.ndim == 3 else part[..., None] for part in done]
    return shaped[0] if len(shaped) == 1 else np.concatenate(shaped, -1)


def _far_field(part: Float, radius: Float) -> Float:
    """Each pixel as the mean over its own disc of the pixels that are about as blurred."""
    deepest = float(radius.max())
    weight = np.clip(radius / np.float32(_FINE), 1e-3, 1)
    laden = np.dstack([part * weight[..., None], weight])
    fine = _divided(cv2.GaussianBlur(laden, (0, 0), _FINE / 2, borderType=cv2.BORDER_REPLICATE))
    result = _lerp(part, fine, np.minimum(radius / np.float32(_FINE), 1))
    if deepest <= _FINE:
        return result
    half = (max(1, part.shape[1] // 2), max(1, part.shape[0] // 2))
    small, spread = _resized(laden, half), _resized(radius, half)
    coarse, lower = None, _FINE
    for level in _COARSE:
        if deepest <= lower:
            break
        own = np.clip(spread / np.float32(level), 1e-3, 1)
        mean = _divided(_disc(small * own[..., None], level / 2))
        step = np.clip((spread - lower) / np.float32(level - lower), 0, 1)
        coarse = mean if coarse is None else _lerp(coarse, mean, step)
        lower = level
    assert coarse is not None
    large = _enlarged(coarse, part.shape)
    share = np.clip((radius - _FINE) / np.float32(_COARSE[0] - _FINE), 0, 1)
    return _lerp(result, large, share)


def _near_field(part: Float, radius: Float) -> Float:
    """Pixels before the focus, spread over their discs and laid over the rest."""
    nearest = float(radius.max())
    member = np.clip(radius * 2 - 0.5, 0, 1)  # how far a pixel has left the sharp zone
    size = (max(1, part.shape[1] // 2), max(1, part.shape[0] // 2))
    laden = np.dstack([part * member[..., None], member])
    fine = np.clip(1 - (radius - _FINE) / np.float32(_COARSE[0] - _FINE), 0, 1)
    spread = cv2.GaussianBlur(laden * fine[..., None], (0, 0), max(0.3, min(nearest, _FINE) / 2),
                              borderType=cv2.BORDER_REPLICATE)
    small, reach = _resized(laden, size), _resized(radius, size)
    if nearest > _FINE:
        total = np.zeros_like(small)
        for lower, level, upper in zip((_FINE, *_COARSE), _COARSE, (*_COARSE[1:], 1e9),
                                       strict=False):
            if nearest > lower:
                rise = np.clip((reach - lower) / np.float32(level - lower), 0, 1)
                fall = np.clip((reach - level) / np.float32(upper - level), 0, 1)
                total += _disc(small * (rise - fall)[..., None], level / 2)
        spread = spread + _enlarged(total, part.shape)
    cover = np.clip(spread[..., 3:] if part.shape[2] == 3 else spread[..., -1:], 0, 1)
    behind = _lerp(part, _behind(part, member, nearest), member)
    return np.asarray(behind * (1 - cover) + spread[..., :-1], dtype=np.float32)


def _behind(part: Float, member: Float, nearest: float) -> Float:
    """What may lie behind blurred near pixels: the mean of the others around them."""
    size = (max(1, part.shape[1] // 2), max(1, part.shape[0] // 2))
    rest = 1 - member
    small = _resized(np.dstack([part * rest[..., None], rest]), size)
    wide = _disc(small, max(nearest, 3.0)) + 1e-3 * _disc(small, 24.0)
    # Deep inside there is nothing to go by, and the spread covers it anyway.
    return _enlarged(_divided(wide + np.float32(1e-9)), part.shape)


def _divided(laden: npt.ArrayLike) -> Float:
    stack = np.asarray(laden, np.float32)
    return np.asarray(stack[..., :-1] / np.maximum(stack[..., -1:], 1e-8), dtype=np.float32)


def _lerp(first: Float, second: Float, share: Float) -> Float:
    return np.asarray(first + (second - first) * share[..., None], dtype=np.float32)


def _resized(stack: Float, size: tuple[int, int]) -> Float:
    return np.asarray(cv2.resize(stack, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarged(stack: Float, shape: tuple[int, ...]) -> Float:
    large = cv2.resize(stack, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32).reshape(shape[0], shape[1], -1)


def _disc(stack: Float, radius: float) -> Float:
    """A Gaussian with the variance of a disc of that radius; wide ones at reduced size."""
    factor = 1
    while radius / factor >= 4 and min(stack.shape[:2]) // (factor * 2) >= 8:
        factor *= 2
    small = stack
    if factor > 1:
        small = _resized(stack, (stack.shape[1] // factor, stack.shape[0] // factor))
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), radius / factor / 2,
                                        borderType=cv2.BORDER_REPLICATE), np.float32)
    return _enlarged(small, stack.shape) if factor > 1 else small
