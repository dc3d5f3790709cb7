"""What lens and camera do to a rendered picture: focus, exposure, shake, noise, JPEG.

What moves light across pixels (`depth_of_field`, `smear`) does the same to the coverage maps
handed along, so that labels stay exact; what changes only values takes the picture alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from synthetic.focus import by_planes, depth_of_field

__all__ = [
    "CURVES",
    "CURVE_SHARES",
    "Settings",
    "depth_of_field",
    "expose",
    "photograph",
    "random_settings",
    "smear",
]

Array8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Rng = np.random.Generator
Curve = Literal["srgb", "soft", "filmic", "contrast", "flat"]
CURVES: tuple[str, ...] = get_args(Curve)
CURVE_SHARES = (0.3, 0.12, 0.22, 0.28, 0.08)

_STEPS = 8192
_WHITE = 8.0  # linear value that the curves end at


def expose(
    rgb: Float,
    exposure: float = 1.0,
    white_balance: tuple[float, float, float] = (1, 1, 1),
    curve: str = "srgb",
) -> Float:
    """Linear radiance (H, W, 3) to sRGB-encoded values in 0..1, float32 (H, W, 3).

    exposure: factor; 1 shows a linear 1.0 as full white under "srgb". white_balance: gains of
    red, green, blue. curve, one of `CURVES`: "srgb" clips, "soft" rolls highlights off, "filmic"
    is the ACES fit of Narkowicz (2015), "contrast" and "flat" steepen and flatten the middle.
    Raises ValueError for an unknown curve.
    """
    gains = np.asarray(white_balance, np.float32) * np.float32(exposure)
    root = np.sqrt(np.clip(rgb * gains, 0, _WHITE))
    index = root * np.float32((_STEPS - 1) / _WHITE**0.5)
    return np.asarray(_curve_table(curve)[index.astype(np.int16)], dtype=np.float32)


@lru_cache(maxsize=8)
def _curve_table(curve: str) -> Float:
    x = (np.arange(_STEPS) / (_STEPS - 1)) ** 2 * _WHITE
    if curve == "soft":  # straight to 0.6, then towards 1
        x = np.where(x < 0.6, x, 0.6 + 0.4 * (1 - np.exp(-(x - 0.6) / 0.4)))
    elif curve == "filmic":
        x = x * 0.8
        x = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    elif curve not in CURVES:
        raise ValueError(f"unknown tone curve {curve!r}; known: {', '.join(CURVES)}")
    x = np.clip(x, 0, 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    bent = {"contrast": 0.35, "flat": -0.3}.get(curve, 0.0)
    encoded = encoded + bent * (encoded**2 * (3 - 2 * encoded) - encoded)
    return np.asarray(encoded, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Settings:
    """One camera's faults, each zero for none.

    blur: sigma of an overall softness in pixels. motion: length of shake in pixels, along
    motion_angle (radians). vignette: darkening in the corners, 0..1. chromatic: shift of red
    against blue in the corners, pixels. noise: deviation at mid grey, 0..1 encoded. chroma: share
    of it in colour. sharpen: strength of the unsharp mask. flare: veil of stray light, 0..1.
    quality: JPEG, 1..100; 0 leaves it out.
    """

    blur: float = 0.0
    motion: float = 0.0
    motion_angle: float = 0.0
    vignette: float = 0.0
    chromatic: float = 0.0
    noise: float = 0.0
    chroma: float = 0.5
    sharpen: float = 0.0
    flare: float = 0.0
    quality: int = 0


def random_settings(rng: Rng) -> Settings:
    """Mostly a decent camera, sometimes a poor one."""
    poor = rng.random() < 0.2
    return Settings(
        blur=float(rng.uniform(0.3, 1.4) if poor else rng.uniform(0.25, 0.65)),
        motion=float(rng.uniform(1, 5)) if rng.random() < (0.2 if poor else 0.04) else 0.0,
        motion_angle=float(rng.uniform(0, np.pi)),
        vignette=float(rng.uniform(0, 0.35)) if rng.random() < 0.5 else 0.0,
        chromatic=float(rng.uniform(0, 1.2)) if rng.random() < 0.4 else 0.0,
        noise=float(np.exp(rng.uniform(np.log(0.01), np.log(0.045))))
        if poor
        else float(np.exp(rng.uniform(np.log(0.0005), np.log(0.01)))),
        chroma=float(rng.uniform(0.2, 0.9)),
        sharpen=float(rng.uniform(0.2, 1.5)) if rng.random() < 0.65 else 0.0,
        flare=float(rng.uniform(0.02, 0.25)) if rng.random() < 0.12 else 0.0,
        quality=int(rng.integers(40, 80) if poor else rng.integers(75, 98)),
    )


def smear(rgb: Float, maps: Float, settings: Settings) -> tuple[Float, Float]:
    """Softness and shake of `settings` over the picture (H, W, 3) and its maps (H, W, P)."""
    return _smeared(rgb, settings), by_planes(lambda part: _smeared(part, settings), maps)


def _smeared(part: Float, settings: Settings) -> Float:
    if settings.motion > 0.5:
        kernel = _stroke(round(settings.motion, 2), round(settings.motion_angle, 2))
        part = np.asarray(cv2.filter2D(part, -1, kernel, borderType=cv2.BORDER_REPLICATE))
    if settings.blur > 0.2:
        part = np.asarray(
            cv2.GaussianBlur(part, (0, 0), settings.blur, borderType=cv2.BORDER_REPLICATE)
        )
    return part


@lru_cache(maxsize=64)
def _stroke(length: float, angle: float) -> Float:
    """A line of that length through the middle of an odd kernel, sum 1."""
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    along = np.linspace(-length / 2, length / 2, 64)
    for x, y in zip(half + along * np.cos(angle), half + along * np.sin(angle), strict=True):
        left, top = int(x), int(y)
        fx, fy = x - left, y - top
        kernel[top : top + 2, left : left + 2] += np.outer([1 - fy, fy], [1 - fx, fx])
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def photograph(rgb01: Float, rng: Rng, settings: Settings) -> Array8:
    """Encoded picture (H, W, 3) in 0..1 to what the camera stores, uint8 (H, W, 3) sRGB.

    Vignette, stray light, chromatic shift, noise, sharpening, JPEG. `smear` comes before it.
    Depends on nothing but its arguments.
    """
    picture = np.array(rgb01, dtype=np.float32)
    if settings.vignette:
        picture *= 1 - settings.vignette * _corner_distance(picture.shape[:2])[..., None]
    if settings.flare:
        picture = _flared(picture, rng, settings.flare)
    if settings.chromatic:
        picture = _shifted(picture, settings.chromatic)
    if settings.noise:
        _add_noise(picture, rng, settings)
    if settings.sharpen:
        picture += (picture - cv2.GaussianBlur(picture, (5, 5), 1.0)) * settings.sharpen
    stored = np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, dtype=np.uint8)
    return _through_jpeg(stored, settings.quality) if settings.quality else stored


def _through_jpeg(rgb: Array8, quality: int) -> Array8:
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    assert back is not None, "a picture in memory can always be encoded and decoded"
    return np.ascontiguousarray(back[..., ::-1], dtype=np.uint8)


@lru_cache(maxsize=8)
def _corner_distance(size: tuple[int, int]) -> Float:
    """Squared distance from the middle, 1 in the corners: float32 (H, W)."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in size)
    return np.asarray((y[:, None] ** 2 + x**2) / 2, dtype=np.float32)


def _flared(picture: Float, rng: Rng, strength: float) -> Float:
    """A soft patch of stray light and the loss of contrast that comes with it."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:32, 0:32].astype(np.float32) / 31
    spot_y, spot_x, size = rng.uniform(-0.2, 1.2), rng.uniform(-0.2, 1.2), rng.uniform(0.15, 0.6)
    patch = np.exp(-((y - spot_y) ** 2 + (x - spot_x) ** 2) / (2 * size**2)) + 0.3
    tint = np.exp(rng.normal(0, 0.08, 3))
    veil = cv2.resize(
        (patch[..., None] * tint * strength).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    return np.asarray(picture + (1 - picture) * np.clip(veil, 0, 1), dtype=np.float32)


def _shifted(picture: Float, pixels: float) -> Float:
    """Red a little larger, blue a little smaller about the middle."""
    height, width = picture.shape[:2]
    middle = np.array([width / 2 - 0.5, height / 2 - 0.5], np.float32)
    step = pixels / max(float(np.hypot(*middle)), 1.0) / 2
    result = picture.copy()
    for channel, scale in ((0, 1 + step), (2, 1 - step)):
        move = np.array([[scale, 0, middle[0] * (1 - scale)], [0, scale, middle[1] * (1 - scale)]])
        result[..., channel] = cv2.warpAffine(
            np.ascontiguousarray(picture[..., channel]),
            move,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return result


def _add_noise(picture: Float, rng: Rng, settings: Settings) -> None:
    """Shot and read noise as they look after encoding: strongest in the shadows, partly in
    colour and coarse there, as cameras leave it. In place."""
    height, width = picture.shape[:2]
    fine = rng.standard_normal((height, width), dtype=np.float32)
    coarse = rng.standard_normal((height // 2 + 1, width // 2 + 1, 2), dtype=np.float32)
    colour = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    sigma = settings.noise * (1.45 - 0.9 * picture[..., 1])
    hue = np.float32(settings.chroma)
    picture += (fine * sigma)[..., None]
    picture[..., 0] += colour[..., 0] * sigma * hue
    picture[..., 2] += colour[..., 1] * sigma * hue
