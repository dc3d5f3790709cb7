"""Environments made up from a seed: tents, softboxes, windows, lamps, skies.

Maps follow the convention of `synthetic.panorama`.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from synthetic.panorama import HEIGHT, WIDTH, directions, normalised

Float = npt.NDArray[np.float32]
Rng = np.random.Generator


def procedural(rng: Rng, kind: str) -> Float:
    """An environment map, linear RGB float32 (128, 256, 3). `kind` is one of `KINDS`.

    Scaled so that a white diffuse surface facing up has radiance 1 before the colour cast.
    Raises ValueError for an unknown kind.
    """
    if kind not in _MAKERS:
        raise ValueError(f"unknown environment {kind!r}; known: {', '.join(KINDS)}")
    env = _MAKERS[kind](rng)
    return normalised(np.maximum(env, 1e-4)) * _cast(rng)


def _cast(rng: Rng) -> Float:
    """White balance that the camera did not get right, luminance about 1: mostly slight."""
    warm = rng.normal(0, 0.04) if rng.random() < 0.85 else rng.normal(0, 0.2)
    green = rng.normal(0, 0.02)
    return np.asarray(np.exp([warm, green, -warm]), dtype=np.float32)


def _lamp_colour(rng: Rng) -> Float:
    warm = rng.normal(0.05, 0.12)
    return np.asarray(np.exp([warm, 0.0, -1.3 * warm]), dtype=np.float32)


def _aim(azimuth: float, elevation: float) -> npt.NDArray[np.float64]:
    """Unit vector; azimuth 0 is -z, growing towards +x. Radians."""
    flat = np.cos(elevation)
    return np.array([flat * np.sin(azimuth), np.sin(elevation), -flat * np.cos(azimuth)])


def _shape(rng: Rng, low: float = 0.15, high: float = 1.45) -> npt.NDArray[np.float64]:
    return _aim(rng.uniform(-np.pi, np.pi), rng.uniform(low, high))


def _plane(centre: npt.NDArray[np.float64], roll: float) -> tuple[Float, Float]:
    """Coordinates on the plane tangent at `centre` (gnomonic), far away behind it: (H, W) each."""
    pole = np.array([0.0, 1.0, 0.0]) if abs(centre[1]) < 0.95 else np.array([0.0, 0.0, 1.0])
    right = np.cross(pole, centre)
    right /= np.linalg.norm(right)
    above = np.cross(centre, right)
    turned = right * np.cos(roll) + above * np.sin(roll)
    rest = above * np.cos(roll) - right * np.sin(roll)
    basis = np.stack([turned, rest, centre], -1).astype(np.float32)
    x, y, depth = np.moveaxis(directions() @ basis, -1, 0)
    ahead = depth > 0.05
    return np.where(ahead, x / np.maximum(depth, 0.05), 99), np.where(
        ahead, y / np.maximum(depth, 0.05), 99
    )


def _soft(distance: Float, edge: float) -> Float:
    """1 inside (negative), 0 outside, going over `edge`."""
    return np.asarray(np.clip(0.5 - distance / np.float32(edge), 0, 1), dtype=np.float32)


def _box(x: Float, y: Float, half: tuple[float, float], edge: float) -> Float:
    return _soft(np.maximum(np.abs(x) - half[0], np.abs(y) - half[1]).astype(np.float32), edge)


def _panel(
    rng: Rng, centre: npt.NDArray[np.float64], half: tuple[float, float], power: float
) -> Float:
    """A rectangular area light, a little brighter in its middle: (H, W, 3)."""
    x, y = _plane(centre, rng.uniform(-0.3, 0.3))
    inside = _box(x, y, half, 0.04)
    glow = np.exp(-((x / half[0]) ** 2 + (y / half[1]) ** 2) * rng.uniform(0, 0.6))
    halo = np.exp(-np.sqrt(x * x + y * y) * 2) * 0.02
    return np.asarray((inside * glow + halo)[..., None] * _lamp_colour(rng) * power, np.float32)


def _room(rng: Rng, level: float, contrast: float = 0.5) -> Float:
    """Walls, floor and ceiling with dim furniture, mean about `level`: (H, W, 3)."""
    up = directions()[..., 1]
    tones = level * np.exp(rng.normal(0, contrast, 3))
    tint = np.exp(rng.normal(0, 0.08, (3, 3)))
    wall = (tones[0] * tint[0]).astype(np.float32)
    env = np.broadcast_to(wall, (HEIGHT, WIDTH, 3)).copy()
    for share, index in ((_soft(0.55 - up, 0.1), 1), (_soft(up + 0.4, 0.1), 2)):
        env += ((tones[index] * tint[index]).astype(np.float32) - env) * share[..., None]
    for _ in range(int(rng.integers(2, 9))):
        x, y = _plane(_aim(rng.uniform(-np.pi, np.pi), rng.uniform(-0.6, 0.6)), 0.0)
        thing = _box(x, y, (rng.uniform(0.05, 0.4), rng.uniform(0.1, 0.6)), 0.05)
        colour = level * np.exp(rng.normal(0, contrast + 0.2)) * np.exp(rng.normal(0, 0.15, 3))
        env += (colour.astype(np.float32) - env) * thing[..., None]
    return np.asarray(env, dtype=np.float32)


# ---- the kinds ------------------------------------------------------------------------------


def _tent(rng: Rng) -> Float:
    """White cloth all round, brighter on lit sides, with seams and the slit for the camera."""
    env = _room(rng, 1.0, 0.12) * 0.3 + 0.7
    for _ in range(int(rng.integers(1, 4))):
        aim = _shape(rng, 0.0, 1.4).astype(np.float32)
        lobe = np.maximum(directions() @ aim, 0) ** np.float32(rng.uniform(2, 10))
        env += lobe[..., None] * np.float32(rng.uniform(0.2, 1.2))
    if rng.random() < 0.6:
        x, y = _plane(_aim(np.pi + rng.normal(0, 0.2), rng.uniform(0, 0.5)), 0.0)
        slit = _box(x, y, (rng.uniform(0.05, 0.25), rng.uniform(0.05, 0.3)), 0.04)
        env *= 1 - slit[..., None] * np.float32(rng.uniform(0.5, 0.95))
    return env


def _softboxes(rng: Rng) -> Float:
    env = _room(rng, rng.uniform(0.03, 0.35))
    for _ in range(int(rng.integers(2, 6))):
        half = (rng.uniform(0.12, 0.6), rng.uniform(0.15, 0.8))
        env += _panel(rng, _shape(rng, 0.1, 1.5), half, rng.uniform(2, 12))
    return env


def _window(rng: Rng) -> Float:
    env = _room(rng, rng.uniform(0.08, 0.4))
    x, y = _plane(_aim(rng.uniform(-np.pi, np.pi), rng.uniform(0.15, 0.7)), 0.0)
    half = (rng.uniform(0.25, 0.7), rng.uniform(0.3, 0.9))
    pane = _box(x, y, half, 0.03)
    for axis, size in ((x, half[0]), (y, half[1])):
        bars = int(rng.integers(1, 4))
        phase = np.abs(np.mod(axis / size * bars, 1.0) - 0.5)
        pane = pane * (1 - _soft((phase - 0.05).astype(np.float32), 0.04) * (bars > 1))
    sky = np.array([0.85, 0.95, 1.1], np.float32) * np.float32(rng.uniform(4, 14))
    view = np.where((y < rng.uniform(-0.5, 0.1))[..., None], sky * 0.35, sky)
    return np.asarray(env + pane[..., None] * view, dtype=np.float32)


def _ring(rng: Rng) -> Float:
    """A ring lamp near the camera, or overhead."""
    env = _room(rng, rng.uniform(0.03, 0.3))
    x, y = _plane(_aim(np.pi + rng.normal(0, 0.4), rng.uniform(0.1, 1.4)), 0.0)
    radius = np.sqrt(x * x + y * y)
    big = rng.uniform(0.15, 0.45)
    band = _soft(np.abs(radius - big).astype(np.float32) - np.float32(big * 0.18), 0.04)
    env = env + band[..., None] * _lamp_colour(rng) * np.float32(rng.uniform(6, 20))
    if rng.random() < 0.5:
        env = env + _panel(rng, _shape(rng), (0.3, 0.4), rng.uniform(0.5, 3))
    return np.asarray(env, dtype=np.float32)


def _hard_lamp(rng: Rng) -> Float:
    env = _room(rng, rng.uniform(0.02, 0.2))
    lamp = _disc(_shape(rng, 0.35, 1.35), rng.uniform(0.02, 0.07))
    return np.asarray(
        env + lamp[..., None] * _lamp_colour(rng) * np.float32(rng.uniform(80, 400)),
        dtype=np.float32,
    )


def _disc(centre: npt.NDArray[np.float64], radius: float) -> Float:
    angle = np.arccos(np.clip(directions() @ centre.astype(np.float32), -1, 1))
    return _soft(angle - np.float32(radius), 0.03)


def _sky(rng: Rng, zenith: Float, horizon: Float) -> Float:
    """Sky over ground with a ragged skyline."""
    up = directions()[..., 1]
    share = np.sqrt(np.maximum(up, 0))[..., None]
    env = horizon + (zenith - horizon) * share
    ragged = np.pad(rng.normal(0, 1, 24), (1, 2), mode="wrap").astype(np.float32)[None]
    line = cv2.resize(ragged, (WIDTH, 1), interpolation=cv2.INTER_CUBIC)[0]
    skyline = np.clip(line * 0.08 + rng.uniform(-0.05, 0.2), 0, 0.5)
    ground = (rng.uniform(0.1, 0.5) * np.exp(rng.normal(0, 0.15, 3))).astype(np.float32)
    far = (rng.uniform(0.15, 0.6) * np.exp(rng.normal(0, 0.15, 3))).astype(np.float32)
    env = env + (far - env) * _soft((up - skyline).astype(np.float32), 0.03)[..., None]
    return np.asarray(env + (ground - env) * _soft(up + 0.02, 0.05)[..., None], dtype=np.float32)


def _outdoor_overcast(rng: Rng) -> Float:
    """The CIE overcast sky: three times as bright at the zenith as at the horizon."""
    tone = np.exp(rng.normal(0, 0.04, 3)).astype(np.float32)
    return _sky(rng, tone * 3, tone)


def _outdoor_sun(rng: Rng) -> Float:
    blue = np.array([0.25, 0.5, 1.0], np.float32) * np.float32(rng.uniform(0.6, 1.3))
    pale = np.array([0.9, 1.0, 1.15], np.float32) * np.float32(rng.uniform(0.7, 1.4))
    height = rng.uniform(0.2, 1.3)
    sun = _aim(rng.uniform(-np.pi, np.pi), height)
    warm = np.array([1.0, 0.75 + 0.2 * height / 1.3, 0.45 + 0.45 * height / 1.3], np.float32)
    toward = np.maximum(directions() @ sun.astype(np.float32), 0)
    glow = toward ** np.float32(40) * 2 + toward ** np.float32(6) * 0.4
    env = _sky(rng, blue, pale) + glow[..., None] * warm
    disc = _disc(sun, 0.025)[..., None] * warm * np.float32(rng.uniform(200, 600))
    return np.asarray(env + disc, dtype=np.float32)


def _dark_room(rng: Rng) -> Float:
    """Almost black, a strip light or two."""
    env = _room(rng, 0.02)
    for _ in range(int(rng.integers(1, 3))):
        half = (rng.uniform(0.03, 0.12), rng.uniform(0.3, 1.2))
        env += _panel(rng, _shape(rng, 0.2, 1.4), half, rng.uniform(3, 15))
    return env


def _gradient(rng: Rng) -> Float:
    """Two or three colours flowing into each other, no edge anywhere."""
    env = np.full((HEIGHT, WIDTH, 3), 0.15, np.float32)
    for _ in range(int(rng.integers(2, 4))):
        aim = _shape(rng, -0.5, 1.5).astype(np.float32)
        lobe = (0.5 + 0.5 * (directions() @ aim)) ** np.float32(rng.uniform(1.5, 6))
        env += lobe[..., None] * (rng.uniform(0.2, 1.5) * np.exp(rng.normal(0, 0.2, 3))).astype(
            np.float32
        )
    return env


_MAKERS: dict[str, Callable[[Rng], Float]] = {
    "tent": _tent,
    "softboxes": _softboxes,
    "window": _window,
    "ring": _ring,
    "hard_lamp": _hard_lamp,
    "outdoor_overcast": _outdoor_overcast,
    "outdoor_sun": _outdoor_sun,
    "dark_room": _dark_room,
    "gradient": _gradient,
}
KINDS: tuple[str, ...] = tuple(_MAKERS)
