"""Drawn glasses for the tests of the canvas: mattes, extents and canvases of any size."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import strategies as st

from pipeline.canvas import CanvasPreset, Extent, Fill, Lens
from pipeline.types import Bools, Matte


def draw_glasses(
    width: int = 400, height: int = 300, tilt: float = 0.0, wire: float = 6.0
) -> tuple[Matte, Bools]:
    """A front view, turned clockwise by `tilt` degrees, and its lenses; drawn at 8 times the size.

    The frame is dark blue, the lenses grey; the edges are area coverage.
    """
    grain = 8
    frame, lens = np.zeros((2, height * grain, width * grain), np.uint8)
    angle = np.radians(tilt)
    along = np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([width / 2, height / 2])
    radius, apart = 0.14 * width, 0.19 * width
    thick = max(1, round(wire * grain))

    def at(point: np.ndarray) -> tuple[int, int]:
        return round(point[0] * grain), round(point[1] * grain)

    for side in (-1, 1):
        centre = at(middle + side * apart * along)
        cv2.circle(lens, centre, round(radius * grain), 255, -1)
        cv2.circle(frame, centre, round(radius * grain), 255, thick)
    bridge = apart - radius
    cv2.line(frame, at(middle - bridge * along), at(middle + bridge * along), 255, thick)
    size = (width, height)
    solid = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(frame | lens, size, interpolation=cv2.INTER_AREA)
    lenses = cv2.resize(lens & ~frame, size, interpolation=cv2.INTER_AREA) > 127
    colour = np.where(solid[..., None] > 127, (20, 30, 90), (150, 155, 160)).astype(np.uint8)
    return Matte(alpha.astype(np.float32) / np.float32(255), colour), lenses


def preset(**told: object) -> CanvasPreset:
    """A canvas of 300 x 240 pixels, or what `told` says."""
    keys: dict[str, object] = {
        "name": "test",
        "size": None if "aspect" in told else (300, 240),
        "fill": Fill(target=0.8, least=0.5, most=0.9),
        "margin": 0.05,
        "max_upscaling": 8.0,
    }
    return CanvasPreset.model_validate(keys | told)


def presets() -> st.SearchStrategy[CanvasPreset]:
    """Canvases of all kinds but the photo's own."""
    side = st.integers(200, 3000)
    common = {
        "fill": st.builds(Fill, target=st.floats(0.3, 0.9)),
        "margin": st.floats(0.0, 0.05),
        "baseline": st.none() | st.floats(0.5, 0.95),
        "max_upscaling": st.floats(1.0, 8.0),
        "straighten": st.booleans(),
    }
    fixed = st.fixed_dictionaries({"size": st.tuples(side, side), **common})
    around = st.fixed_dictionaries(
        {"aspect": st.floats(0.3, 3.0), "least_side": st.integers(1, 2000), **common}
    )
    return st.one_of(fixed, around).map(lambda told: CanvasPreset(name="any", **told))


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    """Glasses of any outline anywhere in a photo; half of them a front view of any roll."""
    width, height = draw(st.integers(200, 5000)), draw(st.integers(200, 5000))
    inside = st.tuples(st.floats(0, width), st.floats(0, height))
    x, y = draw(st.floats(0, width - 20)), draw(st.floats(0, height - 20))
    corners = [(x, y), (x + 20, y), (x, y + 20), *draw(st.lists(inside, max_size=12))]
    hull = cv2.convexHull(np.array(corners, np.float32))[:, 0]
    lenses: tuple[Lens, ...] = ()
    if draw(st.booleans()):
        tilt = np.radians(draw(st.floats(-14.9, 14.9)))
        reach = draw(st.floats(5, 100))
        lenses = (
            Lens(width / 2, height / 2, 100.0),
            Lens(width / 2 + reach * np.cos(tilt), height / 2 + reach * np.sin(tilt), 90.0),
        )
    points = tuple((float(px), float(py)) for px, py in hull)
    return Extent((width, height), points, lenses, symmetry=0.95 if lenses else 0.0)
