"""Safety goggles: a wide lens in a soft body, worn with an elastic strap or with thick temples.

Coordinates as in `synthetic.glasses`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic.parts import Part
from synthetic.shields import Shield
from synthetic.spec import Temple, sample_fold
from synthetic.temples import both_temples

Points = npt.NDArray[np.float64]
Rng = np.random.Generator
BUILDS = ("strap", "temples")


@dataclass(frozen=True, slots=True)
class Strap:
    """An elastic band. height, thickness in mm; reach: how far its loop goes back; droop: 0 where
    it stays level, 1 where it hangs down to the lower edge of the body; wave: of its way, mm."""

    height: float
    thickness: float
    reach: float
    droop: float
    wave: float
    lines: int


@dataclass(frozen=True, slots=True)
class Goggles:
    """One pair: its front, what holds it on the head, its vents. Exactly one of strap and temple.

    bar: half-width of what parts two lenses, 0 for one wide lens. slots: vents on each half of
    the upper edge; caps: radius of round vent covers in their place, 0 for none. bezel: whether a
    band of another colour lies on the rim.
    """

    shield: Shield
    strap: Strap | None
    temple: Temple | None
    fold: tuple[float, float]
    bar: float
    slots: int
    caps: float
    bezel: bool

    @property
    def build(self) -> str:
        """One of `BUILDS`."""
        return "temples" if self.strap is None else "strap"


def sample_goggles(rng: Rng, build: str | None = None) -> Goggles:
    """Draw a plausible pair; `build`: one of `BUILDS`, or None for either."""
    worn = build or str(rng.choice(BUILDS, p=[0.65, 0.35]))
    strapped = worn == "strap"
    shield = _sample_goggle_front(rng) if strapped else _sample_spectacle_front(rng)
    return Goggles(
        shield,
        strap=_sample_strap(rng) if strapped else None,
        temple=None if strapped else _sample_temple(rng),
        fold=sample_fold(rng, None),
        bar=float(rng.uniform(2.0, 4.5)) if rng.random() < 0.2 else 0.0,
        slots=int(rng.integers(3, 8)),
        caps=float(rng.uniform(4.0, 6.5)) if strapped and rng.random() < 0.35 else 0.0,
        bezel=bool(rng.random() < 0.6),
    )


def _sample_goggle_front(rng: Rng) -> Shield:
    u = rng.uniform
    return Shield(
        half_width=u(64, 73),
        half_height=u(29, 37),
        exponent=u(2.8, 4.2),
        notch=u(16, 24),
        notch_width=u(15, 19),
        cheek=u(0.0, 0.22),
        brow=u(0.0, 3.0),
        bulge=u(0.5, 3.0),
        rim_width=u(5.0, 9.0),
        depth=u(18, 28),
        flare=u(1.0, 5.0),
        lip=u(7.0, 10.0),
        wrap_radius=u(95, 150),
        face_radius=u(72, 86),
    )


def _sample_spectacle_front(rng: Rng) -> Shield:
    u = rng.uniform
    return Shield(
        half_width=u(62, 67),
        half_height=u(22, 27),
        exponent=u(2.5, 3.4),
        notch=u(12, 18),
        notch_width=u(13, 16),
        cheek=u(0.05, 0.3),
        brow=u(0.0, 2.5),
        bulge=u(0.5, 2.0),
        rim_width=u(2.6, 4.4),
        depth=u(5.5, 8),
        flare=u(0.0, 1.0),
        lip=u(3.0, 4.0),
        wrap_radius=u(62, 80),
        face_radius=u(46, 54),
    )


def _sample_strap(rng: Rng) -> Strap:
    # Folded behind the body, as it comes out of the bag, or open, as on a head.
    reach = rng.uniform(25, 55) if rng.random() < 0.6 else rng.uniform(70, 130)
    return Strap(
        height=float(rng.uniform(20, 30)),
        thickness=float(rng.uniform(1.3, 2.2)),
        reach=float(reach),
        droop=float(rng.uniform(0.4, 1.0)),
        wave=float(rng.uniform(0, 5)),
        lines=int(rng.integers(0, 3)),
    )


def _sample_temple(rng: Rng) -> Temple:
    length = float(rng.uniform(102, 122))
    first = float(rng.uniform(11, 17))
    middle = float(rng.uniform(5.5, 7.5))
    return Temple(
        length,
        float(rng.uniform(0.55, 0.7)) * length,
        float(rng.uniform(0.15, 0.5)),
        (first, middle, 2.5),
        float(rng.uniform(3.0, 4.6)),
        tip_from=float(rng.uniform(0.55, 0.7)),
        tip_height=float(rng.uniform(10, 12)),
        tip_thickness=float(rng.uniform(6.2, 7.5)),
        exponent=float(rng.uniform(3.0, 5.0)),
    )


def build(goggles: Goggles) -> list[Part]:
    """All parts of the pair, frame parts first, lenses last."""
    shield = goggles.shield
    parts = [Part(shield.body(), "body"), *_vents(goggles)]
    if goggles.bezel:
        parts.append(Part(shield.bezel(), "bezel"))
    if goggles.bar:
        parts.append(Part(shield.bar(goggles.bar), "body"))
    if goggles.strap is not None:
        parts += _strap(shield, goggles.strap)
    if goggles.temple is not None:
        parts += _temples(shield, goggles.temple, goggles.fold)
    return parts + _lenses(goggles)


def _lenses(goggles: Goggles) -> list[Part]:
    end = goggles.shield.half_span()
    if not goggles.bar:
        return [Part(goggles.shield.lens(-end, end), "lens", is_lens=True)]
    start = goggles.bar * 0.7
    sides = ((start, end), (-end, -start))
    slots = ("lens", "lens_2")
    return [
        Part(goggles.shield.lens(*side), slot, is_lens=True)
        for side, slot in zip(sides, slots, strict=True)
    ]


def _vents(goggles: Goggles) -> list[Part]:
    """Vents above and below, or at the sides where the body is flat enough only there."""
    halves = np.array([-1.0, 1.0])[:, None]
    if goggles.strap is None:
        side = np.linspace(-0.035, 0.035, 5)
        return [Part(s, "vent") for s in goggles.shield.slots(np.concatenate([side, side + 0.5]))]
    if goggles.caps:
        above = 0.25 + halves * 0.1
        below = 0.75 + halves * 0.14
        places = np.concatenate([above, below]).ravel()
        return [Part(c, "vent cap") for c in goggles.shield.caps(places, goggles.caps)]
    above = 0.25 + halves * (0.04 + 0.0135 * np.arange(goggles.slots))
    below = 0.75 + halves * (0.12 + 0.0135 * np.arange(min(goggles.slots, 4)))
    places = np.concatenate([above.ravel(), below.ravel()])
    return [Part(s, "vent") for s in goggles.shield.slots(places)]


def _temples(shield: Shield, arm: Temple, fold: tuple[float, float]) -> list[Part]:
    """Both temples, and the lugs of the body that they turn on."""
    edge = shield.skirt(1.0)[0]
    hinge = np.array([edge[0] - arm.thickness / 2, edge[1] + 2.0, edge[2]])
    way = np.linspace([0.0, 0.0, 5.0], [0.0, 0.0, -arm.tip_thickness - 1], 8)
    lug = m.sweep(hinge + way, 1.6, arm.height[0] * 0.36, [0, 1, 0], exponent=4.0)
    return both_temples(Part(lug, "body"), arm, hinge, 0.03, fold)


def _strap(shield: Shield, strap: Strap) -> list[Part]:
    """Clips at the sides, the band between them, stripes woven into it, and its slider."""
    side = shield.skirt(0.5)[0]
    parts = []
    clip = side + np.outer(np.linspace(0, 1, 8), [2.5, 0, -13]) + [0.5, 0, 3]
    body = m.sweep(clip, 2.3, strap.height / 2 + 2.5, [0, 1, 0], exponent=5.0)
    for place in (np.eye(4), m.mirror_x()):
        parts.append(Part(body.transformed(place), "clip"))
    lowest = float(shield.skirt(1.0)[:, 1].min()) + strap.height / 2
    path = _loop(clip[-1] + [-0.6, 0, 4], lowest, strap)
    half, high = strap.thickness / 2, strap.height / 2
    parts.append(Part(_band(path, half, high), "strap"))
    for row in range(strap.lines):
        shift = (row - (strap.lines - 1) / 2) * strap.height * 0.42
        line = path + [0, shift, 0]
        parts.append(Part(_band(line, half + 0.12, strap.height * 0.09), "strap line"))
    parts.append(Part(_band(path[26:34], half + 1.5, high + 2.0), "clip"))
    return parts


def _band(path: Points, half: float, high: float) -> m.Mesh:
    return m.sweep(path, half, high, [0, 1, 0], exponent=6.0, columns=16)


def _loop(start: Points, lowest: float, strap: Strap) -> Points:
    """The band's way from one clip (3,) round to the other, float (P, 3)."""
    turn = np.linspace(0, np.pi, 120)
    back = np.sin(turn)
    sag = strap.droop * (3 * back**2 - 2 * back**3)
    bend = strap.wave * np.sin(3 * turn) * back
    x = start[0] * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.8
    y = start[1] + (lowest - start[1]) * sag
    return np.column_stack([x, y, start[2] - strap.reach * back + bend])
