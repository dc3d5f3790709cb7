"""Heads to wear glasses: a face, hair, neck and shoulders, rough but in the right places.

Modelled in the frame of the glasses that are worn: their front stands at z = 0 and looks along +z,
the eyes are behind the lenses at y = 0, temples run towards -z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic import props
from synthetic.assets import Assets
from synthetic.materials import STREAKS, Material, hsv, sample_colour
from synthetic.props import Thing
from synthetic.tiling import fractal

Rng = np.random.Generator
Points = npt.NDArray[np.float64]
_ROWS, _COLUMNS = 90, 120
_TEXTURE = 512
_FACE = 120.0  # half the side of the face's texture in mm ...
_LOW = 25.0  # ... whose middle is so far below the eyes
Tone = tuple[float, float, float]
"""Hue, saturation and brightness as displayed."""
_SKIN: tuple[Tone, ...] = (
    (0.09, 0.16, 0.98),
    (0.07, 0.3, 0.92),
    (0.065, 0.42, 0.75),
    (0.06, 0.5, 0.5),
    (0.05, 0.5, 0.3),
)
_HAIR: tuple[Tone, ...] = (
    (0.08, 0.4, 0.12),
    (0.06, 0.6, 0.25),
    (0.1, 0.55, 0.6),
    (0.11, 0.4, 0.85),
    (0.04, 0.75, 0.45),
    (0.1, 0.03, 0.6),
    (0.0, 0.0, 0.04),
)


@dataclass(frozen=True, slots=True)
class Head:
    """Measures in mm. width: from temple to temple; eyes: between the pupils; hairline: height of
    the hair over the eyes; hair: how far it stands off; length: how far it hangs down."""

    width: float
    height: float
    depth: float
    eyes: float
    nose: float
    hairline: float
    hair: float
    length: float


@dataclass(frozen=True, slots=True)
class Looks:
    """Colours of a person: skin and hair as tones, and what skin and clothes are made of."""

    tone: Tone
    hair: Tone
    skin: Material
    cloth: Material


def sample_head(rng: Rng, width: float) -> Head:
    """A head that is `width` mm wide where the temples pass."""
    return Head(
        width=width,
        height=float(rng.uniform(205, 245)),
        depth=float(rng.uniform(180, 205)),
        eyes=float(rng.uniform(56, 68)),
        nose=float(rng.uniform(16, 28)),
        hairline=float(rng.uniform(45, 75)),
        hair=float(
            rng.choice(
                [0.0, rng.uniform(4, 14), rng.uniform(12, 40), rng.uniform(40, 90)],
                p=[0.1, 0.45, 0.33, 0.12],
            )
        ),
        length=float(rng.choice([0.0, rng.uniform(60, 260)], p=[0.5, 0.5])),
    )


def sample_looks(rng: Rng, assets: Assets) -> Looks:
    """How somebody looks."""
    tone, hair = _sample_skin(rng), _HAIR[int(rng.integers(len(_HAIR)))]
    skin = Material(hsv(*tone), roughness=float(rng.uniform(0.35, 0.6)))
    cloth = Material(sample_colour(rng), roughness=0.9)
    if rng.random() < 0.5:
        cover = props.cover(rng, assets)
        cloth = Material((1, 1, 1), roughness=0.9, texture=cover, texture_scale=3)
    return Looks(tone, hair, skin, cloth)


def build_head(rng: Rng, head: Head, looks: Looks) -> list[Thing]:
    """Everything of a person but glasses and hands, the skull first."""
    face = replace(looks.skin, texture=_paint_face(rng, head, looks.tone, looks.hair))
    things = [Thing(_skull(head), face), *_ears(head, looks.skin), *_bust(rng, head, looks)]
    if head.hair:
        things += _hair(rng, head, looks.hair)
    return things


def _sample_skin(rng: Rng) -> Tone:
    hue, saturation, value = _SKIN[int(rng.integers(len(_SKIN)))]
    return (
        hue + float(rng.normal(0, 0.006)),
        saturation * float(rng.uniform(0.8, 1.15)),
        min(1.0, value * float(rng.uniform(0.9, 1.05))),
    )


def _surface(head: Head, swell: float) -> tuple[Points, Points]:
    """The skull as a grid (R, C, 3), `swell` mm off the skin, and its unit directions."""
    polar = np.linspace(0, np.pi, _ROWS)[:, None]
    turn = np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)[None]
    unit = np.stack(
        [np.sin(polar) * np.cos(turn), np.cos(polar) + 0 * turn, -np.sin(polar) * np.sin(turn)],
        axis=-1,
    )
    half = np.array([head.width, head.height, head.depth]) / 2 + swell
    # Squarer than an ellipsoid: temples run along the sides of a head for a while.
    points = np.sign(unit) * np.abs(unit) ** np.array([0.85, 1.0, 0.85]) * half
    jaw = np.clip(-points[..., 1] / half[1], 0, 1)
    points[..., 0] *= 1 - 0.38 * jaw**1.6
    points[..., 2] -= 18 * jaw * (points[..., 2] < 0)
    points[..., 2] += -10 * jaw * (points[..., 2] > 0)
    return points + [0.0, -12.0, -head.depth / 2 - 13.0], unit


def _skull(head: Head) -> m.Mesh:
    """Skull with brows, eye sockets, nose, lips and chin, textured from the front."""
    points, _ = _surface(head, 0.0)
    x, y = points[..., 0], points[..., 1]
    depth = 4 * np.exp(-((y - 17) ** 2) / 60 - (x / 55) ** 2)  # brows
    for eye in (-head.eyes / 2, head.eyes / 2):
        depth -= 8 * np.exp(-(((x - eye) / 15) ** 2) - ((y + 1) / 10) ** 2)
    depth += 5 * np.exp(-(((y + 72) / 9) ** 2) - (x / 22) ** 2)  # lips
    depth += 7 * np.exp(-(((y + 105) / 13) ** 2) - (x / 20) ** 2)  # chin
    depth += _nose(head, x, y)
    points[..., 2] += depth * (points[..., 2] > -70)
    shape = m.grid(points, closed_columns=True)
    uvs = np.stack([0.5 + x / (2 * _FACE), 0.5 - (y + _LOW) / (2 * _FACE)], axis=-1)
    uvs = np.clip(uvs, 0.002, 0.998).reshape(-1, 2)
    return m.mesh(shape.positions, shape.normals, uvs, shape.triangles)


def _nose(head: Head, x: Points, y: Points) -> Points:
    """How far the nose stands out: from between the eyes down to its tip, then quickly back."""
    root = 0.15 * np.exp(-(((y + 4) / head.nose) ** 2))
    back = np.where(y < -4, np.clip((-4 - y) / 34, 0, 1) * (y > -46), root)
    profile = np.where(y < -46, np.exp(-(np.clip(-46 - y, 0, 99) ** 2) / 20), back)
    return np.asarray(head.nose * profile * np.exp(-((x / (7 + 6 * profile)) ** 2)))


def _paint_face(rng: Rng, head: Head, tone: Tone, tress: Tone) -> npt.NDArray[np.uint8]:
    """Eyes, brows, lips, blush, a beard now and then: sRGB uint8 (N, N, 3), x right and y down."""
    skin = _srgb(tone)
    mottle = 1 + 0.03 * fractal(rng, _TEXTURE, (4, 4), 5)
    face = np.ascontiguousarray(np.broadcast_to(skin, (_TEXTURE, _TEXTURE, 3)) * mottle[..., None])
    dark, hair = skin * 0.55, _srgb(tress)
    if rng.random() < 0.3:
        _blot(face, (0, -88), (42, 34), hair * 0.8, float(rng.uniform(0.3, 0.9)), 9)
        _blot(face, (0, -66), (26, 7), hair * 0.8, 0.8, 3)
    for side in (-1, 1):
        eye = side * head.eyes / 2
        _blot(face, (eye, 1), (22, 14), dark, 0.35, 6)
        _blot(face, (side * 42, -38), (20, 15), skin * [1.0, 0.75, 0.72], 0.4, 9)
        _blot(face, (eye, -1), (13.5, 5.5), np.array([0.9, 0.88, 0.86]), 1.0, 0.8)
        iris = np.array([[0.2, 0.12, 0.07], [0.3, 0.42, 0.5], [0.25, 0.33, 0.2]])
        _blot(face, (eye, -1), (5.8, 5.8), iris[int(rng.integers(3))], 1.0, 0.6)
        _blot(face, (eye, -1), (2.6, 2.6), np.zeros(3), 1.0, 0.4)
        _blot(face, (eye, 4.5), (15, 1.6), dark * 0.4, 0.9, 0.8)
        _blot(face, (eye + side * 2, 17), (18, float(rng.uniform(2, 4.5))), hair * 0.7, 0.9, 1.5)
        _blot(face, (side * 7, -49), (4, 2.2), dark * 0.5, 0.7, 1.2)
    lips = skin * np.array([0.95, 0.5, 0.5]) * float(rng.uniform(0.7, 1.05))
    _blot(face, (0, -73), (float(rng.uniform(20, 28)), 6.5), lips, 0.9, 1.5)
    if rng.random() < 0.4:
        _blot(face, (0, -73), (18, 2.6), np.array([0.95, 0.94, 0.9]), 1.0, 0.6)
    else:
        _blot(face, (0, -73), (22, 0.8), dark * 0.5, 0.9, 0.6)
    return np.clip(face * 255 + 0.5, 0, 255).astype(np.uint8)


def _blot(
    face: npt.NDArray[np.float64],
    at: tuple[float, float],
    radii: tuple[float, float],
    colour: npt.NDArray[np.float64],
    share: float,
    soft: float,
) -> None:
    """Paint a soft ellipse in place; mm from the middle between the eyes, y up."""
    scale = _TEXTURE / (2 * _FACE)
    stamp = np.zeros(face.shape[:2], np.float32)
    middle = (at[0] + _FACE) * scale, (_FACE - _LOW - at[1]) * scale
    # Four binary places: OpenCV's fixed point.
    x, y, wide, high = (round(16 * v) for v in (*middle, *(r * scale for r in radii)))
    cv2.ellipse(stamp, (x, y), (wide, high), 0, 0, 360, 1.0, -1, cv2.LINE_AA, 4)
    stamp = cv2.GaussianBlur(stamp, (0, 0), max(soft * scale, 0.3))[..., None] * share
    face += stamp * (colour - face)


def _srgb(tone: Tone) -> npt.NDArray[np.float64]:
    return np.asarray(np.array(hsv(*tone)) ** (1 / 2.2))


def _ears(head: Head, skin: Material) -> list[Thing]:
    ear = m.ellipsoid([7, 31, 17], 16, 18)
    places = [
        m.translation([side * (head.width / 2 + 3), -22, -head.depth / 2 - 18])
        @ m.rotation([0, 1, 0], side * 0.45)
        for side in (-1, 1)
    ]
    return [Thing(ear.transformed(place), skin) for place in places]


def _bust(rng: Rng, head: Head, looks: Looks) -> list[Thing]:
    low = -12 - head.height / 2
    neck = m.ellipsoid([62, 105, 62], 20, 24).transformed(m.translation([0, low - 15, -110]))
    wide = float(rng.uniform(190, 240))
    trunk = m.ellipsoid([wide, 230, 115], 30, 36).transformed(
        m.translation([0, low - 265, -115 - float(rng.uniform(0, 20))])
    )
    return [Thing(neck, looks.skin), Thing(trunk, looks.cloth)]


def _hair(rng: Rng, head: Head, tress: Tone) -> list[Thing]:
    """A cap that leaves the face free, and what hangs down beside and behind it."""
    colour = hsv(*tress)
    lighter = tuple(min(1.0, c * 2.2 + 0.01) for c in colour)
    strands = Material(
        colour, (lighter[0], lighter[1], lighter[2]), STREAKS, float(rng.uniform(0.15, 0.5)),
        float(rng.uniform(0.35, 0.7)),
    )  # fmt: skip
    points, unit = _surface(head, head.hair)
    inner, _ = _surface(head, -6.0)
    wave = fractal(rng, 128, (3, 3), 4)[:_ROWS, :_COLUMNS] * 5
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    hairline = head.hairline - 0.35 * np.abs(x) + wave
    covered = np.where(z > -75, y > hairline, y > -70 + wave)
    points = points + unit * (wave * head.hair / 30)[..., None]
    cap = m.grid(np.where(covered[..., None], points, inner), closed_columns=True)
    things = [Thing(cap, strands)]
    if head.length:
        drop = head.length / 2
        for side in (-1, 1):
            lock = m.ellipsoid([22 + head.hair / 2, drop + 45, 42], 24, 24)
            place = m.translation([side * (head.width / 2 + 8), 25 - drop, -head.depth / 2 - 30])
            things.append(Thing(lock.transformed(place), strands))
        back = m.ellipsoid([head.width / 2 + 10, drop + 70, 50], 24, 28)
        things.append(Thing(back.transformed(m.translation([0, -drop, -head.depth - 10])), strands))
    return things
