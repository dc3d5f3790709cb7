"""Things that are not glasses: boxes, bottles, pens, cables, rings, magnifiers, cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic import prints, textures
from synthetic.assets import Assets
from synthetic.materials import METALS, Material, hsv, sample_colour

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Thing:
    """A mesh with one material. `surface` marks what the glasses rest on."""

    mesh: m.Mesh
    material: Material
    surface: bool = False


def paint(rng: Rng, assets: Assets) -> Material:
    """A surface for a prop: coloured, metal, textured or lettered."""
    kind = rng.random()
    if kind < 0.2:
        return Material(
            METALS[str(rng.choice(list(METALS)))],
            roughness=float(rng.uniform(0.1, 0.5)),
            metallic=1.0,
        )
    colour = sample_colour(rng)
    plain = Material(colour, roughness=float(rng.uniform(0.1, 0.9)))
    if kind < 0.5:
        return plain
    if kind < 0.65:
        return replace(plain, texture=prints.lettering(rng, (128, 512)))
    return replace(plain, base=(0.9, 0.9, 0.9), texture=cover(rng, assets))


def cover(rng: Rng, assets: Assets) -> npt.NDArray[np.uint8]:
    """A tile of some material, from the user's library where there is one: uint8 (N, N, 3)."""
    if assets.textures is not None and rng.random() < 0.7:
        return textures.library_surface(assets, rng)
    kinds = (
        "paper",
        "wood",
        "marble",
        "cloth",
        "knit",
        "speckle",
        "concrete",
        "stripes",
        "checks",
        "leather",
        "brushed_metal",
        "terrazzo",
        "clutter",
        "gradient",
    )
    return textures.surface(str(rng.choice(kinds)), rng)


def glassy(rng: Rng) -> Material:
    """Clear or tinted glass for bottles, tumblers and magnifiers."""
    tint = hsv(rng.uniform(), rng.uniform(0, 0.4), rng.uniform(0.75, 1.0))
    return Material(
        (1.0, 1.0, 1.0),
        roughness=0.03,
        clear=True,
        tint=tint,
        tint2=tint,
        mirror=(0.05, 0.05, 0.05),
        haze=float(rng.uniform(0, 0.06)),
        bend=float(rng.uniform(-0.05, 0.05)),
        density=0.2,
    )


def _block(rng: Rng, assets: Assets) -> list[Thing]:
    size = rng.uniform([30, 8, 30], [180, 90, 220])
    return [
        Thing(
            m.box(size.tolist()).transformed(m.translation([0, size[1] / 2, 0])), paint(rng, assets)
        )
    ]


def _card(rng: Rng, assets: Assets) -> list[Thing]:
    size = rng.uniform([50, 0.3, 70], [210, 1.5, 297])
    page = replace(
        paint(rng, assets),
        base=(0.9, 0.9, 0.9),
        metallic=0.0,
        texture=textures.surface("clutter", rng),
    )
    return [Thing(m.box(size.tolist()).transformed(m.translation([0, size[1] / 2, 0])), page)]


def _round(rng: Rng, assets: Assets) -> list[Thing]:
    """A bottle, cup, jar or plate: any turned profile."""
    height, radius = rng.uniform(10, 160), rng.uniform(15, 55)
    knots = np.linspace(0, 1, 5)
    swell = np.interp(np.linspace(0, 1, 20), knots, rng.uniform(0.55, 1.0, 5)) * radius
    wall = np.column_stack([swell, np.linspace(0, height, 20)])
    profile = np.concatenate([[[0, 0]], wall[:1], wall, wall[-1:], [[wall[-1, 0] * 0.9, height]]])
    lidded = rng.random() < 0.5
    if lidded:
        profile = np.concatenate([profile, [[0.0, height]]])
    material = glassy(rng) if rng.random() < 0.35 else paint(rng, assets)
    return [Thing(m.revolve(profile), material)]


def _stick(rng: Rng, assets: Assets) -> list[Thing]:
    """A pen, pencil or straw: straight, thin and long, like a temple."""
    length, radius = rng.uniform(70, 190), rng.uniform(0.8, 6)
    path = np.column_stack([np.linspace(-0.5, 0.5, 12) * length, np.full(12, radius), np.zeros(12)])
    taper = np.interp(np.linspace(0, 1, 12), [0, 0.1, 1], [rng.uniform(0.2, 1), 1, 1]) * radius
    return [Thing(m.sweep(path, taper, taper, [0, 1, 0]), paint(rng, assets))]


def cable(rng: Rng, assets: Assets) -> list[Thing]:
    """A cable or chain lying in loops."""
    radius = float(rng.uniform(0.6, 3.5))
    knots = np.cumsum(rng.normal(0, 70, (7, 2)), axis=0)
    t = np.linspace(0, 6, 90)
    plan = np.column_stack([np.interp(t, np.arange(7), knots[:, i]) for i in range(2)])
    kernel = np.hanning(25) / np.hanning(25).sum()
    plan = np.column_stack(
        [np.convolve(np.pad(plan[:, i], 12, "edge"), kernel, "valid") for i in range(2)]
    )
    path = np.column_stack([plan[:, 0], np.full(90, radius), plan[:, 1]])
    return [Thing(m.sweep(path, radius, radius, [0, 1, 0], columns=8), paint(rng, assets))]


def _hoop(rng: Rng, assets: Assets) -> list[Thing]:
    """A ring, bangle or wire hoop, lying or standing."""
    radius, thick = rng.uniform(8, 45), rng.uniform(0.5, 4)
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    path = np.column_stack([radius * np.cos(turn), np.full(64, thick), radius * np.sin(turn)])
    ring = m.sweep(path, thick, thick, [0, 1, 0], columns=10, closed=True)
    if rng.random() < 0.4:
        ring = ring.transformed(
            m.translation([0, radius, 0]) @ m.rotation([1, 0, 0], np.pi / 2 + rng.normal(0, 0.2))
        )
    return [Thing(ring, paint(rng, assets))]


def _magnifier(rng: Rng, assets: Assets) -> list[Thing]:
    """One lens in one rim with a handle: close to glasses, but not a pair."""
    radius = float(rng.uniform(18, 40))
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    path = np.column_stack([radius * np.cos(turn), np.full(64, 2.5), radius * np.sin(turn)])
    rim = m.sweep(path, 1.5, 2.5, [0, 1, 0], columns=10, closed=True)
    disc = m.revolve(np.array([[0.01, 2.5], [radius, 2.5]]), 48)
    bar = np.column_stack(
        [np.linspace(radius, radius + rng.uniform(40, 90), 8), np.full(8, 4), np.zeros(8)]
    )
    finish = paint(rng, assets)
    things = [Thing(rim, finish), Thing(disc, glassy(rng))]
    return [*things, Thing(m.sweep(bar, 4, 4, [0, 1, 0]), finish)] if rng.random() < 0.7 else things


def _pebble(rng: Rng, assets: Assets) -> list[Thing]:
    radii = rng.uniform([8, 5, 8], [50, 35, 50])
    return [
        Thing(
            m.ellipsoid(radii.tolist(), 14, 20).transformed(m.translation([0, radii[1] * 0.95, 0])),
            paint(rng, assets),
        )
    ]


def _case(rng: Rng, assets: Assets) -> list[Thing]:
    """A spectacle case: a rounded long box."""
    length, height, depth = rng.uniform(140, 175), rng.uniform(30, 55), rng.uniform(50, 75)
    path = np.column_stack(
        [np.linspace(-0.5, 0.5, 14) * length, np.full(14, height / 2), np.zeros(14)]
    )
    hull = m.sweep(
        path, depth / 2, height / 2, [0, 1, 0], exponent=float(rng.uniform(2.2, 4)), columns=24
    )
    return [Thing(hull, paint(rng, assets))]


PROPS: tuple[Callable[[Rng, Assets], list[Thing]], ...] = (
    _block,
    _card,
    _round,
    _stick,
    cable,
    _hoop,
    _magnifier,
    _pebble,
    _case,
)


def scatter(rng: Rng, assets: Assets, count: int, keep_clear: float, reach: float) -> list[Thing]:
    """`count` props on y = 0, outside `keep_clear` mm round the origin and within `reach` of it."""
    things: list[Thing] = []
    for _ in range(count):
        make = PROPS[rng.integers(len(PROPS))]
        angle = rng.uniform(0, 2 * np.pi)
        parts = make(rng, assets)
        plan = np.concatenate([p.mesh.positions[:, [0, 2]] for p in parts])
        radius = float(np.linalg.norm(plan, axis=1).max())
        near = keep_clear + radius * rng.uniform(0.6, 1.0)
        distance = rng.uniform(near, max(reach, near + 30))
        place = m.translation([distance * np.cos(angle), 0, distance * np.sin(angle)])
        place = place @ m.rotation([0, 1, 0], rng.uniform(0, 2 * np.pi))
        things += [Thing(p.mesh.transformed(place), p.material) for p in parts]
    return things
