"""What shops do to pictures on white: the ground lifted to plain white, or cut away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from synthetic.sensor import Settings

Floats = npt.NDArray[np.float32]
SHARE = 0.6
"""Of pictures on white, how many are retouched."""
_MOST = 1.35
"""Strongest gain of what is not ground; more would burn it out."""


def whiten(
    shown: Floats, alpha: Floats, rng: np.random.Generator, *, cut: bool
) -> tuple[Floats, Floats]:
    """The encoded picture (H, W, 3) in 0..1 with its ground at white, and the gains (3,) that the
    glasses got.

    alpha: coverage of glasses, lenses included, (H, W). cut: the ground becomes white to the last
    pixel, so that nothing else stays; else its brighter half does, and shadows stay.
    """
    ground = shown[alpha < 0.02]
    if not len(ground):
        return shown, np.ones(3, np.float32)
    level = np.maximum(np.median(ground[::7], axis=0), 0.05) * np.float32(rng.uniform(0.96, 1.0))
    gains = np.clip(1 / level, 1, _MOST).astype(np.float32)
    share = alpha[..., None]
    around = np.float32(1) if cut else np.minimum(shown / level, 1)
    return np.asarray(shown * gains * share + around * (1 - share), np.float32), gains


def cleaned(settings: Settings) -> Settings:
    """The camera without what retouching takes away: grain, dark corners, stray light."""
    return replace(settings, noise=0.0, vignette=0.0, flare=0.0)
