"""How a pair lies or stands on the set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

from synthetic import glasses
from synthetic import mesh as m

Rng = np.random.Generator
_UPRIGHT = {"turntable": 0.95, "white": 0.85, "flat": 0.4, "cloth": 0.5}
_HELD = {"white": 0.25, "cloth": 0.0}
"""Shares of pairs that stand as they are worn, and that are hung or held, on sets that differ."""


def rest(rng: Rng, parts: list[glasses.Part], kind: str) -> npt.NDArray[np.float64]:
    """A pose in which the pair lies still on y = 0 (a facet of its hull under its centre)."""
    points = np.concatenate([p.mesh.positions[::5] for p in parts]).astype(np.float64)
    upright = rng.random() < _UPRIGHT.get(kind, 0.75)
    if rng.random() < _HELD.get(kind, 0.06):
        # Hung or held by a hidden stand, as fronts in catalogues are.
        tilt = m.rotation([1, 0, 0], rng.normal(0, 0.06)) @ m.rotation(
            [0, 0, 1], rng.normal(0, 0.03)
        )
        lowest = float((points @ tilt[:3, :3].T)[:, 1].min())
        lift = rng.uniform(0, 40) * (rng.random() < 0.5)
        return m.translation([0, lift - lowest, 0]) @ tilt
    hull = ConvexHull(points)
    normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
    corners = points[hull.simplices]
    area = 0.5 * np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    centre = points.mean(axis=0)
    foot = centre - (normals @ centre + offsets)[:, None] * normals
    stable = _inside(foot, corners, normals)
    weight = area * stable * (np.exp(6 * -normals[:, 1]) if upright else 1.0)
    if weight.sum() <= 0:
        weight = area
    pick = int(rng.choice(len(weight), p=weight / weight.sum()))
    turn = _turn_down(normals[pick])
    lowest = float((points @ turn[:3, :3].T)[:, 1].min())
    spot = points @ turn[:3, :3].T
    middle = (spot.min(0) + spot.max(0)) / 2
    return m.translation([-middle[0], -lowest, -middle[2]]) @ turn


def _inside(
    feet: npt.NDArray[np.float64],
    corners: npt.NDArray[np.float64],
    normals: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """1 where a foot lies within its triangle, a little slack allowed, else 0."""
    within = np.ones(len(feet))
    for i in range(3):
        edge = corners[:, (i + 1) % 3] - corners[:, i]
        side = np.einsum("ij,ij->i", np.cross(edge, feet - corners[:, i]), normals)
        orient = np.einsum(
            "ij,ij->i", np.cross(edge, corners[:, (i + 2) % 3] - corners[:, i]), normals
        )
        within *= side * np.sign(orient) > -0.1 * np.abs(orient)
    return within


def _turn_down(normal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The rotation that brings `normal` to -y, keeping the front's heading as far as it can."""
    down = np.array([0.0, -1.0, 0.0])
    axis = np.cross(normal, down)
    length = float(np.linalg.norm(axis))
    if length < 1e-6:
        return np.eye(4) if normal[1] < 0 else m.rotation([0, 0, 1], np.pi)
    return m.rotation(axis, float(np.arctan2(length, normal @ down)))
