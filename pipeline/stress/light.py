"""Light multiplied, and the colour of light of a temperature. Arrays only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.refine.light import to_encoded, to_linear
from pipeline.types import Bytes

Doubles = NDArray[np.float64]

DAYLIGHT = 6500.0
"""Kelvin; a photo counts as balanced for light of this temperature."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_RGB_OF_XYZ = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


def gain_table(gains: Doubles) -> Bytes:
    """uint8 (256, 3): what becomes of each sRGB value when the light of R, G, B is multiplied.

    Args:
        gains: (3,), factors in linear light; what exceeds white is clipped, as a sensor does.
    """
    light = to_linear(np.arange(256) / 255)[:, None] * gains
    return np.rint(to_encoded(np.clip(light, 0, 1)) * 255).astype(np.uint8)


def chromaticity(kelvin: float) -> tuple[float, float]:
    """CIE 1931 x, y of a black body, 1000 to 15000 K.

    The rational approximation of the Planckian locus in the CIE 1960 diagram, to 1e-4 of the
    colour, by M. Krystek, "An algorithm to calculate correlated colour temperature", Color
    Research & Application 10(1), 1985.
    """
    t = kelvin
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (
        1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2
    )
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (
        1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2
    )
    scale = 2 * u - 8 * v + 4
    return 3 * u / scale, 2 * v / scale


def illuminant_gains(kelvin: float) -> Doubles:
    """What light of `kelvin` does to a photo balanced for `DAYLIGHT`: (3,), of R, G, B.

    The ratio of the two lights' linear sRGB, each scaled so that grey keeps its luminance;
    low temperatures turn the photo orange, high ones blue.
    """
    gains = _linear_rgb(kelvin) / _linear_rgb(DAYLIGHT)
    return np.asarray(gains / (_LUMINANCE @ gains))


def _linear_rgb(kelvin: float) -> Doubles:
    x, y = chromaticity(kelvin)
    return np.asarray(_RGB_OF_XYZ @ np.array([x / y, 1.0, (1 - x - y) / y]))
