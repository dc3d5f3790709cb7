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


def depth_of_field(
    rgb: Float, maps: Float, depth: Float, focus: float, aperture: float
) -> tuple[Float, Float]:
    """Blur what is out of focus, in the picture and in its coverage maps with the same kernels.

    rgb: linear, float32 (H, W, 3). maps: float32 (H, W, P). depth: float32 (H, W), distance from
    the camera. focus: the distance that is sharp, same unit. aperture: radius in pixels of the
    blur disc at infinity; the radius at depth d is aperture * |1 - focus/d|,
    at most 24 pixels. Returns new rgb and maps.

    The far field is gathered from what is itself blurred, so that a sharp frame gets no halo;
    the near field is spread over what lies behind it. Half-covered pixels at an edge count to
    the nearer side.
    """
    radius = (aperture * (1 - focus / np.maximum(depth, 1e-6))).astype(np.float32)
    far = np.asarray(cv2.erode(np.clip(radius, 0, _LARGEST), _CROSS), np.float32)
    near = np.asarray(cv2.dilate(np.clip(-radius, 0, _LARGEST), _CROSS), np.float32)
    stack = np.concatenate([rgb, maps], -1)
    for field, act in ((far, _far_field), (near, _near_field)):
        if float(field.max()) > 0.5:
            stack = _where_needed(stack, field, act)
    return stack[..., : rgb.shape[2]], stack[..., rgb.shape[2] :]


def _where_needed(stack: Float, radius: Float, act: Callable[[Float, Float], Float]) -> Float:
    """Apply `act` to the rectangle that has blur in it and as much around as it can reach."""
    x, y, width, height = cv2.boundingRect((radius > 0.25).astype(np.uint8))
    reach = int(2 * float(radius.max())) + 8
    rows = slice(max(0, y - reach), y + height + reach)
    columns = slice(max(0, x - reach), x + width + reach)
    part = np.ascontiguousarray(radius[rows, columns])
    result = stack.copy()
    result[rows, columns] = by_planes(lambda planes: act(planes, part), stack[rows, columns])
    return result


def by_planes(operation: Callable[[Float], Float], stack: Float) -> Float:
    """Apply to (H, W, 3) at a time, what lacks at the end filled with zeros: OpenCV is fast and
    complete for three channels. Threes that are empty everywhere are left as they are."""
    done = []
    for first in range(0, stack.shape[2], 3):
        part = np.ascontiguousarray(stack[..., first : first + 3])
        count = part.shape[2]
        if count < 3:
            part = np.dstack([part, np.zeros((*part.shape[:2], 3 - count), np.float32)])
        done.append((operation(part) if part.any() else part)[..., :count])
    return done[0] if len(done) == 1 else np.concatenate(done, -1)


def _far_field(part: Float, radius: Float) -> Float:
    """Each pixel as the mean over its own disc of the pixels that are about as blurred."""
    deepest = float(radius.max())
    weight = np.clip(radius / np.float32(_FINE), 1e-3, 1)
    laden = _times(part, weight)
    fine = _over(_disc(laden, _FINE), _disc(weight, _FINE))
    result = _lerp(part, fine, np.minimum(radius / np.float32(_FINE), 1))
    if deepest <= _FINE:
        return result
    laden, weight, spread = _halved(laden), _halved(weight), _halved(radius)
    coarse, lower = _halved(result), _FINE
    for level in _COARSE:
        if deepest <= lower:
            break
        own = np.clip(spread / np.float32(level), 1e-3, 1)
        mean = _over(_disc(_times(laden, own), level / 2), _disc(weight * own, level / 2))
        # The first level is mixed in at full size below.
        step = np.clip((spread - lower) / np.float32(level - lower), 0, 1)
        coarse = mean if lower == _FINE else _lerp(coarse, mean, step)
        lower = level
    share = np.clip((radius - _FINE) / np.float32(_COARSE[0] - _FINE), 0, 1)
    return _lerp(result, _sized(coarse, part.shape), share)


def _near_field(part: Float, radius: Float) -> Float:
    """Pixels before the focus, spread over their discs and laid over the rest."""
    nearest = float(radius.max())
    member = np.clip(radius * 2 - 0.5, 0, 1)  # how far a pixel has left the sharp zone
    laden = _times(part, member)
    fine = np.clip(1 - (radius - _FINE) / np.float32(_COARSE[0] - _FINE), 0, 1)
    reach = min(nearest, _FINE)
    spread, cover = _disc(_times(laden, fine), reach), _disc(member * fine, reach)
    if nearest > _FINE:
        for mask, total in ((False, spread), (True, cover)):
            total += _sized(_wide(member if mask else laden, radius, nearest), total.shape)
    # Where blur is slight the surface goes on: nothing lies open behind it.
    hidden = member * np.clip((radius - 1) / 3, 0, 1)
    behind = _lerp(part, _behind(part, member, nearest), hidden)
    over = np.maximum(cover, 1)  # discs that overlap can cover more than once
    return np.asarray(
        _times(behind, np.asarray(1 - cover / over, np.float32)) + _over(spread, over),
        dtype=np.float32,
    )


def _wide(laden: Float, radius: Float, nearest: float) -> Float:
    """The part of the near field that is blurred by more than the fine level, at half size."""
    small, reach = _halved(laden), _halved(radius)
    total = np.zeros_like(small)
    lowers, uppers = (_FINE, *_COARSE[:-1]), (*_COARSE[1:], 1e9)
    for lower, level, upper in zip(lowers, _COARSE, uppers, strict=True):
        if nearest > lower:
            rise = np.clip((reach - lower) / np.float32(level - lower), 0, 1)
            fall = np.clip((reach - level) / np.float32(upper - level), 0, 1)
            total += _disc(_times(small, rise - fall), level / 2)
    return total


def _behind(part: Float, member: Float, nearest: float) -> Float:
    """What may lie behind blurred near pixels: the mean of the others around them."""
    rest = _halved(1 - member)
    small = _times(_halved(part), rest)
    reach = max(nearest, 3.0)
    # Deep inside only the wide one knows anything, and there the spread covers it anyway.
    sums = _disc(small, reach) + 1e-3 * _disc(small, 24.0)
    weights = _disc(rest, reach) + 1e-3 * _disc(rest, 24.0)
    return _sized(_over(sums, np.asarray(weights, np.float32)), part.shape)


def _planes(mask: Float) -> Float:
    return np.asarray(cv2.merge([mask, mask, mask]), np.float32)


def _times(part: Float, mask: Float) -> Float:
    """(H, W, 3) or (H, W) times (H, W)."""
    factor = _planes(mask) if part.ndim == 3 else mask
    return np.asarray(cv2.multiply(part, factor), np.float32)


def _over(part: Float, mask: Float) -> Float:
    return np.asarray(cv2.divide(part, _planes(np.maximum(mask, 1e-8))), np.float32)


def _lerp(first: Float, second: Float, share: Float) -> Float:
    share = np.asarray(share, np.float32)
    return np.asarray(cv2.blendLinear(first, second, 1 - share, share), np.float32)


def _sized(stack: Float, shape: tuple[int, ...]) -> Float:
    large = cv2.resize(stack, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)


def _halved(stack: Float, factor: int = 2) -> Float:
    size = (max(1, stack.shape[1] // factor), max(1, stack.shape[0] // factor))
    return np.asarray(cv2.resize(stack, size, interpolation=cv2.INTER_AREA), np.float32)


def _disc(stack: Float, radius: float) -> Float:
    """A Gaussian with the variance of a disc of that radius; wide ones at reduced size."""
    factor = 1
    while radius / factor >= 4 and min(stack.shape[:2]) // (factor * 2) >= 8:
        factor *= 2
    small = _halved(stack, factor) if factor > 1 else stack
    sigma = max(radius / factor / 2, 0.1)
    side = 2 * int(np.ceil(3 * sigma)) + 1
    small = np.asarray(
        cv2.GaussianBlur(small, (side, side), sigma, borderType=cv2.BORDER_REPLICATE), np.float32
    )
    return _sized(small, stack.shape) if factor > 1 else small
