"""What stands around the glasses: sets, turntables, and things that are not glasses."""

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


def _paint(rng: Rng, assets: Assets) -> Material:
    """A surface for a prop: coloured, metal, textured or lettered."""
    kind = rng.random()
    if kind < 0.2:
        return Material(
            METALS[str(rng.choice(list(METALS)))], roughness=float(rng.uniform(0.1, 0.5)), metallic=1.0
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
    kinds = ("paper", "wood", "marble", "cloth", "knit", "speckle", "concrete", "stripes", "checks",
             "leather", "brushed_metal", "terrazzo", "clutter", "gradient")
    return textures.surface(str(rng.choice(kinds)), rng)


def glassy(rng: Rng) -> Material:
    """Clear or tinted glass for bottles, tumblers and magnifiers."""
    tint = hsv(rng.uniform(), rng.uniform(0, 0.4), rng.uniform(0.75, 1.0))
    return Material(
        (1.0, 1.0, 1.0), roughness=0.03, clear=True, tint=tint, tint2=tint,
        mirror=(0.05, 0.05, 0.05), haze=float(rng.uniform(0, 0.06)),
        bend=float(rng.uniform(-0.05, 0.05)), density=0.2,
    )


def _block(rng: Rng, assets: Assets) -> list[Thing]:
    size = rng.uniform([30, 8, 30], [180, 90, 220])
    return [Thing(m.box(size).transformed(m.translation([0, size[1] / 2, 0])), _paint(rng, assets))]


def _card(rng: Rng, assets: Assets) -> list[Thing]:
    size = rng.uniform([50, 0.3, 70], [210, 1.5, 297])
    page = replace(_paint(rng, assets), base=(0.9, 0.9, 0.9), metallic=0.0, texture=textures.surface("clutter", rng))
    return [Thing(m.box(size).transformed(m.translation([0, size[1] / 2, 0])), page)]


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
    material = glassy(rng) if rng.random() < 0.35 else _paint(rng, assets)
    return [Thing(m.revolve(profile), material)]


def _stick(rng: Rng, assets: Assets) -> list[Thing]:
    """A pen, pencil or straw: straight, thin and long, like a temple."""
    length, radius = rng.uniform(70, 190), rng.uniform(0.8, 6)
    path = np.column_stack([np.linspace(-0.5, 0.5, 12) * length, np.full(12, radius), np.zeros(12)])
    taper = np.interp(np.linspace(0, 1, 12), [0, 0.1, 1], [rng.uniform(0.2, 1), 1, 1]) * radius
    return [Thing(m.sweep(path, taper, taper, [0, 1, 0]), _paint(rng, assets))]


def _cable(rng: Rng, assets: Assets) -> list[Thing]:
    """A cable or chain lying in loops."""
    radius = float(rng.uniform(0.6, 3.5))
    knots = np.cumsum(rng.normal(0, 70, (7, 2)), axis=0)
    t = np.linspace(0, 6, 90)
    plan = np.column_stack([np.interp(t, np.arange(7), knots[:, i]) for i in range(2)])
    kernel = np.hanning(25) / np.hanning(25).sum()
    plan = np.column_stack([np.convolve(np.pad(plan[:, i], 12, "edge"), kernel, "valid") for i in range(2)])
    path = np.column_stack([plan[:, 0], np.full(90, radius), plan[:, 1]])
    return [Thing(m.sweep(path, radius, radius, [0, 1, 0], columns=8), _paint(rng, assets))]


def _hoop(rng: Rng, assets: Assets) -> list[Thing]:
    """A ring, bangle or wire hoop, lying or standing."""
    radius, thick = rng.uniform(8, 45), rng.uniform(0.5, 4)
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    path = np.column_stack([radius * np.cos(turn), np.full(64, thick), radius * np.sin(turn)])
    ring = m.sweep(path, thick, thick, [0, 1, 0], columns=10, closed=True)
    if rng.random() < 0.4:
        ring = ring.transformed(m.translation([0, radius, 0]) @ m.rotation([1, 0, 0], np.pi / 2 + rng.normal(0, 0.2)))
    return [Thing(ring, _paint(rng, assets))]


def _magnifier(rng: Rng, assets: Assets) -> list[Thing]:
    """One lens in one rim with a handle: close to glasses, but not a pair."""
    radius = float(rng.uniform(18, 40))
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    path = np.column_stack([radius * np.cos(turn), np.full(64, 2.5), radius * np.sin(turn)])
    rim = m.sweep(path, 1.5, 2.5, [0, 1, 0], columns=10, closed=True)
    disc = m.revolve(np.array([[0.01, 2.5], [radius, 2.5]]), 48)
    bar = np.column_stack([np.linspace(radius, radius + rng.uniform(40, 90), 8), np.full(8, 4), np.zeros(8)])
    paint = _paint(rng, assets)
    things = [Thing(rim, paint), Thing(disc, glassy(rng))]
    return [*things, Thing(m.sweep(bar, 4, 4, [0, 1, 0]), paint)] if rng.random() < 0.7 else things


def _pebble(rng: Rng, assets: Assets) -> list[Thing]:
    radii = rng.uniform([8, 5, 8], [50, 35, 50])
    return [Thing(m.ellipsoid(radii, 14, 20).transformed(m.translation([0, radii[1] * 0.95, 0])), _paint(rng, assets))]


def _case(rng: Rng, assets: Assets) -> list[Thing]:
    """A spectacle case: a rounded long box."""
    length, height, depth = rng.uniform(140, 175), rng.uniform(30, 55), rng.uniform(50, 75)
    path = np.column_stack([np.linspace(-0.5, 0.5, 14) * length, np.full(14, height / 2), np.zeros(14)])
    hull = m.sweep(path, depth / 2, height / 2, [0, 1, 0], exponent=float(rng.uniform(2.2, 4)), columns=24)
    return [Thing(hull, _paint(rng, assets))]


PROPS: tuple[Callable[[Rng, Assets], list[Thing]], ...] = (
    _block, _card, _round, _stick, _cable, _hoop, _magnifier, _pebble, _case,
)


def scatter(
    rng: Rng, assets: Assets, count: int, keep_clear: float, reach: float
) -> list[Thing]:
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


def ground(material: Material, half: float = 6000.0) -> Thing:
    """A level plane at y = 0."""
    corners = np.array([[-half, 0, -half], [half, 0, -half], [half, 0, half], [-half, 0, half]])
    up = np.repeat([[0.0, 1.0, 0.0]], 4, 0)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return Thing(m.mesh(corners, up, uv, [[0, 2, 1], [0, 3, 2]]), material, surface=True)


def sweep_paper(material: Material, azimuth: float, distance: float, radius: float) -> Thing:
    """Seamless paper: level, then curving up into a wall on the side away from the camera.

    azimuth: of the camera round y, radians from +z; distance: where the curve begins, mm.
    """
    turn = np.linspace(0, np.pi / 2, 16)
    level = np.array([[-6000.0, 0.0], [0.0, 0.0]])
    curve = np.column_stack([distance + radius * np.sin(turn), radius * (1 - np.cos(turn))])
    profile = np.concatenate([level, curve, [[distance + radius, 5000.0]]])
    points = np.stack(
        [
            np.column_stack([np.full(len(profile), x), profile[:, 1], -profile[:, 0]])
            for x in (-8000.0, 8000.0)
        ],
        axis=1,
    )
    sheet = m.grid(points)
    facing = np.where(sheet.normals[:, 1:2] + sheet.normals[:, 2:3] < 0, -1.0, 1.0)
    sheet = m.mesh(sheet.positions, sheet.normals * facing, sheet.uvs, sheet.triangles)
    return Thing(sheet.transformed(m.rotation([0, 1, 0], azimuth)), material, surface=True)


def wall(material: Material, azimuth: float, distance: float) -> Thing:
    """A flat wall behind the set, `distance` mm away from the origin, facing the camera."""
    corners = np.array([[-6000, -3000, -distance], [6000, -3000, -distance],
                        [6000, 6000, -distance], [-6000, 6000, -distance]], float)
    forward = np.repeat([[0.0, 0.0, 1.0]], 4, 0)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
    sheet = m.mesh(corners, forward, uv, [[0, 1, 2], [0, 2, 3]])
    return Thing(sheet.transformed(m.rotation([0, 1, 0], azimuth)), material)


def turntable(rng: Rng, assets: Assets, azimuth: float) -> list[Thing]:
    """A motor turntable with lettering on a pedestal, in a tent of bright walls, with cables."""
    radius, height = float(rng.uniform(110, 260)), float(rng.uniform(18, 110))
    pale = float(rng.uniform(0.5, 0.92)) if rng.random() < 0.8 else float(rng.uniform(0.02, 0.3))
    body = Material((pale, pale, pale * rng.uniform(0.94, 1.05)), roughness=float(rng.uniform(0.15, 0.7)))
    groove = height * rng.uniform(0.25, 0.6)
    rim = rng.uniform(1, 5)
    top = np.array([[radius, -groove], [radius, -rim], [radius - rim, 0.0], [radius - rim, 0.0], [0.01, 0.0]])
    side = np.array([[radius * 0.97, -height], [radius * 0.99, -height + 2], [radius * 0.99, -groove - 4]])
    repeat = max(1.0, round(2 * np.pi * radius / (height * rng.uniform(4, 8))))
    printed = replace(body, texture=prints.lettering(rng), texture_scale=float(repeat)) if rng.random() < 0.75 else body
    dark = Material((0.02, 0.02, 0.02), roughness=0.6)
    turn = m.rotation([0, 1, 0], azimuth + rng.normal(0, 0.25) + np.pi)
    things = [
        Thing(m.revolve(top, 96), body, surface=True),
        Thing(m.revolve(side, 96).transformed(turn), printed),
        Thing(m.revolve(np.array([[radius * 0.955, -groove - 5], [radius * 0.955, -groove + 1]]), 96), dark),
    ]
    foot, below = radius * rng.uniform(0.6, 1.4), rng.uniform(0, 250)
    things.append(Thing(m.revolve(np.array([[foot, -height - below], [foot, -height], [foot, -height], [0.01, -height]]), 64),
                        dark if rng.random() < 0.6 else _paint(rng, assets)))
    floor = Material(sample_colour(rng, 0.6, 0.97), roughness=0.7)
    things.append(Thing(ground(floor).mesh.transformed(m.translation([0, -height - below - 0.7, 0])), floor))
    white = float(rng.uniform(0.6, 0.95))
    tent = Material((white, white, white * rng.uniform(0.95, 1.08)), roughness=0.9, glow=float(rng.choice([0.0, rng.uniform(0.1, 1.0)], p=[0.2, 0.8])))
    far = radius + float(rng.uniform(80, 500))
    things.append(wall(tent, azimuth, far))
    for sign in (-1.0, 1.0):
        if rng.random() < 0.75:
            flap = m.box([rng.uniform(3, 160), 900, rng.uniform(4, 500)])
            shift = m.rotation([0, 1, 0], azimuth) @ m.translation([sign * (radius + rng.uniform(40, 420)), 100, -rng.uniform(-100, far)])
            things.append(Thing(flap.transformed(shift), tent if rng.random() < 0.5 else _paint(rng, assets)))
    down = m.translation([0, -height - below, 0])
    for thing in scatter(rng, assets, int(rng.integers(0, 3)), radius + 10, radius + 250):
        things.append(Thing(thing.mesh.transformed(down), thing.material))
    for _ in range(int(rng.integers(0, 4))):
        cable = _cable(rng, assets)[0]
        angle = azimuth + rng.uniform(-2.6, 2.6)
        away = m.translation([np.sin(angle) * (radius + 90), 0, np.cos(angle) * (radius + 90)])
        grey = Material(sample_colour(rng, 0.02, 0.9), roughness=0.5)
        things.append(Thing(cable.mesh.transformed(down @ away), grey))
    return things
