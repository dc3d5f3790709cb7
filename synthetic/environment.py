"""Light around a scene: environment maps read or made up, filtered for shading.

Maps are equirectangular, linear RGB, float32 (128, 256, 3), y up; the direction of a texel is
stated in `synthetic.panorama`. They are scaled so that a white diffuse surface facing up has
radiance 1.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from synthetic.errors import AssetError
from synthetic.lights import KINDS, procedural
from synthetic.panorama import (
    HEIGHT,
    LUMA,
    WIDTH,
    directions,
    frozen,
    harmonics,
    normalised,
    rotate,
    solid_angles,
)

__all__ = [
    "KINDS",
    "ROUGHNESS",
    "ambient",
    "directions",
    "harmonics",
    "irradiance_coefficients",
    "key_light",
    "load_hdr",
    "prefilter",
    "prefilter_hdr",
    "procedural",
    "rotate",
]

Float = npt.NDArray[np.float32]
ROUGHNESS = (0.0, 0.25, 0.5, 0.75, 1.0)
_LEVEL_SHAPES = ((128, 256), (64, 128), (32, 64), (16, 32), (16, 32))
_PEAK = 400.0  # brightest texels against the rest: a sun stays a sun, a firefly does not


def load_hdr(path: Path) -> Float:
    """A Radiance HDR panorama as a map of this module, read-only; the last few stay in memory.

    Area-averaged down; the glow of suns and lamps is kept, single white-hot texels are spread
    and clipped. Raises AssetError when the file cannot be read.
    """
    return _loaded(Path(path))


@lru_cache(maxsize=32)
def _loaded(path: Path) -> Float:
    bgr = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if bgr is None or bgr.ndim != 3 or bgr.dtype != np.float32:
        raise AssetError(f"environment map cannot be read as Radiance HDR: {path}")
    finite = np.nan_to_num(bgr[..., 2::-1], nan=0.0, posinf=1e6, neginf=0.0)
    small = cv2.resize(finite, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return frozen(normalised(_calmed(np.maximum(small, 0))))


def prefilter(env: Float) -> tuple[list[Float], Float]:
    """Mirror images of the map for five roughnesses, and its irradiance.

    Returns the levels for `ROUGHNESS`, float32 (h, w, 3) each, level 0 being the map itself, and
    `irradiance_sh`, see `irradiance_coefficients`. Level k holds the mean radiance under a GGX
    lobe seen head-on (Karis, Real Shading in Unreal Engine 4, 2013). The lobe depends on two
    latitudes and a difference of longitudes, so it is applied exactly, poles included, as one
    small matrix for each frequency in longitude.
    """
    levels = [env]
    for roughness, shape in zip(ROUGHNESS[1:], _LEVEL_SHAPES[1:], strict=True):
        source = _reduced(env, shape)
        waves = np.fft.rfft(source, axis=1).transpose(1, 0, 2)
        blurred = np.fft.irfft(_lobe(roughness, shape) @ waves, shape[1], axis=0)
        levels.append(np.maximum(blurred.transpose(1, 0, 2), 0).astype(np.float32))
    return levels, irradiance_coefficients(env)


@lru_cache(maxsize=32)
def prefilter_hdr(path: Path) -> tuple[tuple[Float, ...], Float]:
    """`load_hdr` and `prefilter`; the results of the last few files stay in memory."""
    levels, irradiance = prefilter(load_hdr(path))
    return tuple(frozen(level) for level in levels), frozen(irradiance)


def irradiance_coefficients(env: Float) -> Float:
    """Nine spherical-harmonic coefficients of irradiance, float32 (9, 3).

    The cosine lobe is already in them (Ramamoorthi and Hanrahan, An Efficient Representation for
    Irradiance Environment Maps, 2001): E(n) = sum_i c_i Y_i(n) with the basis of
    `harmonics`; a diffuse surface sends out albedo * E / pi.
    """
    shape = env.shape[:2]
    basis = harmonics(directions(*shape)) * solid_angles(*shape)[..., None]
    radiance = np.tensordot(basis, env, axes=([0, 1], [0, 1]))
    cosine = np.array([np.pi] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5)
    return np.asarray(radiance * cosine[:, None], dtype=np.float32)


def key_light(env: Float) -> tuple[Float, Float, float]:
    """The light that casts the shadow: direction, colour, share.

    direction: float32 (3,), unit, from the scene towards the light, above the horizon.
    colour: float32 (3,), irradiance of a surface facing it (without cosine), linear RGB.
    share: what part of the irradiance of a level surface comes from it, 0..1: near 0 in a
    tent, near 1 under a single lamp.
    Diffuse shading with a shadow: the irradiance of `ambient(env)` from its coefficients plus
    visibility * colour * max(n.d, 0); coefficients of the whole map ring under a low sun.
    """
    shape = env.shape[:2]
    around, area = directions(*shape), solid_angles(*shape)
    part, peak = _key_part(env)
    luma = env @ LUMA
    weight = part * area
    centre = (around * (luma * weight)[..., None]).sum((0, 1))
    length = float(np.linalg.norm(centre))
    direction = centre / length if length > 1e-6 else peak
    colour = (env * weight[..., None]).sum((0, 1))
    level = luma * np.maximum(around[..., 1], 0) * area
    share = float((level * part).sum()) / max(float(level.sum()), 1e-6)
    return direction.astype(np.float32), colour.astype(np.float32), min(share, 1.0)


def ambient(env: Float) -> Float:
    """The map without its key light: what still shines into the shadow, same shape."""
    return np.asarray(env * (1 - _key_part(env)[0][..., None]), dtype=np.float32)


def _key_part(env: Float) -> tuple[Float, Float]:
    """How much of each texel is the key light (H, W), and the direction of its peak (3,)."""
    shape = env.shape[:2]
    around = directions(*shape)
    luma = env @ LUMA
    above = around[..., 1] > 0.05
    usable = cv2.blur(np.where(around[..., 1] > 0.12, luma, 0), (9, 9))
    peak = around[np.unravel_index(int(np.argmax(usable)), shape)]
    base = 1.5 * float(np.median(luma[above]))
    near = (around @ peak > np.cos(np.radians(28))) & above
    part = np.where(near, np.maximum(luma - base, 0) / np.maximum(luma, 1e-6), 0)
    return part.astype(np.float32), peak


def _reduced(env: Float, shape: tuple[int, int]) -> Float:
    """The map at a smaller size; rows count by their solid angle, which matters at the poles."""
    area = np.repeat(solid_angles(*env.shape[:2]), shape[1], axis=1)
    columns = cv2.resize(env, (shape[1], env.shape[0]), interpolation=cv2.INTER_AREA)
    laden = cv2.resize(columns * area[..., None], shape[::-1], interpolation=cv2.INTER_AREA)
    weight = cv2.resize(area, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(laden / weight[..., None], dtype=np.float32)


@cache
def _lobe(roughness: float, shape: tuple[int, int]) -> npt.NDArray[np.complex64]:
    """(width // 2 + 1, height, height): for each frequency in longitude, source to target rows."""
    height, width = shape
    theta = (np.arange(height) + 0.5) / height * np.pi
    turn = np.arange(width) * 2 * np.pi / width
    cosine = np.cos(theta)[:, None, None] * np.cos(theta)[None, :, None] + (
        np.sin(theta)[:, None] * np.sin(theta)[None]
    )[..., None] * np.cos(turn)
    half = (1 + np.clip(cosine, -1, 1)) / 2  # cos^2 of the half vector's angle
    alpha2 = roughness**4
    weight = np.maximum(cosine, 0) / (half * (alpha2 - 1) + 1) ** 2
    weight *= solid_angles(height, width)[None]
    weight /= weight.sum((1, 2), keepdims=True)
    return np.ascontiguousarray(np.fft.rfft(weight, axis=2).transpose(2, 0, 1), np.complex64)


def _calmed(env: Float) -> Float:
    luma = env @ LUMA
    level = float(np.minimum(luma, np.percentile(luma, 99)).mean())
    cap = np.float32(_PEAK * max(level, 1e-6))
    excess = np.maximum(env - cap, 0)
    spread = cv2.GaussianBlur(excess, (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.minimum(np.minimum(env, cap) + spread, 2 * cap), dtype=np.float32)
