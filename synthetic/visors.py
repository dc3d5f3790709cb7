"""Sports glasses: one wide lens under a brow, or in a whole rim, with arms that wrap the head.

Coordinates as in `synthetic.glasses`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic.fronts import unbroken, wrap
from synthetic.materials import Material, Outfit, sample_acetate, sample_lens
from synthetic.parts import Part
from synthetic.shields import Shield
from synthetic.spec import Temple, sample_fold
from synthetic.temples import both_temples

Points = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Visor:
    """One pair, in mm and radians.

    rimmed: the rim runs all round; else it is a brow and the lens ends freely below. brow: half
    height of the rim above. lean: how far both arms hang.
    """

    shield: Shield
    temple: Temple
    fold: tuple[float, float]
    rimmed: bool
    brow: float
    lean: float


def sample_visor(rng: Rng) -> Visor:
    """Draw a plausible pair."""
    u = rng.uniform
    rim = u(1.6, 3.2)
    shield = Shield(
        half_width=u(60, 68),
        half_height=u(17, 29),
        exponent=u(2.2, 3.6),
        notch=u(10, 19),
        notch_width=u(11, 16),
        cheek=u(0.05, 0.45),
        brow=u(0.0, 3.5),
        bulge=u(0.5, 2.5),
        rim_width=rim,
        depth=u(4.0, 7.0),
        flare=0.0,
        lip=1.0,
        wrap_radius=u(62, 110),
        face_radius=u(55, 100),
    )
    length = u(100, 125)
    first = u(7, 16)
    arm = Temple(
        length,
        u(0.55, 0.75) * length,
        u(0.1, 0.5),
        (first, u(4.0, 8.0), u(3.0, 7.0)),
        u(2.2, 4.5),
        tip_from=u(0.5, 0.75),
        tip_height=u(6, 11),
        tip_thickness=u(3.5, 6.5),
        exponent=u(2.5, 5.0),
        wave=u(-3, 5),
        split=u(4, 9) * (rng.random() < 0.25),
    )
    return Visor(
        shield, arm, sample_fold(rng, None), bool(rng.random() < 0.4), u(1.8, 4.0), u(0, 0.1)
    )


def build(visor: Visor) -> list[Part]:
    """All parts of the pair, frame parts first, the lens last."""
    end = visor.shield.half_span()
    lens = Part(visor.shield.lens(-end, end), "lens", is_lens=True)
    return [_rim(visor), *_nose(visor.shield), *_arms(visor), lens]


def _rim(visor: Visor) -> Part:
    """The brow from hinge to hinge, or the whole ring, thinner below."""
    shield = visor.shield
    path = np.pad(shield.outline(visor.brow * 0.3), ((0, 0), (0, 1)))
    path[:, 2] = shield.bulge * (1 - (path[:, 1] / shield.half_height) ** 2) - 0.5
    high = np.where(path[:, 1] > 0, visor.brow, visor.brow * 0.5)
    if not visor.rimmed:
        upper = unbroken(path[:, 1] > -0.1 * shield.half_height)
        path, high = path[upper], np.full(len(upper), visor.brow)
    body = m.sweep(path, high, 2.0, [0, 0, 1], exponent=3.0, closed=visor.rimmed)
    return Part(wrap(shield.wrap_radius, body), "front")


def _nose(shield: Shield) -> list[Part]:
    """A soft saddle behind the nose cut-out."""
    edge = shield.outline(-1.0)
    low = edge[(edge[:, 1] < 0) & (np.abs(edge[:, 0]) < 1.1 * shield.notch_width)]
    order = np.argsort(low[:, 0])
    path = np.column_stack([low[order] + [0, 0.5], np.full(len(low), -3.0)])
    saddle = m.sweep(path, 1.6, 3.2, [0, 0, 1], exponent=2.5)
    return [Part(wrap(shield.wrap_radius, saddle), "pad")]


def _arms(visor: Visor) -> list[Part]:
    """Both arms and the lugs that they turn on."""
    arm = visor.temple
    edge = visor.shield.skirt(1.0)[0]
    hinge = np.array([edge[0] - arm.thickness / 2, edge[1] + 3.0, edge[2]])
    way = np.linspace([-1.0, 0.0, 6.0], [0.0, 0.0, -2.0], 8)
    lug = m.sweep(hinge + way, 1.8, arm.height[0] * 0.4, [0, 1, 0], exponent=4.0)
    return both_temples(Part(lug, "front"), arm, hinge, visor.lean, visor.fold)


def dress_visor(rng: Rng) -> Outfit:
    """Plastic, rubber and a lens that is seldom clear."""
    name, plastic = sample_acetate(rng)
    lens_name, lens = sample_lens(rng)
    if lens_name == "clear" and rng.random() < 0.6:
        lens_name, lens = sample_lens(rng)
    grey = float(rng.choice([rng.uniform(0.01, 0.04), rng.uniform(0.05, 0.5)], p=[0.7, 0.3]))
    rubber = Material((grey, grey, grey), roughness=0.6)
    arm = plastic if rng.random() < 0.7 else sample_acetate(rng)[1]
    tip = rubber if rng.random() < 0.6 else sample_acetate(rng)[1]
    slots = {"front": plastic, "temple": arm, "tip": tip, "pad": rubber, "lens": lens}
    tags = {"build": "visor", "material": name, "lens": lens_name}
    return Outfit(slots, frame=name, lens=lens_name, tags=tags)
