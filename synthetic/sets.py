"""What the glasses rest on and what stands behind them: tables, seamless paper, turntables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synthetic import mesh as m
from synthetic import prints
from synthetic.assets import Assets
from synthetic.materials import Material, sample_colour
from synthetic.props import Thing, cable, paint, scatter

Rng = np.random.Generator
DARK = Material((0.02, 0.02, 0.02), roughness=0.6)


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
    corners = np.array(
        [
            [-6000, -3000, -distance],
            [6000, -3000, -distance],
            [6000, 6000, -distance],
            [-6000, 6000, -distance],
        ],
        float,
    )
    forward = np.repeat([[0.0, 0.0, 1.0]], 4, 0)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
    sheet = m.mesh(corners, forward, uv, [[0, 1, 2], [0, 2, 3]])
    return Thing(sheet.transformed(m.rotation([0, 1, 0], azimuth)), material)


def turntable(rng: Rng, assets: Assets, azimuth: float) -> list[Thing]:
    """A motor turntable with lettering on a pedestal, in a tent of bright walls, with cables.

    Its top is y = 0; azimuth: of the camera round y, radians.
    """
    radius, height = float(rng.uniform(110, 260)), float(rng.uniform(18, 110))
    below = float(rng.uniform(0, 250))
    things = _disc(rng, radius, height, azimuth)
    foot = radius * rng.uniform(0.6, 1.4)
    post = [[foot, -height - below], [foot, -height], [foot, -height], [0.01, -height]]
    things.append(
        Thing(m.revolve(np.array(post), 64), DARK if rng.random() < 0.6 else paint(rng, assets))
    )
    down = m.translation([0, -height - below, 0])
    floor = Material(sample_colour(rng, 0.6, 0.97), roughness=0.7)
    lowered = down @ m.translation([0, -0.7, 0])
    things.append(Thing(ground(floor).mesh.transformed(lowered), floor))
    things += _tent(rng, assets, azimuth, radius)
    for thing in scatter(rng, assets, int(rng.integers(0, 3)), radius + 10, radius + 250):
        things.append(Thing(thing.mesh.transformed(down), thing.material))
    for _ in range(int(rng.integers(0, 4))):
        angle = azimuth + rng.uniform(-2.6, 2.6)
        away = m.translation([np.sin(angle) * (radius + 90), 0, np.cos(angle) * (radius + 90)])
        grey = Material(sample_colour(rng, 0.02, 0.9), roughness=0.5)
        things.append(Thing(cable(rng, assets)[0].mesh.transformed(down @ away), grey))
    return things


def _disc(rng: Rng, radius: float, height: float, azimuth: float) -> list[Thing]:
    """The turning disc over its lettered body, with a dark groove between them."""
    pale = float(rng.uniform(0.5, 0.92)) if rng.random() < 0.8 else float(rng.uniform(0.02, 0.3))
    body = Material(
        (pale, pale, pale * rng.uniform(0.94, 1.05)), roughness=float(rng.uniform(0.15, 0.7))
    )
    groove, rim = height * rng.uniform(0.25, 0.6), rng.uniform(1, 5)
    edge = radius - rim
    top = [[radius, -groove], [radius, -rim], [edge, 0.0], [edge, 0.0], [0.01, 0.0]]
    side = [[radius * 0.97, -height], [radius * 0.99, -height + 2], [radius * 0.99, -groove - 4]]
    slot = [[radius * 0.955, -groove - 5], [radius * 0.955, -groove + 1]]
    repeat = max(1.0, round(2 * np.pi * radius / (height * rng.uniform(4, 8))))
    printed = body
    if rng.random() < 0.75:
        printed = replace(body, texture=prints.lettering(rng), texture_scale=float(repeat))
    turn = m.rotation([0, 1, 0], azimuth + rng.normal(0, 0.25) + np.pi)
    return [
        Thing(m.revolve(np.array(top), 96), body, surface=True),
        Thing(m.revolve(np.array(side), 96).transformed(turn), printed),
        Thing(m.revolve(np.array(slot), 96), DARK),
    ]


def _tent(rng: Rng, assets: Assets, azimuth: float, radius: float) -> list[Thing]:
    """Bright walls behind and beside the turntable, some of them boards of cardboard."""
    white = float(rng.uniform(0.6, 0.95))
    glow = float(rng.choice([0.0, rng.uniform(0.1, 1.0)], p=[0.2, 0.8]))
    tent = Material((white, white, white * rng.uniform(0.95, 1.08)), roughness=0.9, glow=glow)
    far = radius + float(rng.uniform(80, 500))
    things = [wall(tent, azimuth, far)]
    for sign in (-1.0, 1.0):
        if rng.random() < 0.75:
            board = m.box([rng.uniform(3, 160), 900, rng.uniform(4, 500)])
            aside = sign * (radius + rng.uniform(40, 420))
            place = m.rotation([0, 1, 0], azimuth) @ m.translation(
                [aside, 100, -rng.uniform(-100, far)]
            )
            material = tent if rng.random() < 0.5 else paint(rng, assets)
            things.append(Thing(board.transformed(place), material))
    return things
