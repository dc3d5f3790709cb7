"""The arms of the glasses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic.parts import Part
from synthetic.spec import Temple

Points = npt.NDArray[np.float64]


def _temple_path(temple: Temple) -> Points:
    """Centreline of an open temple from the hinge, float (P, 3)."""
    s = np.concatenate(
        [np.linspace(0, temple.bend_at, 24), np.linspace(temple.bend_at, temple.length, 26)[1:]]
    )
    over = np.clip(s - temple.bend_at + 10, 0, None)
    turn = temple.drop * (1 - np.exp(-over / 12))
    step = np.diff(s, prepend=0)
    y = -np.cumsum(np.sin(turn) * step)
    z = -np.cumsum(np.cos(turn) * step)
    y = y + temple.wave * np.sin(np.clip(s / temple.bend_at, 0, 1) * 2 * np.pi)
    x = -((s / temple.length) ** 2) * 6.0
    return np.column_stack([x, y, z])


def temple(
    arm: Temple, hinge: Points, tilt: tuple[float, float], fold: float, order: float
) -> list[Part]:
    """One temple at its hinge, (3,) mm, turned inwards by `fold` radians.

    tilt: how far both temples lean down, and how far apart they lean, in radians.
    order: 0 for the one that folds first, 1 for the one that comes to lie behind it.
    """
    shift = (
        order * np.sin(np.clip(fold, 0, np.pi / 2)) * (max(arm.thickness, arm.tip_thickness) + 1)
    )
    lean = tilt[0] + tilt[1] * (1 if order else -1)
    place = (
        m.translation(hinge - [0, 0, shift])
        @ m.rotation([0, 1, 0], fold)
        @ m.rotation([1, 0, 0], lean)
    )
    return [Part(p.mesh.transformed(place), p.slot) for p in _open_temple(arm)]


def both_temples(
    lug: Part, arm: Temple, hinge: Points, lean: float, fold: tuple[float, float]
) -> list[Part]:
    """The two temples of a one-piece front, each with the lug that it turns on.

    lug, hinge: of the +x side. lean: how far both hang down, fold: as `temple` has it, in radians.
    """
    parts = []
    for order, angle in enumerate(fold):
        side = [lug, *temple(arm, hinge, (lean, 0.0), angle, float(order))]
        if order:
            side = [Part(p.mesh.transformed(m.mirror_x()), p.slot) for p in side]
        parts += side
    return parts


def _open_temple(arm: Temple) -> list[Part]:
    """Bar or bars, and the sleeve over the tip, with the hinge at the origin."""
    path = _temple_path(arm)
    along = np.linspace(0, 1, len(path))
    height = np.interp(along, [0, 0.5, 1.0], arm.height) / 2
    bars = [path]
    if arm.split:
        spread = arm.split * np.clip(np.sin(along / 0.55 * np.pi), 0, None) * (along < 0.55)
        bars = [path + np.outer(spread * sign, [0, 1, 0]) for sign in (0.5, -0.5)]
        height = np.minimum(height, 1.0)
    slot = "temple" if arm.tip_from < 1 else "temple_acetate"
    half, up = arm.thickness / 2, [0, 1, 0]
    parts = [
        Part(m.sweep(bar, half, height, up, exponent=arm.exponent, columns=10), slot)
        for bar in bars
    ]
    sleeve = along >= arm.tip_from
    if sleeve.sum() > 3:
        grow = np.interp(along[sleeve], [arm.tip_from, 0.9, 1.0], [0.55, 0.9, 1.0])
        wide, high = arm.tip_thickness / 2 * np.sqrt(grow), arm.tip_height / 2 * grow
        tip = m.sweep(path[sleeve], wide, high, up, exponent=2.6, columns=10)
        parts.append(Part(tip, "tip"))
    return parts
