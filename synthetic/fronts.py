"""The front of the glasses: rims, lenses, bridge, nose pads, end pieces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic.curves import normals, smooth
from synthetic.parts import Part
from synthetic.spec import Spec

Points = npt.NDArray[np.float64]


def wrap(radius: float, part: m.Mesh) -> m.Mesh:
    """Bend the front backwards towards the temples (face form); radius in mm."""
    positions = part.positions.copy()
    positions[:, 2] -= positions[:, 0] ** 2 / (2 * radius)
    normals = part.normals.copy()
    normals[:, 0] += normals[:, 2] * positions[:, 0] / radius
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    return m.Mesh(positions, normals, part.uvs, part.triangles, positions.copy())


def _bulge(spec: Spec, curve: Points) -> Points:
    """Depth of the lens surface at points of the plane, (N,), zero at the rim's widest point."""
    far = spec.outline.half_width**2 / (2 * spec.lens_radius)
    return np.asarray(far * 0.6 - (curve**2).sum(axis=1) / (2 * spec.lens_radius))


def _lift(spec: Spec, curve: Points, depth: float = 0.0) -> Points:
    return np.column_stack([curve, _bulge(spec, curve) + depth])


def eye(spec: Spec) -> list[Part]:
    """Rim, lens and nose pad of the +x side, round the lens centre."""
    lens_curve = spec.outline.points(96)
    parts = _rim(spec, lens_curve)
    if spec.pads:
        parts += _pad(spec, lens_curve)
    elif spec.build != "rimless":
        at = lens_curve[_nearest(lens_curve, np.radians(200))]
        bump = m.ellipsoid((2.6, 7.0, 4.2)).transformed(
            m.translation([at[0] - spec.rim_width * 0.6, at[1] - 1, -spec.rim_depth * 0.6])
            @ m.rotation([0, 0, 1], 0.25)
            @ m.rotation([0, 1, 0], 0.4)
        )
        parts.append(Part(bump, "front"))
    parts.append(Part(_lens(spec, lens_curve), "lens", is_lens=True))
    return parts


def _rim_width(spec: Spec, curve: Points) -> Points:
    """Width of the rim along the outline, (N,) in mm."""
    normal = normals(curve)
    top = np.clip(normal[:, 1], 0, 1)
    corner = np.clip((normal @ np.array([0.77, 0.64]) - 0.6) / 0.4, 0, 1)
    gain = 1 + spec.brow_gain * top + spec.corner_gain * corner
    return smooth(spec.rim_width * gain, 3)


def _rim(spec: Spec, curve: Points) -> list[Part]:
    if spec.build == "rimless":
        edge = _lift(spec, curve, -0.9)
        return [Part(m.sweep(edge, 0.35, 0.9, [0, 0, 1], columns=8, closed=True), "edge")]
    thick = spec.build in ("acetate", "mixed")
    half = _rim_width(spec, curve) / 2
    overlap = 0.5 if thick else 0.25
    centreline = curve + normals(curve) * (half - overlap)[:, None]
    path = _lift(spec, centreline, -spec.rim_depth * 0.2)
    columns = 12 if thick else 8
    if spec.build in ("half_rim", "browline"):
        upper = _open_range(curve, -0.12)
        brow = m.sweep(
            path[upper],
            half[upper] * (1.0 if spec.build == "browline" else 1.3),
            spec.rim_depth / 2 * (1.6 if spec.build == "browline" else 1.0),
            [0, 0, 1],
            exponent=3.0,
            columns=columns,
        )
        thin = 0.25 if spec.build == "half_rim" else 0.6
        lower = _lift(spec, curve + normals(curve) * 0.1)
        wire = m.sweep(lower, thin, thin, [0, 0, 1], columns=8, closed=True)
        return [
            Part(brow, "brow" if spec.build == "browline" else "front"),
            Part(wire, "nylon" if spec.build == "half_rim" else "metal"),
        ]
    return [
        Part(
            m.sweep(
                path,
                half,
                spec.rim_depth / 2,
                [0, 0, 1],
                exponent=spec.rim_exponent,
                columns=columns,
                closed=True,
            ),
            "front",
        )
    ]


def _open_range(curve: Points, below: float) -> npt.NDArray[np.intp]:
    """Indices of the upper part of a closed curve, in order along it."""
    return unbroken(curve[:, 1] / curve[:, 1].max() > below)


def unbroken(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Indices of the one stretch that is chosen of a closed curve, in order along it."""
    indices = np.flatnonzero(chosen)
    start = int(np.argmax(np.diff(indices, prepend=indices[-1] - len(chosen)) > 1))
    return np.roll(indices, -start)


def _lens(spec: Spec, curve: Points) -> m.Mesh:
    """The lens surface; uv runs over its bounding box, v downwards."""
    rings = np.sqrt(np.linspace(0.0, 1.0, 7))
    flat = rings[:, None, None] * (curve * 1.0)[None]
    points = np.stack(
        [flat[..., 0], flat[..., 1], _bulge(spec, flat.reshape(-1, 2)).reshape(flat.shape[:2])], -1
    )
    surface = m.grid(points, closed_columns=True)
    half = np.abs(curve).max(axis=0)
    uvs = np.column_stack(
        [
            surface.positions[:, 0] / half[0] * 0.5 + 0.5,
            0.5 - surface.positions[:, 1] / half[1] * 0.5,
        ]
    )
    facing = np.sign(surface.normals[:, 2].mean()) or 1.0
    triangles = surface.triangles if facing > 0 else surface.triangles[:, ::-1]
    return m.mesh(surface.positions, surface.normals * facing, uvs, triangles)


def _nearest(curve: Points, angle: float) -> int:
    direction = np.arctan2(curve[:, 1], curve[:, 0])
    return int(np.argmin(np.abs(np.angle(np.exp(1j * (direction - angle))))))


def _pad(spec: Spec, curve: Points) -> list[Part]:
    at = curve[_nearest(curve, np.radians(205))]
    seat = np.array([at[0] - 2.2, at[1] - 1.5, -9.0])
    start = np.array([at[0] - 0.3, at[1] + 1.5, -0.8])
    middle = np.array([at[0] + 0.6, at[1] + 2.5, -6.0])
    t = np.linspace(0, 1, 12)[:, None]
    arm = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * (seat + [0.8, 0.5, 0.6])
    place = m.translation(seat) @ m.rotation([0, 0, 1], 0.3) @ m.rotation([0, 1, 0], 0.55)
    thick, half_height, half_width = spec.pad_radii
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([0 * turn, half_height * np.sin(turn), half_width * np.cos(turn)], axis=-1)
    # Clear pads show by their thick rounded edge and by what holds them.
    edge = m.sweep(ring * 0.94, 0.45 * thick, 0.45 * thick, [1, 0, 0], columns=8, closed=True)
    body = m.merge([m.ellipsoid(spec.pad_radii), edge])
    parts = [
        Part(m.sweep(arm, 0.5, 0.5, [0, 1, 0], columns=8), "metal"),
        Part(body.transformed(place), "pad"),
    ]
    if spec.pad_mount:
        mount = m.ellipsoid((0.5 * thick, 0.36 * half_height, 0.4 * half_width))
        parts.append(Part(mount.transformed(place), "metal"))
    return parts


def bridge(spec: Spec, centre: float) -> list[Part]:
    curve = spec.outline.points(96)
    inner = curve[:, 0] < 0
    height = spec.bridge_at * spec.outline.half_height
    nasal = curve[inner][np.argmin(np.abs(curve[inner, 1] - height))]
    reach = max(centre + nasal[0] + (0.3 if spec.build == "rimless" else 0.8), 3.0)
    t = np.linspace(-1, 1, 25)
    thick = spec.build in ("acetate", "mixed")
    inset = spec.rim_width * (0.2 if thick else 0.0)
    path = np.column_stack(
        [t * (reach - inset), nasal[1] + spec.bridge_arch * (1 - t**2), -0.5 + 1.5 * (1 - t**2)]
    )
    flare = 1 + (0.7 if thick else 0.25) * np.abs(t) ** 3
    parts = [
        Part(
            m.sweep(
                path,
                spec.rim_depth / 2 if thick else max(spec.rim_depth / 2.5, 0.5),
                spec.bridge_height / 2 * flare,
                [0, 1, 0],
                exponent=spec.rim_exponent,
                columns=12,
            ),
            "front" if thick else "bridge",
        )
    ]
    if spec.brow_bar:
        top = curve[inner][np.argmin(np.abs(curve[inner, 1] - 0.85 * spec.outline.half_height))]
        bar = np.column_stack(
            [t * (centre + top[0] + 3), top[1] + 3 - 1.5 * t**2, 0.5 + 0.8 * (1 - t**2)]
        )
        parts.append(Part(m.sweep(bar, 0.7, 0.8, [0, 1, 0], columns=10), "bridge"))
    return parts


def hinge_point(spec: Spec, centre: float) -> Points:
    """Where the temple turns, in the coordinates of the whole front, (3,)."""
    curve = spec.outline.points(96)
    outer = curve[curve[:, 0] > 0]
    at = outer[np.argmin(np.abs(outer[:, 1] - spec.end_at * spec.outline.half_height))]
    x = centre + at[0] + spec.end_reach
    z = -x * x / (2 * spec.wrap_radius) - max(3.5, spec.end_reach * 0.8)
    return np.array([x, at[1], z])


def end_piece(spec: Spec, centre: float, hinge: Points) -> list[Part]:
    """From the rim's outer edge back to the hinge, round the lens centre (not yet wrapped)."""
    tip = hinge - [centre, 0, 0]
    tip[2] += hinge[0] ** 2 / (2 * spec.wrap_radius)
    start = np.array([tip[0] - spec.end_reach - 0.3, tip[1], -spec.rim_depth * 0.2])
    corner = np.array([tip[0] + 0.6, tip[1], -spec.rim_depth * 0.1])
    t = np.linspace(0, 1, 14)[:, None]
    path = (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * tip
    thick = spec.build in ("acetate", "mixed", "browline")
    piece = m.sweep(
        path,
        spec.rim_depth / 2.2 if thick else 0.6,
        np.linspace(max(spec.end_height, spec.rim_width) / 2, spec.end_height / 2, 14),
        [0, 1, 0],
        exponent=3.5 if thick else 2.5,
        columns=12,
    )
    barrel = np.column_stack([np.zeros(5), np.linspace(-2.4, 2.4, 5), np.zeros(5)])
    barrel += tip + [-1.0, 0, -0.5]
    slot = {"browline": "brow", "acetate": "front", "mixed": "front"}.get(spec.build, "bridge")
    return [
        Part(piece, slot),
        Part(m.sweep(barrel, 1.1, 1.1, [0, 0, 1], columns=10, rounded_ends=False), "metal"),
    ]
