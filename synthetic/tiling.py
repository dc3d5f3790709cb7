"""Building blocks of tileable pictures: all of them go on across the border without a seam.

Pictures are sRGB float32 in 0..1, (size, size, 3); noise and heights are float32 (size, size).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Array8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
Rng = np.random.Generator


def grid(size: int) -> tuple[Float, Float]:
    """Pixel centres in 0..1: down (size, 1) and across (1, size)."""
    axis = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return axis[:, None], axis[None, :]


def random_colour(rng: Rng, low: float = 0.05, high: float = 0.97) -> Float:
    """A colour, sRGB float32 (3,): greys, muted and, less often, strong ones."""
    value = rng.uniform(low, high)
    saturation = float(
        rng.choice(
            [rng.uniform(0, 0.06), rng.uniform(0.05, 0.4), rng.random()], p=[0.35, 0.45, 0.2]
        )
    )
    hsv = np.array([[[rng.uniform(0, 360), saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], dtype=np.float32)


def vary(rng: Rng, colour: Float, spread: float) -> Float:
    """A colour nearby, with normal deviation `spread` a channel."""
    return np.clip(colour + rng.normal(0, spread, 3), 0, 1).astype(np.float32)


def mix(first: Float, second: Float, share: Float) -> Float:
    """(H, W, 3) going from `first` (share 0) to `second` (share 1)."""
    return np.asarray(first + (second - first) * share[..., None], dtype=np.float32)


def noise(rng: Rng, size: int, cells_y: int, cells_x: int) -> Float:
    """Smooth periodic noise of about unit deviation with that many cells down and across."""
    cells_y, cells_x = min(cells_y, size), min(cells_x, size)
    grid = rng.standard_normal((cells_y, cells_x), dtype=np.float32)
    padded = np.pad(grid, 3, mode="wrap")
    # Resampling maps pixel centres; cutting whole cells off keeps the period.
    scale_y, scale_x = size / cells_y, size / cells_x
    shift = np.array(
        [[scale_x, 0, (0.5 - 3) * scale_x - 0.5], [0, scale_y, (0.5 - 3) * scale_y - 0.5]],
        np.float32,
    )
    out = cv2.warpAffine(
        padded, shift, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, dtype=np.float32)


def fractal(rng: Rng, size: int, cells: tuple[int, int] = (4, 4), octaves: int = 5) -> Float:
    """Octaves of periodic noise at halving weight, unit deviation."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        total += noise(rng, size, cells[0] << octave, cells[1] << octave) * 0.55**octave
    return np.asarray(total / (total.std() + 1e-6), dtype=np.float32)


def relief(height: Float, rng: Rng, strength: float) -> Float:
    """Shading of a height map lit from a random side: multiplies the colour, mean about 1."""
    angle = rng.uniform(0, 2 * np.pi)
    slope_y = np.roll(height, -1, 0) - np.roll(height, 1, 0)
    slope_x = np.roll(height, -1, 1) - np.roll(height, 1, 1)
    slope = slope_y * np.float32(np.sin(angle)) + slope_x * np.float32(np.cos(angle))
    slope *= np.float32(strength / (slope.std() + 1e-6))
    return np.asarray(np.clip(1 + slope, 0.4, 1.6), dtype=np.float32)


def _scatter(rng: Rng, size: int, number: int) -> Array8:
    """Distance-transform input: zeros at random points, wrapped a quarter tile outwards."""
    free = np.full((size, size), 255, np.uint8)
    free[rng.integers(0, size, number), rng.integers(0, size, number)] = 0
    return np.pad(free, size // 4, mode="wrap")


def cell_distance(rng: Rng, size: int, number: int) -> Float:
    """Distance to the nearest of random points in units of the mean cell, periodic."""
    distance = cv2.distanceTransform(_scatter(rng, size, number), cv2.DIST_L2, 5)
    pad = size // 4
    middle = distance[pad : pad + size, pad : pad + size]
    return np.asarray(middle * (np.sqrt(number) / size), dtype=np.float32)


def wrap_offsets(
    centre: npt.NDArray[np.float64], radius: float, size: int
) -> list[tuple[int, int]]:
    """Offsets at which a shape has to be drawn so that it continues across the border."""
    steps = [
        [0, *([size] if c < radius + 1 else []), *([-size] if c > size - radius - 1 else [])]
        for c in centre
    ]
    return [(x, y) for x in steps[0] for y in steps[1]]
