"""The light of a scene: surroundings, key light, patches of shade."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from synthetic import lights
from synthetic.assets import Assets
from synthetic.environment import irradiance_coefficients, key_light, prefilter, prefilter_hdr
from synthetic.panorama import harmonics

Rng = np.random.Generator
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Light:
    """Image-based light.

    levels, irradiance: as `synthetic.environment.prefilter` returns them. key_direction,
    key_colour: as `key_light` does. gobo: uint8 (128, 128, 3), what stands before the key light,
    `gobo_scale` mm wide. softness: radius of the key light as the set sees it (tangent).
    """

    levels: tuple[Floats, ...]
    irradiance: Floats
    key_direction: Floats
    key_colour: Floats
    gobo: npt.NDArray[np.uint8] | None
    gobo_scale: float
    softness: float


_UP = harmonics([0.0, 1.0, 0.0])
_KINDS = {
    "white": ("tent", "softboxes", "ring", "window", "hard_lamp", "hard_lamp"),
    "turntable": ("tent", "softboxes", "ring", "window", "hard_lamp"),
    "cloth": ("softboxes", "hard_lamp"),
    "dark": ("softboxes", "hard_lamp", "dark_room", "window"),
}
"""Lights that a set is photographed under, named twice where twice as often; sets that are not
named take any."""
_HARD = ("hard_lamp", "outdoor_sun")
"""Lights so small that a shadow has the outline of what casts it."""


def sample_light(rng: Rng, assets: Assets, kind: str) -> Light:
    """Light for a set of that kind, scaled so that white paper lying level has radiance 1."""
    name = ""
    if assets.hdri is not None and rng.random() < 0.45:
        files = assets.hdri_files()
        stored, _ = prefilter_hdr(files[rng.integers(len(files))])
        share = rng.random()
        levels = tuple(np.roll(v, int(share * v.shape[1]), axis=1) for v in stored)
        irradiance = irradiance_coefficients(levels[0])
    else:
        name = str(rng.choice(_KINDS.get(kind, lights.KINDS)))
        made, irradiance = prefilter(lights.procedural(rng, name))
        levels = tuple(made)
    scale = np.float32(np.pi / max(float((_UP @ irradiance).mean()), 1e-4))
    levels = tuple(level * scale for level in levels)
    direction, colour, _ = key_light(levels[0])
    return Light(
        levels=levels,
        irradiance=irradiance * scale,
        key_direction=direction,
        key_colour=colour,
        gobo=_gobo(rng) if rng.random() < 0.14 else None,
        gobo_scale=float(rng.uniform(150, 600)),
        softness=_softness(rng, name in _HARD),
    )


def _softness(rng: Rng, hard: bool) -> float:
    """Radius of the key light as the set sees it (tangent)."""
    sharp, soft = rng.uniform(0.008, 0.05), rng.uniform(0.05, 0.45)
    return float(sharp if rng.random() < (0.9 if hard else 0.5) else soft)


def _gobo(rng: Rng) -> npt.NDArray[np.uint8]:
    """Patches of light and shade, as through blinds or leaves: uint8 (128, 128, 3)."""
    if rng.random() < 0.4:
        wave = np.sin(np.linspace(0, rng.uniform(3, 14) * np.pi, 128))
        plan = np.repeat((wave > rng.uniform(-0.5, 0.5))[None], 128, 0)
    else:
        coarse = rng.random((12, 12))
        plan = cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC) > 0.5
    soft = cv2.GaussianBlur(plan.astype(np.float32), (0, 0), float(rng.uniform(0.6, 6)))
    return np.repeat((np.clip(soft, 0, 1)[..., None] * 255).astype(np.uint8), 3, 2)
