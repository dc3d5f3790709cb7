"""One scene drawn from a seed: what stands where, under which light, seen by which camera."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

from synthetic import glasses, lights, prints, props, textures
from synthetic import mesh as m
from synthetic.assets import Assets
from synthetic.camera import Camera, aim
from synthetic.environment import key_light, prefilter, prefilter_hdr, irradiance_coefficients, load_hdr
from synthetic.materials import Material, dress, sample_colour
from synthetic.props import Thing

Rng = np.random.Generator
Floats = npt.NDArray[np.float32]
SETS = ("paper", "table", "turntable", "flat", "clutter", "white", "dark")
SET_SHARES = (0.28, 0.12, 0.19, 0.11, 0.1, 0.13, 0.07)


@dataclass(frozen=True, slots=True)
class Item:
    """One draw: a mesh, its material and its label.

    pair: index of the pair of glasses it belongs to, -1 for everything else.
    """

    mesh: m.Mesh
    material: Material
    pair: int = -1
    is_lens: bool = False
    surface: bool = False


@dataclass(frozen=True, slots=True)
class Light:
    """Image-based light: five filtered levels, irradiance coefficients (9, 3), the key light."""

    levels: tuple[Floats, ...]
    irradiance: Floats
    key_direction: Floats
    key_colour: Floats
    gobo: npt.NDArray[np.uint8] | None
    gobo_scale: float
    softness: float


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything the renderer needs. `exposure` maps a white surface to about display white."""

    seed: int
    items: tuple[Item, ...]
    light: Light
    camera: Camera
    below: tuple[float, float, float]
    reflection: float
    background_level: float
    exposure: float
    focus: float
    aperture: float
    tags: dict[str, str] = field(default_factory=dict)


def sample_scene(
    seed: int,
    assets: Assets,
    size: tuple[int, int],
    *,
    with_glasses: bool | None = None,
    pairs: int | None = None,
) -> Scene:
    """Draw the scene of a seed. size: (height, width) of the picture in pixels.

    with_glasses: False leaves them out, None decides by the seed (one scene in ten has none).
    pairs: how many pairs, None for one and now and then two or three.
    """
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(SETS, p=SET_SHARES))
    wanted = (rng.random() > 0.1) if with_glasses is None else with_glasses
    extra = int(rng.choice([1, 2, 3], p=[0.88, 0.09, 0.03]))
    count = 0 if not wanted else (pairs or extra)
    light = _light(rng, assets, kind)
    pieces, tags = _pairs(rng, count, kind)
    footprint = _footprint(pieces)
    elevation, azimuth = _viewpoint(rng, kind)
    things, below, reflection = _set(rng, assets, kind, azimuth, footprint, count == 0)
    items = [Item(t.mesh, t.material, surface=t.surface) for t in things] + pieces
    subject = _subject(rng, pieces, things)
    camera = aim(rng, subject, azimuth, elevation, size, tight=count > 0)
    up_light = float(_up_irradiance(light) / np.pi)
    gain = {"white": rng.uniform(1.0, 1.35), "turntable": rng.uniform(0.9, 1.3)}.get(
        kind, rng.uniform(0.55, 1.3)
    )
    return Scene(
        seed=seed,
        items=tuple(items),
        light=light,
        camera=camera,
        below=below,
        reflection=reflection,
        background_level=float(rng.uniform(0.0, 3.2)),
        exposure=float(gain / max(up_light, 1e-3)),
        focus=camera.distance * float(rng.uniform(0.96, 1.04)),
        aperture=float(rng.choice([0.0, rng.uniform(2, 30)], p=[0.55, 0.45]) * max(size) / 768),
        tags={"set": kind, "pairs": str(count), **tags},
    )


def _up_irradiance(light: Light) -> float:
    basis = np.array([0.282095, 0.488603, 0, 0, 0, 0, -0.315392, 0, -0.546274])
    return float((basis @ light.irradiance).mean())


def _light(rng: Rng, assets: Assets, kind: str) -> Light:
    if assets.hdri is not None and rng.random() < 0.45:
        files = assets.hdri_files()
        path = files[rng.integers(len(files))]
        levels, irradiance = prefilter_hdr(path)
        turn = int(rng.integers(256))
        levels = tuple(np.roll(level, turn * level.shape[1] // 256, axis=1) for level in levels)
        irradiance = irradiance_coefficients(levels[0])
    else:
        kinds = {"white": ["tent", "softboxes", "ring"], "turntable": ["tent", "softboxes", "ring", "window"],
                 "dark": ["softboxes", "hard_lamp", "dark_room", "window"]}.get(kind, list(lights.KINDS))
        raw, irradiance = prefilter(lights.procedural(rng, str(rng.choice(kinds))))
        levels = tuple(raw)
    scale = np.pi / max(float((np.array([0.282095, 0.488603, 0, 0, 0, 0, -0.315392, 0, -0.546274]) @ irradiance).mean()), 1e-4)
    levels = tuple(np.asarray(level * scale, np.float32) for level in levels)
    direction, colour, _ = key_light(levels[0])
    gobo = _gobo(rng) if rng.random() < 0.14 else None
    return Light(
        levels, np.asarray(irradiance * scale, np.float32), direction, colour, gobo,
        float(rng.uniform(150, 600)), float(rng.choice([0.02, rng.uniform(0.05, 0.45)])),
    )


def _gobo(rng: Rng) -> npt.NDArray[np.uint8]:
    """Patches of light and shade, as through blinds or leaves: uint8 (128, 128, 3)."""
    import cv2

    if rng.random() < 0.4:
        bars = (np.sin(np.linspace(0, rng.uniform(3, 14) * np.pi, 128)) > rng.uniform(-0.5, 0.5)) * 1.0
        plan = np.repeat(bars[None], 128, 0)
    else:
        plan = (cv2.resize(rng.random((12, 12)), (128, 128), interpolation=cv2.INTER_CUBIC) > 0.5) * 1.0
    soft = cv2.GaussianBlur(plan.astype(np.float32), (0, 0), float(rng.uniform(0.6, 6)))
    return np.repeat((np.clip(soft, 0, 1)[..., None] * 255).astype(np.uint8), 3, 2)


def _pairs(rng: Rng, count: int, kind: str) -> tuple[list[Item], dict[str, str]]:
    """`count` pairs resting on the set, side by side, and the first one's tags."""
    items: list[Item] = []
    tags: dict[str, str] = {}
    placed: list[tuple[npt.NDArray[np.float64], float]] = []
    for index in range(count):
        spec = glasses.sample_spec(rng)
        parts = glasses.build(spec)
        outfit = dress(rng, spec.build, _lens_prints(rng), _temple_print(rng))
        pose = _rest(rng, parts, kind)
        turn = m.rotation([0, 1, 0], 0.0 if index == 0 else rng.uniform(0, 2 * np.pi))
        posed = [p.mesh.transformed(turn @ pose) for p in parts]
        reach = max(float(np.linalg.norm(p.positions[:, [0, 2]], axis=1).max()) for p in posed)
        spot = np.zeros(2)
        if placed:
            centre, radius = placed[rng.integers(len(placed))]
            angle = rng.uniform(0, 2 * np.pi)
            gap = (radius + reach) * rng.uniform(0.55, 1.05)
            spot = centre + gap * np.array([np.cos(angle), np.sin(angle)])
        placed.append((spot, reach))
        shift = m.translation([spot[0], 0, spot[1]])
        groups: dict[int, list[tuple[m.Mesh, Item]]] = {}
        for part, body in zip(parts, posed, strict=True):
            material = outfit.slots[part.slot]
            item = Item(body.transformed(shift), material, index, part.is_lens)
            groups.setdefault(id(material), []).append((item.mesh, item))
        items += [replace(g[0][1], mesh=m.merge([mesh for mesh, _ in g])) for g in groups.values()]
        if not tags:
            tags = {"build": spec.build, "outline": spec.outline.kind, **outfit.tags}
    return items, tags


def _lens_prints(rng: Rng) -> tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.uint8] | None]:
    chance = rng.random()
    if chance < 0.5:
        return None, None
    first = prints.lens_print(rng)
    return (first, prints.lens_print(rng)) if chance < 0.62 else (first, None) if chance < 0.81 else (None, first)


def _temple_print(rng: Rng) -> npt.NDArray[np.uint8] | None:
    return textures.temple_texture(rng) if rng.random() < 0.12 else None


def _rest(rng: Rng, parts: list[glasses.Part], kind: str) -> npt.NDArray[np.float64]:
    """A pose in which the pair lies still on y = 0 (a facet of its hull under its centre)."""
    points = np.concatenate([p.mesh.positions[::5] for p in parts]).astype(np.float64)
    upright = rng.random() < {"turntable": 0.95, "white": 0.85, "flat": 0.4}.get(kind, 0.75)
    if rng.random() < (0.25 if kind == "white" else 0.06):
        # Hung or held by a hidden stand, as fronts in catalogues are.
        tilt = m.rotation([1, 0, 0], rng.normal(0, 0.06)) @ m.rotation([0, 0, 1], rng.normal(0, 0.03))
        lowest = float((points @ tilt[:3, :3].T)[:, 1].min())
        lift = rng.uniform(0, 40) * (rng.random() < 0.5)
        return m.translation([0, lift - lowest, 0]) @ tilt
    hull = ConvexHull(points)
    normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
    corners = points[hull.simplices]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
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
    feet: npt.NDArray[np.float64], corners: npt.NDArray[np.float64], normals: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """1 where a foot lies within its triangle, a little slack allowed, else 0."""
    within = np.ones(len(feet))
    for i in range(3):
        edge = corners[:, (i + 1) % 3] - corners[:, i]
        side = np.einsum("ij,ij->i", np.cross(edge, feet - corners[:, i]), normals)
        orient = np.einsum("ij,ij->i", np.cross(edge, corners[:, (i + 2) % 3] - corners[:, i]), normals)
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


def _footprint(pieces: list[Item]) -> float:
    if not pieces:
        return 20.0
    return max(float(np.linalg.norm(i.mesh.positions[:, [0, 2]], axis=1).max()) for i in pieces)


def _viewpoint(rng: Rng, kind: str) -> tuple[float, float]:
    """Camera elevation and azimuth in radians; azimuth 0 looks the glasses in the face."""
    azimuth = float(rng.choice([rng.normal(0, 0.25), rng.normal(0, 0.8), rng.uniform(-np.pi, np.pi)], p=[0.35, 0.4, 0.25]))
    match kind:
        case "turntable":
            return float(rng.uniform(-0.01, 0.35)), float(rng.uniform(-np.pi, np.pi))
        case "white":
            if rng.random() < 0.45:
                return float(rng.uniform(0, 0.1)), float(rng.normal(0, 0.05))
            return float(rng.uniform(0.0, 0.5)), azimuth
        case "flat":
            return float(rng.uniform(0.95, np.pi / 2 - 0.01)), azimuth
    return float(rng.choice([rng.uniform(0.0, 0.35), rng.uniform(0.2, 0.8), rng.uniform(0.7, 1.4)], p=[0.45, 0.4, 0.15])), azimuth


def _set(
    rng: Rng, assets: Assets, kind: str, azimuth: float, footprint: float, empty: bool
) -> tuple[list[Thing], tuple[float, float, float], float]:
    """What surrounds the glasses, the colour seen in mirrors from below, how glossy the table is."""
    if kind == "turntable":
        things = props.turntable(rng, assets, azimuth)
        pale = things[0].material.base
        clutter = [*props.scatter(rng, assets, int(rng.integers(1, 3)), 10, 60)] if empty else []
        return things + clutter, (pale[0] * 0.9, pale[1] * 0.9, pale[2] * 0.9), float(rng.choice([0.0, rng.uniform(0.2, 1)]))
    paper = _paper(rng, assets, kind)
    far = footprint + float(rng.uniform(20, 500))
    things = []
    if kind in ("paper", "white", "dark") and rng.random() < 0.85:
        things.append(props.sweep_paper(paper, azimuth, far, float(rng.uniform(20, 400))))
    else:
        things.append(props.ground(paper))
        if rng.random() < 0.6:
            back = Material(sample_colour(rng), roughness=0.8, texture=props.cover(rng, assets) if rng.random() < 0.6 else None, texture_scale=float(rng.uniform(5, 40)))
            things.append(props.wall(back, azimuth, far + float(rng.uniform(0, 1500))))
    number = {"clutter": rng.integers(3, 12), "table": rng.integers(0, 4), "flat": rng.integers(0, 3)}.get(kind, int(rng.random() < 0.2))
    if empty:
        number = int(rng.integers(0, 9))
    close = 0.55 if kind == "clutter" and rng.random() < 0.3 else 0.95
    things += props.scatter(rng, assets, int(number), footprint * close, footprint + 260)
    tone = np.asarray(paper.base) * (0.9 if paper.texture is None else (paper.texture[..., :3] / 255.0).mean(axis=(0, 1)) ** 2.2)
    glossy = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.35 else 0.0
    return things, (float(tone[0]), float(tone[1]), float(tone[2])), glossy


def _paper(rng: Rng, assets: Assets, kind: str) -> Material:
    """The surface that the glasses rest on."""
    rough = float(rng.choice([rng.uniform(0.02, 0.25), rng.uniform(0.3, 0.95)], p=[0.35, 0.65]))
    if kind == "white":
        grey = float(rng.uniform(0.82, 0.98))
        # Backdrops of catalogue pictures are lit apart, mostly to plain white.
        glow = float(rng.choice([0.0, rng.uniform(0.1, 0.6), rng.uniform(0.6, 1.5)], p=[0.2, 0.3, 0.5]))
        return Material((grey, grey, grey), roughness=rough, glow=glow)
    if kind == "dark":
        colour = sample_colour(rng, 0.02, 0.3)
        return Material(colour, roughness=rough)
    scale = float(rng.uniform(60, 420))
    turn = float(rng.uniform(0, 2 * np.pi))
    if kind == "paper":
        plain = Material(sample_colour(rng, 0.1, 0.97), roughness=max(rough, 0.15))
        if rng.random() < 0.55:
            return plain
        sheet = textures.surface(str(rng.choice(["paper", "gradient", "speckle", "plain"])), rng)
        return replace(plain, base=(1.0, 1.0, 1.0), texture=sheet, texture_scale=scale, texture_turn=turn)
    shade = float(rng.uniform(0.5, 1.1))
    return Material((shade, shade, shade), roughness=rough, texture=props.cover(rng, assets), texture_scale=scale, texture_turn=turn)


def _subject(rng: Rng, pieces: list[Item], things: list[Thing]) -> npt.NDArray[np.float64]:
    """The points that the camera frames, float (N, 3)."""
    if pieces:
        pair = 0 if rng.random() < 0.35 else None
        return np.concatenate([i.mesh.positions[::7] for i in pieces if pair is None or i.pair == pair]).astype(np.float64)
    near = [t.mesh.positions[::7] for t in things if np.abs(t.mesh.positions).max() < 500]
    box = rng.uniform(-90, 90, (30, 3)) * [1, 0, 1]
    return np.concatenate([*near, box]) if near and rng.random() < 0.7 else box
