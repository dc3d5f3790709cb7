"""Hands that hold the glasses that are worn, or touch a face: what covers them in portraits.

Fingers are modelled in the hand's own frame: the wrist at the origin, fingers along +y, the thumb
on the +x side, the palm towards +z. Heads and places on them are in the frame of `heads`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic.heads import Head
from synthetic.materials import Material, sample_colour
from synthetic.props import Thing

Rng = np.random.Generator
Points = npt.NDArray[np.float64]
_BONES = ((40.0, 24.0, 19.0), (45.0, 28.0, 21.0), (42.0, 26.0, 20.0), (33.0, 19.0, 17.0))
_KNUCKLES = ((27.0, 86.0), (9.0, 90.0), (-9.0, 86.0), (-25.0, 78.0))  # x, y; index finger first
_NO_HAND, _BOTH = 0.62, 0.08  # shares of people


@dataclass(frozen=True, slots=True)
class Fingers:
    """Paths (P, 3) in mm of the thumb and the four fingers, index first, and where thumb and
    index finger meet."""

    paths: tuple[Points, ...]
    pinch: Points


def raise_hands(rng: Rng, head: Head, skin: Material, cloth: Material) -> list[Thing]:
    """No hand, one or both of a person, raised to glasses or face, with their forearms."""
    chance = rng.random()
    if chance < _NO_HAND:
        return []
    sides = (-1, 1) if chance > 1 - _BOTH else (int(rng.choice([-1, 1])),)
    nails = Material(sample_colour(rng), roughness=0.2) if rng.random() < 0.4 else None
    grip = _grip(rng, head)
    return [t for side in sides for t in _arm(rng, grip * [side, 1, 1], side, skin, nails, cloth)]


def _grip(rng: Rng, head: Head) -> Points:
    """Where finger tips are, for a hand on the +x side."""
    beside = head.width / 2 + 4
    chance = rng.random()
    if chance < 0.5:  # a temple, near its hinge or further back
        return np.array([beside, rng.normal(4, 3), rng.uniform(-45, -2)])
    if chance < 0.8:  # the outer end of a rim
        return np.array([beside - rng.uniform(2, 18), rng.uniform(-22, 14), rng.uniform(0, 6)])
    # Cheek, chin or hair, so that a hand alone does not tell of glasses.
    low = rng.uniform(-110, -40)
    return np.array([beside * rng.uniform(0.3, 1.0), low, rng.uniform(-20, 25)])


def _arm(
    rng: Rng, grip: Points, side: int, skin: Material, nails: Material | None, cloth: Material
) -> list[Thing]:
    """A hand whose finger tips are at `grip`, and its forearm in a sleeve or bare."""
    fingers = bend_fingers(rng)
    inward = np.array([-side * rng.uniform(0.2, 1.0), rng.uniform(0.35, 1.0), rng.uniform(-0.5, 0)])
    place = _place(rng, fingers, grip, inward, side)
    hand = [part.transformed(place) for part in _flesh(fingers)]
    things = [Thing(part, skin) for part in hand]
    if nails is not None:
        things += [Thing(_nail(path).transformed(place), nails) for path in fingers.paths]
    wrist = place[:3, 3]
    elbow = wrist + [side * rng.uniform(0, 110), -rng.uniform(200, 250), rng.uniform(-60, 40)]
    path = np.linspace(wrist + 0.06 * (wrist - elbow), elbow, 12)
    radius = np.linspace(24, 40, 12)
    things.append(Thing(m.sweep(path, radius, 0.85 * radius, [0, 0, 1], columns=20), skin))
    if rng.random() < 0.7:
        first = int(rng.integers(1, 9))
        sleeve = radius[first:] + rng.uniform(5, 16)
        things.append(Thing(m.sweep(path[first:], sleeve, sleeve, [0, 0, 1], columns=24), cloth))
    return things


def bend_fingers(rng: Rng) -> Fingers:
    """Thumb and index finger that meet, the others stretched or curled beside them."""
    open_to = rng.uniform(0.1, 1.0)
    paths = []
    for number, (bones, (x, y)) in enumerate(zip(_BONES, _KNUCKLES, strict=True)):
        curl = 0.55 if number == 0 else open_to + 0.12 * number * rng.uniform(0, 1)
        bends = np.cumsum(np.array([0.9, 0.8, 0.5]) * curl + rng.normal(0, 0.05, 3))
        spread = 0.06 * (1 - number) + rng.normal(0, 0.03)
        steps = np.stack(
            [np.sin(spread) * np.cos(bends), np.cos(spread) * np.cos(bends), np.sin(bends)], axis=1
        )
        joints = np.cumsum(np.vstack([[x, y, 0.0], steps * np.array(bones)[:, None]]), axis=0)
        paths.append(_rounded(joints))
    pinch = paths[0][-1] + [1.0, -4.0, 6.0]
    base, knee = np.array([24.0, 22.0, 6.0]), np.array([52.0, 62.0, 28.0])
    share = np.linspace(0, 1, 14)[:, None]
    thumb = (1 - share) ** 2 * base + 2 * share * (1 - share) * knee + share**2 * pinch
    return Fingers((thumb, *paths), pinch)


def _rounded(joints: Points) -> Points:
    """A path through joints (J, 3) that bends over some millimetres, (4 (J - 1) + 1, 3)."""
    at = np.linspace(0, len(joints) - 1, 4 * (len(joints) - 1) + 1)
    path = np.stack([np.interp(at, range(len(joints)), joints[:, i]) for i in range(3)], axis=1)
    path[1:-1] = (path[:-2] + 2 * path[1:-1] + path[2:]) / 4
    return path


def _flesh(fingers: Fingers) -> list[m.Mesh]:
    """Fingers and palm."""
    parts = [
        m.sweep(path, width := np.linspace(thick, 0.72 * thick, len(path)), 0.9 * width, [1, 0, 0])
        for path, thick in zip(fingers.paths, (12.0, 9.0, 9.5, 9.0, 8.0), strict=True)
    ]
    palm = np.array([[0.0, 4.0, 0.0], [2.0, 25.0, 2.0], [2.0, 50.0, 2.0], [0.0, 76.0, 0.0]])
    wide, deep = np.array([25.0, 34.0, 39.0, 37.0]), np.array([17.0, 17.0, 15.0, 11.0])
    parts.append(m.sweep(palm, wide, deep, [0, 0, 1], exponent=2.6, columns=24))
    return parts


def _nail(path: Points) -> m.Mesh:
    """On the back of a finger's last bone."""
    along = path[-1] - path[-3]
    along /= np.linalg.norm(along)
    back = np.cross(along, [1.0, 0, 0])
    back /= np.linalg.norm(back)
    across = np.cross(along, back)
    place = np.eye(4)
    place[:3, :3] = np.stack([across, along, back], axis=1)
    place[:3, 3] = path[-1] + 4.5 * back
    return m.ellipsoid([5.0, 8.0, 2.5]).transformed(place)


def _place(
    rng: Rng, fingers: Fingers, grip: Points, inward: Points, side: int
) -> npt.NDArray[np.float64]:
    """4x4: finger tips at `grip`, the hand turned so that it is beside and before the head."""
    points = np.concatenate(fingers.paths)

    def outside(turn: npt.NDArray[np.float64]) -> float:
        moved = (points - fingers.pinch) @ turn[:3, :3].T
        return float((side * moved[:, 0] + moved[:, 2]).mean())

    turns = [_towards(fingers.pinch, inward, float(a), side) for a in rng.uniform(0, 2 * np.pi, 4)]
    place = max(turns, key=outside)
    place[:3, 3] = grip - place[:3, :3] @ fingers.pinch
    return place


def _towards(local: Points, direction: Points, spin: float, side: int) -> Points:
    """4x4 rotation that takes `local` to `direction`, then spins about it; a left hand is a
    right one mirrored."""
    mirror = np.eye(4) if side > 0 else m.mirror_x()
    have = (mirror[:3, :3] @ local) / np.linalg.norm(local)
    want = direction / np.linalg.norm(direction)
    axis = np.cross(have, want)
    turn = m.rotation(axis, float(np.arccos(np.clip(have @ want, -1, 1))))
    return np.asarray(m.rotation(want, spin) @ turn @ mirror)
