"""Equirectangular maps of linear RGB radiance, float32 (128, 256, 3): where a texel looks.

Convention, y up: the texel at (u, v), both in 0..1 from the upper left, looks along
`phi = 2 pi (u - 0.5)`, `theta = pi v`,
`d = (sin theta sin phi, cos theta, -sin theta cos phi)`;
so the first row is the zenith, the middle column looks along -z, and u grows towards +x.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
HEIGHT, WIDTH = 128, 256
LUMA: Float = np.array([0.2126, 0.7152, 0.0722], np.float32)


@cache
def directions(height: int = HEIGHT, width: int = WIDTH) -> Float:
    """Unit vectors of the texel centres, float32 (height, width, 3), read-only."""
    theta = (np.arange(height) + 0.5) / height * np.pi
    phi = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    sine = np.sin(theta)[:, None]
    grid = np.stack(
        np.broadcast_arrays(sine * np.sin(phi), np.cos(theta)[:, None], -sine * np.cos(phi)), -1
    )
    return frozen(grid.astype(np.float32))


@cache
def solid_angles(height: int = HEIGHT, width: int = WIDTH) -> Float:
    """Steradians of the texels of each row, float32 (height, 1); they sum to 4 pi."""
    edges = np.cos(np.linspace(0, np.pi, height + 1))
    rows = (edges[:-1] - edges[1:]) * 2 * np.pi / width
    return frozen(rows[:, None].astype(np.float32))


def normalised(env: Float) -> Float:
    """Scaled so that a white diffuse surface facing up has radiance 1."""
    up = np.maximum(directions(*env.shape[:2])[..., 1], 0) * solid_angles(*env.shape[:2])
    radiance = float(((env @ LUMA) * up).sum()) / np.pi
    return np.asarray(env / max(radiance, 1e-6), dtype=np.float32)


def rotate(env: Float, radians: float) -> Float:
    """The map turned about y, so that what was at phi is at phi + radians (-z towards +x)."""
    width = env.shape[1]
    shift = radians / (2 * np.pi) * width
    whole = int(np.floor(shift))
    part = np.float32(shift - whole)
    near = np.roll(env, whole, axis=1)
    return np.asarray(near + (np.roll(near, 1, axis=1) - near) * part, dtype=np.float32)


def harmonics(normals: npt.ArrayLike) -> Float:
    """Real spherical harmonics to order 2 of unit vectors (..., 3): float32 (..., 9).

    Order: 1, y, z, x, xy, yz, 3z^2-1, xz, x^2-y^2, with the constants 0.282095, 0.488603,
    1.092548, 0.315392 and 0.546274.
    """
    x, y, z = np.moveaxis(np.asarray(normals, np.float32), -1, 0)
    return np.stack(
        [
            np.full_like(x, 0.282095),
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        -1,
    ).astype(np.float32)


def frozen(array: Float) -> Float:
    """The same array, read-only from now on."""
    array.flags.writeable = False
    return array
