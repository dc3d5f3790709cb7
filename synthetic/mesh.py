"""Triangle meshes and the few ways in which scenes build them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mesh:
    """A triangle mesh in millimetres.

    positions, normals: float32 (N, 3); uvs: float32 (N, 2); triangles: uint32 (M, 3).
    anchors: float32 (N, 3), where each vertex lay when the part was modelled; solid patterns
    (tortoise, streaks) are looked up there, so they move with the part.
    """

    positions: Floats
    normals: Floats
    uvs: Floats
    triangles: npt.NDArray[np.uint32]
    anchors: Floats

    def transformed(self, matrix: npt.NDArray[np.float64]) -> Mesh:
        """The mesh moved by a 4x4 matrix (rotation, mirroring, uniform scale, translation)."""
        linear = matrix[:3, :3]
        positions = self.positions @ linear.T + matrix[:3, 3]
        normals = self.normals @ linear.T
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        triangles = self.triangles
        if np.linalg.det(linear) < 0:
            triangles = triangles[:, ::-1]
        return Mesh(
            positions.astype(np.float32),
            normals.astype(np.float32),
            self.uvs,
            np.ascontiguousarray(triangles),
            self.anchors,
        )


def mesh(
    positions: npt.ArrayLike,
    normals: npt.ArrayLike,
    uvs: npt.ArrayLike,
    triangles: npt.ArrayLike,
) -> Mesh:
    """A mesh from plain arrays, anchored where it stands."""
    points = np.asarray(positions, np.float32)
    return Mesh(
        points,
        np.asarray(normals, np.float32),
        np.asarray(uvs, np.float32),
        np.asarray(triangles, np.uint32),
        points.copy(),
    )


def merge(parts: Sequence[Mesh]) -> Mesh:
    """All parts as one mesh."""
    offsets = np.cumsum([0] + [len(p.positions) for p in parts[:-1]])
    return Mesh(
        np.concatenate([p.positions for p in parts]),
        np.concatenate([p.normals for p in parts]),
        np.concatenate([p.uvs for p in parts]),
        np.concatenate([p.triangles + np.uint32(o) for p, o in zip(parts, offsets, strict=True)]),
        np.concatenate([p.anchors for p in parts]),
    )


def grid(
    points: npt.NDArray[np.float64],
    *,
    closed_rows: bool = False,
    closed_columns: bool = False,
) -> Mesh:
    """A surface through a grid of points, float (R, C, 3), with smooth normals.

    Normals point along (along the rows) x (along the columns). Closed directions wrap round.
    """
    rows, columns = points.shape[:2]
    along_rows = _difference(points, 0, closed_rows)
    along_columns = _difference(points, 1, closed_columns)
    normals = np.cross(along_rows, along_columns)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    # A ring that shrank to a point has no normal of its own: take the mean of its neighbour's.
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-12), 0.0)
    for row, neighbour in ((0, 1), (rows - 1, rows - 2)):
        if np.abs(length[row]).max() < 1e-6:
            mean = normals[neighbour].mean(axis=0)
            normals[row] = mean / (np.linalg.norm(mean) + 1e-12)
    u = np.repeat(np.linspace(0, 1, rows)[:, None], columns, axis=1)
    v = np.repeat(np.linspace(0, 1, columns)[None], rows, axis=0)
    r = np.arange(rows if closed_rows else rows - 1)
    c = np.arange(columns if closed_columns else columns - 1)
    a, b = np.meshgrid(r, c, indexing="ij")
    a2, b2 = (a + 1) % rows, (b + 1) % columns
    quads = [a * columns + b, a2 * columns + b, a2 * columns + b2, a * columns + b2]
    q = np.stack(quads, axis=-1).reshape(-1, 4)
    triangles = np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]])
    return mesh(
        points.reshape(-1, 3),
        normals.reshape(-1, 3),
        np.stack([u, v], axis=-1).reshape(-1, 2),
        triangles,
    )


def _difference(
    points: npt.NDArray[np.float64], axis: int, closed: bool
) -> npt.NDArray[np.float64]:
    if closed:
        return np.roll(points, -1, axis) - np.roll(points, 1, axis)
    return np.asarray(np.gradient(points, axis=axis))


def section(columns: int, exponent: float) -> npt.NDArray[np.float64]:
    """A superellipse of half-axes 1, float (columns, 2); exponent 2 is round, 6 nearly square."""
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False) + np.pi / columns
    cos, sin = np.cos(angle), np.sin(angle)
    power = 2.0 / exponent
    return np.stack(
        [np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power], axis=1
    )


def sweep(
    path: npt.NDArray[np.float64],
    half_side: npt.ArrayLike,
    half_up: npt.ArrayLike,
    up: npt.ArrayLike,
    *,
    exponent: float = 2.0,
    columns: int = 12,
    closed: bool = False,
    rounded_ends: bool = True,
) -> Mesh:
    """A section carried along a path.

    path: float (P, 3). half_side, half_up: half-axes of the section in mm, a number or one for
    each path point. up: the direction of `half_up`, (3,) or (P, 3), made orthogonal to the path.
    Open sweeps are closed by caps, rounded unless `rounded_ends` is false.
    """
    count = len(path)
    side = np.broadcast_to(np.asarray(half_side, np.float64), (count,))
    high = np.broadcast_to(np.asarray(half_up, np.float64), (count,))
    tangent = _difference(path, 0, closed)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    upward = np.broadcast_to(np.asarray(up, np.float64), (count, 3))
    across = np.cross(tangent, upward)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-12
    upward = np.cross(across, tangent)
    ring = section(columns, exponent)
    points = (
        path[:, None]
        + ring[None, :, :1] * (across * side[:, None])[:, None]
        + ring[None, :, 1:] * (upward * high[:, None])[:, None]
    )
    if closed:
        return grid(points, closed_rows=True, closed_columns=True)
    reach = np.minimum(side, high) if rounded_ends else np.zeros(count)
    head = _cap(points[0], path[0], -tangent[0] * reach[0])
    tail = _cap(points[-1], path[-1], tangent[-1] * reach[-1])
    return grid(np.concatenate([head[::-1], points, tail]), closed_columns=True)


def _cap(
    ring: npt.NDArray[np.float64], centre: npt.NDArray[np.float64], reach: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Rings that close the open end of a sweep, float (4, C, 3)."""
    angle = np.array([0.5, 1.0, 1.35, np.pi / 2])[:, None, None]
    return np.asarray(centre + (ring - centre)[None] * np.cos(angle) + reach * np.sin(angle))


def ellipsoid(radii: Sequence[float], rows: int = 10, columns: int = 14) -> Mesh:
    """An ellipsoid round the origin."""
    polar = np.linspace(0, np.pi, rows)[:, None]
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    unit = np.stack(
        [np.sin(polar) * np.cos(turn), np.cos(polar) + 0 * turn, -np.sin(polar) * np.sin(turn)],
        axis=-1,
    )
    surface = grid(unit * np.asarray(radii), closed_columns=True)
    normals = unit.reshape(-1, 3) / np.asarray(radii)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return mesh(surface.positions, normals, surface.uvs, surface.triangles)


def revolve(profile: npt.NDArray[np.float64], columns: int = 48) -> Mesh:
    """A surface of revolution about the y axis from a profile, float (P, 2) of (radius, height).

    The profile runs from the bottom to the top; repeat a point to keep an edge sharp.
    """
    turn = np.linspace(0, 2 * np.pi, columns + 1)[None]
    radius, height = profile[:, :1], profile[:, 1:]
    points = np.stack([radius * np.sin(turn), height + 0 * turn, radius * np.cos(turn)], axis=-1)
    slope = np.gradient(profile, axis=0)
    # Flat shading between repeated points: each segment keeps the normal of its own slope.
    for i in range(len(profile) - 1):
        if np.allclose(profile[i], profile[i + 1]):
            slope[i] = profile[i] - profile[i - 1]
            if i + 2 < len(profile):
                slope[i + 1] = profile[i + 2] - profile[i + 1]
    normal2 = np.stack([slope[:, 1], -slope[:, 0]], axis=1)
    normal2 /= np.linalg.norm(normal2, axis=1, keepdims=True) + 1e-12
    normals = np.stack(
        [
            normal2[:, :1] * np.sin(turn),
            normal2[:, 1:] + 0 * turn,
            normal2[:, :1] * np.cos(turn),
        ],
        axis=-1,
    )
    surface = grid(points)
    uvs = np.stack([surface.uvs[:, 1], 1 - surface.uvs[:, 0]], axis=1)
    return mesh(surface.positions, normals.reshape(-1, 3), uvs, surface.triangles[:, ::-1])


def box(size: Sequence[float]) -> Mesh:
    """A box round the origin with flat faces."""
    half = np.asarray(size, np.float64) / 2
    parts = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            corners = np.zeros((4, 3))
            corners[:, axis] = sign * half[axis]
            corners[:, u] = np.array([-1, 1, 1, -1]) * half[u]
            corners[:, v] = np.array([-1, -1, 1, 1]) * half[v]
            normal = np.zeros(3)
            normal[axis] = sign
            order = [[0, 1, 2], [0, 2, 3]] if sign > 0 else [[0, 2, 1], [0, 3, 2]]
            uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
            parts.append(mesh(corners, np.repeat(normal[None], 4, 0), uv, order))
    return merge(parts)


def translation(offset: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """4x4 matrix that moves by `offset` (3,)."""
    matrix = np.eye(4)
    matrix[:3, 3] = np.asarray(offset, np.float64)
    return matrix


def rotation(axis: npt.ArrayLike, angle: float) -> npt.NDArray[np.float64]:
    """4x4 matrix that turns by `angle` radians about `axis` (3,), right-handed (Rodrigues)."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix


def mirror_x() -> npt.NDArray[np.float64]:
    """4x4 matrix that mirrors at the plane x = 0."""
    return np.diag([-1.0, 1.0, 1.0, 1.0])
