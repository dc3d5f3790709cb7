"""Changes to a training crop's look: shadows, light, colour, sharpness, noise, compression.

Everything is OpenCV on uint8, a few milliseconds a crop, drawn from one generator.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[Any]  # uint8; OpenCV's stubs promise less


def photometric(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    """Return `rgb`, uint8 (S, S, 3), as another camera in another light might have had it."""
    if rng.random() < 0.8:
        rgb = cv2.LUT(rgb, _tone_curves(rng))
    if rng.random() < 0.3:
        rgb = _saturate(rng, rgb)
    if rng.random() < 0.25:
        rgb = _shade(rng, rgb)
    if rng.random() < 0.2:
        rgb = _coarsen(rng, rgb)
    if rng.random() < 0.25:
        rgb = _blur(rng, rgb)
    if rng.random() < 0.15:
        rgb = _sharpen(rng, rgb)
    if rng.random() < 0.3:
        rgb = _noise(rng, rgb)
    if rng.random() < 0.3:
        rgb = _compress(rng, rgb)
    return rgb


def cast_shadow(rng: np.random.Generator, rgb: Bytes, frame: Bytes, lens: Bytes) -> Bytes:
    """Return `rgb` with one more shadow of the glasses, rather on what is behind them.

    Shadows that hang on to a rim or a temple's tip and have its outline are what a segmenter most
    often takes along. The shadow is the glasses' coverage, sheared and squashed about the line
    where they stand, moved a little, blurred, and tinted hardly.

    Args:
        rng: draws it.
        rgb: uint8 (S, S, 3).
        frame, lens: uint8 (S, S), coverage of all glasses in the picture.
    """
    whole = cv2.max(frame, lens)
    x, y, w, h = cv2.boundingRect((whole > 127).astype(np.uint8))
    if w < 8 or h < 8:
        return rgb
    caster = cv2.addWeighted(frame, 1.0, lens, float(rng.choice([0.1, 0.3, 0.9])), 0)
    ground = y + h * (1.0 if rng.random() < 0.7 else rng.uniform(0.3, 1.0))
    squash, shear = rng.uniform(-0.8, 1.1), rng.normal(0, 0.5)
    if rng.random() < 0.4:  # lying flat, or seen from above
        squash, shear = rng.normal(1, 0.05), rng.normal(0, 0.05)
    shift = rng.normal(0, 0.04 * w, 2)
    matrix = np.array(
        [[1, shear, shift[0] - shear * ground], [0, squash, shift[1] + (1 - squash) * ground]]
    )
    shadow = cv2.warpAffine(caster, matrix, rgb.shape[1::-1])
    sigma = float(rgb.shape[0] / 512 * np.exp(rng.uniform(np.log(0.4), np.log(7))))
    shadow = cv2.GaussianBlur(shadow, (0, 0), sigma).astype(np.float32)
    seen = 255 - (cv2.addWeighted(frame, 1.0, lens, 0.3, 0) if rng.random() < 0.7 else whole)
    depth = shadow * seen.astype(np.float32) * np.float32(rng.uniform(0.15, 0.85) / 255**2)
    tint = np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    shaded: Bytes = np.clip(rgb * (1 - depth[..., None] * tint), 0, 255).astype(np.uint8)
    return shaded


def block_light(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    """Return `rgb`, uint8 (S, S, 3), with shadows of things out of the picture, across all in it.

    Their borders run over glasses and ground alike, hard or soft, and are no borders of anything.
    """
    side = rgb.shape[0]
    draw = (_polygons, _polygons, _polygons, _stripes, _blotches)[int(rng.integers(5))]
    shade = draw(rng, side)
    wide = float(side / 512 * np.exp(rng.uniform(np.log(0.5), np.log(20))))
    shade = cv2.GaussianBlur(shade, (0, 0), wide if rng.random() < 0.6 else 0.5)
    depth = rng.uniform(0.1, 0.85) * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    share = shade.astype(np.float32)[..., None] * np.float32(1 / 255)
    shaded: Bytes = np.clip(rgb * (1 - share * depth), 0, 255).astype(np.uint8)
    return shaded


def _polygons(rng: np.random.Generator, side: int) -> Bytes:
    """One to three polygons, some as small as a lens, darker where they cross: uint8 (S, S)."""
    shade: Bytes = np.zeros((side, side), np.uint8)
    count = int(rng.integers(1, 4))
    for _ in range(count):
        reach = float(np.exp(rng.uniform(np.log(0.15), np.log(0.8))))
        corners = rng.uniform(0, 1, 2) + rng.uniform(-reach, reach, (int(rng.integers(3, 7)), 2))
        one = np.zeros_like(shade)
        cv2.fillPoly(one, [(side * corners).astype(np.int32)], 255 // count)
        shade = cv2.add(shade, one)
    return shade


def _stripes(rng: np.random.Generator, side: int) -> Bytes:
    """Stripes as of blinds, or the border of one large shadow: uint8 (S, S) of 0 and 255."""
    angle = rng.uniform(0, np.pi)
    period = float(np.exp(rng.uniform(np.log(0.06), np.log(3))))
    steps = np.arange(side, dtype=np.float32) / (period * side)
    phase = steps * np.cos(angle) + steps[:, None] * np.sin(angle) + rng.random()
    return np.where(phase % 1 < rng.uniform(0.2, 0.8), 255, 0).astype(np.uint8)


def _blotches(rng: np.random.Generator, side: int) -> Bytes:
    """Blotches as of leaves: uint8 (S, S) of 0 and 255."""
    cells = int(rng.integers(3, 16))
    grid = rng.random((cells, cells), np.float32)
    field = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.where(field > rng.uniform(0.4, 0.65), 255, 0).astype(np.uint8)


def _tone_curves(rng: np.random.Generator) -> Bytes:
    """Brightness, contrast, gamma and white balance in one table, uint8 (256, 3)."""
    ramp = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.25))
    contrast = np.exp(rng.normal(0, 0.2))
    pivot = rng.uniform(0.3, 0.8)
    cast = np.exp(rng.normal(0, 0.09, 3)) if rng.random() < 0.5 else np.ones(3)
    curve = (ramp**gamma - pivot) * contrast + pivot + rng.normal(0, 0.06)
    curve = curve * cast
    if rng.random() < 0.02:
        curve = 1 - curve
    table: Bytes = (np.clip(curve, 0, 1) * 255).astype(np.uint8).reshape(1, 256, 3)
    return table


def _saturate(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.25:
        return grey
    amount = rng.uniform(0.2, 1.7)
    return cv2.addWeighted(rgb, amount, grey, 1 - amount, 0)


def _shade(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    """A smooth light fall-off over the picture."""
    grid = rng.uniform(0.6, 1.3, (3, 3)).astype(np.float32)
    field = cv2.resize(grid, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    shaded: Bytes = np.clip(rgb * field[..., None], 0, 255).astype(np.uint8)
    return shaded


def _coarsen(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    """A photo of low resolution, enlarged."""
    side = rgb.shape[0]
    small = max(16, int(side * rng.uniform(0.4, 0.9)))
    less = cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA)
    way = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    return cv2.resize(less, (side, side), interpolation=way)


def _blur(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    sigma = rng.uniform(0.4, 1.6) * rgb.shape[0] / 512
    return cv2.GaussianBlur(rgb, (0, 0), max(sigma, 0.3))


def _sharpen(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    soft = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.6, 2.0))
    amount = rng.uniform(0.3, 1.2)
    return cv2.addWeighted(rgb, 1 + amount, soft, -amount, 0)


def _noise(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    sigma = rng.uniform(1, 12)
    shape = rgb.shape if rng.random() < 0.6 else (*rgb.shape[:2], 1)
    noise = rng.standard_normal(shape, dtype=np.float32) * sigma
    noisy: Bytes = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    return noisy


def _compress(rng: np.random.Generator, rgb: Bytes) -> Bytes:
    quality = int(rng.integers(25, 92))
    _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded
