"""From linear light to the camera's file, and from coverage maps to labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from synthetic import retouch, sensor
from synthetic.sample import Box, Instance, Sample
from synthetic.scene import Scene

Floats = npt.NDArray[np.float32]
Gains = tuple[float, float, float]
_DARKEST = 0.1
"""Median brightness (linear) below which a camera's meter would lengthen the exposure."""
_SPECK = 0.05  # of what is seen of a lens
_PAPER = 0.98
"""How bright white paper behind the glasses is shown; tone curves never quite reach 1."""


def white_balance(rng: np.random.Generator) -> Gains:
    """Gains of red, green and blue: mostly near neutral, now and then a strong cast."""
    spread = float(rng.choice([0.02, 0.06, 0.16], p=[0.6, 0.3, 0.1]))
    warm, green = rng.normal(0, spread), rng.normal(0, spread / 2)
    return float(1 + warm), float(1 + green), float(1 - warm)


def metered(scene: Scene, picture: Floats) -> float:
    """The scene's exposure, lengthened as automatic cameras do where all is dark."""
    luma = picture[::8, ::8, :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    shown = max(float(np.median(luma)) * scene.exposure, 1e-3)
    return scene.exposure * float(np.clip((_DARKEST / shown) ** 0.7, 1.0, 6.0))


def paper_white(curve: str, exposure: float, gains: Gains) -> float:
    """The linear value that a tone curve shows as `_PAPER`."""
    ramp = np.linspace(0, 8, 4000, dtype=np.float32)
    shown = sensor.expose(np.repeat(ramp[None, :, None], 3, axis=2), curve=curve)[0, :, 0]
    return float(np.interp(_PAPER, shown, ramp)) / exposure / min(gains)


def develop(
    scene: Scene,
    picture: Floats,
    clean: Floats | None,
    white: float,
    maps: list[Floats],
    rng: np.random.Generator,
    curve: str,
    gains: Gains,
) -> Sample:
    """From linear light to the camera's file; labels go through the same lens."""
    settings = sensor.random_settings(rng)
    height, width = scene.camera.size
    stack = list(maps)
    if clean is not None:
        stack.append(clean[..., :3])
    planes = np.dstack(stack) if stack else np.zeros((height, width, 1), np.float32)
    rgb = picture[..., :3]
    if scene.aperture > 0:
        depth = np.clip(picture[..., 3], 1.0, 5000.0)
        rgb, planes = sensor.depth_of_field(rgb, planes, depth, scene.focus, scene.aperture)
    rgb, planes = sensor.smear(rgb, planes, settings)
    shown = sensor.expose(rgb, scene.exposure, gains, curve)
    alpha = np.clip(planes[..., : 3 * len(maps)].sum(axis=2), 0, 1)
    lifted = np.ones(3, np.float32)
    if scene.tags.get("set") == "white" and rng.random() < retouch.SHARE:
        shown, lifted = retouch.whiten(
            shown, alpha, rng, cut=bool(maps) and bool(rng.random() < 0.35)
        )
        settings = retouch.cleaned(settings)
    image = sensor.photograph(shown, rng, settings)
    instances = tuple(_instances(planes[..., 3 * i : 3 * i + 3] for i in range(len(maps))))
    cutout = np.zeros((height, width, 4), np.uint8)
    if clean is not None:
        colour = planes[..., -3:]
        solid = alpha[..., None] > 0.02
        colour = np.where(
            solid,
            (colour - (1 - alpha[..., None]) * white) / np.maximum(alpha, 0.02)[..., None],
            white,
        )
        alone = sensor.expose(
            np.maximum(colour, 0).astype(np.float32), scene.exposure, gains, curve
        )
        cutout[..., :3] = np.rint(np.minimum(alone * lifted / _PAPER, 1) * 255)
        cutout[..., 3] = np.rint(alpha * 255)
    return Sample(scene.seed, image, instances, cutout, scene.tags)


def _instances(maps: Iterable[Floats]) -> Iterable[Instance]:
    for pair in maps:
        frame, *lenses = np.rint(np.clip(pair, 0, 1) * 255).astype(np.uint8).transpose(2, 0, 1)
        lens = np.asarray(cv2.add(*lenses), np.uint8)
        whole = (frame.astype(np.uint16) + lens) > 127
        if whole.sum() < 16:
            continue
        boxes = _lens_boxes([one > 127 for one in lenses])
        yield Instance(frame, lens, _box(whole), boxes, lenses[1])


def _box(mask: npt.NDArray[np.bool_]) -> Box:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _lens_boxes(lenses: Sequence[npt.NDArray[np.bool_]]) -> tuple[Box, ...]:
    """A box around each lens that shows: specks of one that temple or frame hide do not count, nor
    does a lens of which little is seen beside the other."""
    seen = [_without_specks(lens) for lens in lenses]
    areas = [np.count_nonzero(lens) for lens in seen]
    least = max(12, 0.15 * max(areas))
    return tuple(_box(lens) for lens, area in zip(seen, areas, strict=True) if area >= least)


def _without_specks(lens: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lens.astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] >= _SPECK * np.count_nonzero(lens)
    large[0] = False
    return np.asarray(large[labels])
