"""Parametric glasses: from a handful of millimetres to meshes of every part.

The glasses look along +z, x points to the wearer's left as seen from the front, y up; the front
stands at z = 0 and open temples run towards -z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic.curves import OUTLINES, Outline, normals, sample_outline, smooth

Points = npt.NDArray[np.float64]
BUILDS = ("acetate", "metal", "browline", "half_rim", "rimless", "mixed")


@dataclass(frozen=True, slots=True)
class Temple:
    """One arm. Heights and thicknesses in mm, from the hinge to the tip."""

    length: float
    bend_at: float
    drop: float
    height: tuple[float, float, float]
    thickness: float
    tip_from: float
    tip_height: float
    tip_thickness: float
    exponent: float
    wave: float = 0.0
    split: float = 0.0


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything that fixes the shape of one pair, in mm and radians."""

    build: str
    outline: Outline
    bridge_width: float
    rim_width: float
    rim_depth: float
    rim_exponent: float
    brow_gain: float
    corner_gain: float
    bridge_height: float
    bridge_at: float
    bridge_arch: float
    brow_bar: bool
    pads: bool
    end_at: float
    end_height: float
    end_reach: float
    wrap_radius: float
    lens_radius: float
    temple: Temple
    fold: tuple[float, float]
    tilt: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Part:
    """A mesh with the name of the material slot that it wears; lenses are labelled apart."""

    mesh: m.Mesh
    slot: str
    is_lens: bool = False


def sample_spec(rng: np.random.Generator, fold: str | None = None) -> Spec:
    """Draw a plausible pair. `fold`: open, half, folded, crossed, or None for any."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    build = str(rng.choice(BUILDS, p=[0.34, 0.24, 0.1, 0.12, 0.07, 0.13]))
    kind = "browline" if build == "browline" else str(rng.choice(OUTLINES))
    outline = sample_outline(kind, rng)
    thick = build in ("acetate", "mixed")
    if thick:
        width = float(rng.choice([between(1.6, 3.2), between(2.6, 5.0), between(4.5, 7.5)]))
        depth, exponent = between(2.8, 5.5), between(2.6, 5.0)
    else:
        width = float(rng.choice([between(0.8, 1.4), between(1.1, 2.6)], p=[0.6, 0.4]))
        depth, exponent = between(1.2, 3.0), float(rng.choice([2.0, 3.5]))
    wide = thick and rng.random() < 0.45
    brow = between(0.5, 1.8) if build == "browline" else between(0.0, 0.5) * wide
    return Spec(
        build=build,
        outline=outline,
        bridge_width=between(13, 22),
        rim_width=width,
        rim_depth=depth,
        rim_exponent=exponent,
        brow_gain=brow * (3.0 if build == "browline" else 1.0),
        corner_gain=between(0.3, 1.6) * (kind == "cat_eye" or rng.random() < 0.3) * thick,
        bridge_height=between(3.0, 8.0) if thick else between(0.9, 2.2),
        bridge_at=between(0.1, 0.62),
        bridge_arch=between(-1.0, 4.0) if thick else between(0.5, 5.0),
        brow_bar=(kind == "aviator" and rng.random() < 0.75) or rng.random() < 0.04,
        pads=not thick or rng.random() < 0.3,
        end_at=between(0.25, 0.85),
        end_height=between(3.5, 8.0) if thick else between(1.2, 4.0),
        end_reach=between(3.0, 9.0),
        wrap_radius=float(rng.choice([between(90, 180), between(180, 600)], p=[0.3, 0.7])),
        lens_radius=between(85, 260),
        temple=_sample_temple(build, rng),
        fold=_sample_fold(rng, fold),
        tilt=(between(-0.06, 0.14), between(-0.02, 0.02)),
    )


def _sample_temple(build: str, rng: np.random.Generator) -> Temple:
    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    acetate = build == "acetate" or (build != "rimless" and rng.random() < 0.35)
    length = between(125, 152)
    bend = between(0.62, 0.76) * length
    drop = between(0.25, 0.95) if rng.random() < 0.9 else between(0.0, 0.2)
    if acetate:
        first = float(
            rng.choice([between(4, 8), between(8, 13), between(12, 21)], p=[0.4, 0.4, 0.2])
        )
        middle = max(3.0, first * between(0.45, 1.0))
        return Temple(
            length,
            bend,
            drop,
            (first, middle, max(middle, between(4, 10))),
            between(2.2, 4.6),
            1.0,
            0.0,
            0.0,
            between(2.6, 6.0),
            wave=between(-4, 4) * (rng.random() < 0.25),
        )
    if rng.random() < 0.45:
        first = middle = between(0.9, 1.8)
        thickness = first * between(0.8, 1.2)
    else:
        first = between(2.0, 9.0)
        middle, thickness = first * between(0.35, 1.0), between(0.7, 1.6)
    return Temple(
        length,
        bend,
        drop,
        (first, middle, middle),
        thickness,
        between(0.5, 0.78),
        between(3.0, 7.0),
        between(1.8, 3.6),
        float(rng.choice([2.0, 4.0])),
        wave=between(-6, 6) * (rng.random() < 0.3),
        split=between(4, 9) * (rng.random() < 0.12),
    )


def _sample_fold(rng: np.random.Generator, fold: str | None) -> tuple[float, float]:
    state = fold or str(rng.choice(["open", "half", "folded", "crossed"], p=[0.62, 0.1, 0.2, 0.08]))
    match state:
        case "open":
            base = float(rng.uniform(-0.12, 0.1))
            return base + float(rng.normal(0, 0.03)), base + float(rng.normal(0, 0.03))
        case "half":
            return float(rng.uniform(0.1, 1.2)), float(rng.uniform(0.1, 1.2))
        case "folded":
            return float(rng.uniform(1.48, 1.6)), float(rng.uniform(1.45, 1.58))
        case _:
            return float(rng.uniform(1.2, 1.5)), float(rng.uniform(1.2, 1.5))


def build(spec: Spec) -> list[Part]:
    """All parts of the pair, frame parts first, lenses last."""
    centre = spec.outline.half_width + spec.bridge_width / 2
    eye = _eye(spec)
    hinge = _hinge_point(spec, centre)
    eye += _end_piece(spec, centre, hinge)
    parts: list[Part] = []
    for side, fold in ((1.0, spec.fold[0]), (-1.0, spec.fold[1])):
        place = m.translation([centre, 0, 0])
        local = [Part(_wrap(spec, p.mesh.transformed(place)), p.slot, p.is_lens) for p in eye]
        order = 0.0 if side > 0 else 1.0
        local += _temple(spec, hinge, fold, order)
        if side < 0:
            local = [
                Part(
                    p.mesh.transformed(m.mirror_x()),
                    p.slot + ("_2" if p.is_lens else ""),
                    p.is_lens,
                )
                for p in local
            ]
        parts += local
    parts += [Part(_wrap(spec, p.mesh), p.slot) for p in _bridge(spec, centre)]
    return sorted(parts, key=lambda part: part.is_lens)


def _wrap(spec: Spec, part: m.Mesh) -> m.Mesh:
    """Bend the front backwards towards the temples (face form)."""
    positions = part.positions.copy()
    positions[:, 2] -= positions[:, 0] ** 2 / (2 * spec.wrap_radius)
    normals = part.normals.copy()
    normals[:, 0] += normals[:, 2] * positions[:, 0] / spec.wrap_radius
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    return m.Mesh(positions, normals, part.uvs, part.triangles, positions.copy())


def _bulge(spec: Spec, curve: Points) -> Points:
    """Depth of the lens surface at points of the plane, (N,), zero at the rim's widest point."""
    far = spec.outline.half_width**2 / (2 * spec.lens_radius)
    return np.asarray(far * 0.6 - (curve**2).sum(axis=1) / (2 * spec.lens_radius))


def _lift(spec: Spec, curve: Points, depth: float = 0.0) -> Points:
    return np.column_stack([curve, _bulge(spec, curve) + depth])


def _eye(spec: Spec) -> list[Part]:
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
    height = curve[:, 1] / curve[:, 1].max()
    upper = np.flatnonzero(height > below)
    start = int(np.argmax(np.diff(upper, prepend=upper[-1] - len(curve)) > 1))
    return np.roll(upper, -start)


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
    pad = m.ellipsoid((1.1, 6.6, 3.4)).transformed(
        m.translation(seat) @ m.rotation([0, 0, 1], 0.3) @ m.rotation([0, 1, 0], 0.55)
    )
    return [Part(m.sweep(arm, 0.5, 0.5, [0, 1, 0], columns=8), "metal"), Part(pad, "pad")]


def _bridge(spec: Spec, centre: float) -> list[Part]:
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


def _hinge_point(spec: Spec, centre: float) -> Points:
    """Where the temple turns, in the coordinates of the whole front, (3,)."""
    curve = spec.outline.points(96)
    outer = curve[curve[:, 0] > 0]
    at = outer[np.argmin(np.abs(outer[:, 1] - spec.end_at * spec.outline.half_height))]
    x = centre + at[0] + spec.end_reach
    z = -x * x / (2 * spec.wrap_radius) - max(3.5, spec.end_reach * 0.8)
    return np.array([x, at[1], z])


def _end_piece(spec: Spec, centre: float, hinge: Points) -> list[Part]:
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


def _temple(spec: Spec, hinge: Points, fold: float, order: float) -> list[Part]:
    temple = spec.temple
    path = _temple_path(temple)
    along = np.linspace(0, 1, len(path))
    height = np.interp(along, [0, 0.5, 1.0], temple.height) / 2
    sleeve = along >= temple.tip_from
    slot = "temple" if temple.tip_from < 1 else "temple_acetate"
    if temple.split:
        spread = temple.split * np.clip(np.sin(along / 0.55 * np.pi), 0, None) * (along < 0.55)
        arms = [path + np.outer(spread * sign, [0, 1, 0]) for sign in (0.5, -0.5)]
        height = np.minimum(height, 1.0)
    else:
        arms = [path]
    parts = [
        Part(
            m.sweep(
                arm, temple.thickness / 2, height, [0, 1, 0], exponent=temple.exponent, columns=10
            ),
            slot,
        )
        for arm in arms
    ]
    if sleeve.sum() > 3:
        grow = np.interp(along[sleeve], [temple.tip_from, 0.9, 1.0], [0.55, 0.9, 1.0])
        parts.append(
            Part(
                m.sweep(
                    path[sleeve],
                    temple.tip_thickness / 2 * np.sqrt(grow),
                    temple.tip_height / 2 * grow,
                    [0, 1, 0],
                    exponent=2.6,
                    columns=10,
                ),
                "tip",
            )
        )
    # A folded temple swings inwards; the second one comes to lie behind the first.
    shift = (
        order
        * np.sin(np.clip(fold, 0, np.pi / 2))
        * (max(temple.thickness, temple.tip_thickness) + 1)
    )
    lean = spec.tilt[0] + spec.tilt[1] * (1 if order else -1)
    place = (
        m.translation(hinge - [0, 0, shift])
        @ m.rotation([0, 1, 0], fold)
        @ m.rotation([1, 0, 0], lean)
    )
    return [Part(p.mesh.transformed(place), p.slot) for p in parts]
