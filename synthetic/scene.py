"""One scene drawn from a seed: what stands where, under which light, seen by which camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from synthetic import glasses, prints, props, sets, textures, visors
from synthetic import mesh as m
from synthetic.assets import Assets
from synthetic.camera import Camera, aim
from synthetic.lighting import Light, sample_light
from synthetic.materials import Material, Outfit, dress, hsv, sample_colour
from synthetic.models import sample_model
from synthetic.pose import rest
from synthetic.props import Thing

Rng = np.random.Generator
Floats = npt.NDArray[np.float32]
Dressed = tuple[list[glasses.Part], Outfit]
SETS = ("paper", "table", "turntable", "flat", "clutter", "white", "dark")
SET_SHARES = (0.26, 0.12, 0.18, 0.1, 0.08, 0.2, 0.06)


MODEL_SHARE = 0.12
VISOR_SHARE = 0.04
SEEN_SHARE = 0.35  # of a further pair; of less nobody could tell what it is


@dataclass(frozen=True, slots=True)
class Item:
    """One draw: a mesh, its material and its label.

    pair: index of the pair of glasses it belongs to, -1 for everything else.
    lens: which lens of the pair, 1 or 2; 0 for none.
    """

    mesh: m.Mesh
    material: Material
    pair: int = -1
    lens: int = 0
    surface: bool = False

    @property
    def is_lens(self) -> bool:
        return self.lens > 0


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


class Sampler(Protocol):
    """What draws the scene of a seed: `sample_scene`, or the one of a particular studio."""

    def __call__(
        self,
        seed: int,
        assets: Assets,
        size: tuple[int, int],
        *,
        with_glasses: bool | None = ...,
        pairs: int | None = ...,
    ) -> Scene: ...


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
    light = sample_light(rng, assets, kind)
    pieces, tags = place_pairs(rng, partial(_pair, assets), count, kind)
    footprint = reach_of(pieces)
    elevation, azimuth = _viewpoint(rng, kind)
    things, below, reflection = _set(rng, assets, kind, azimuth, footprint, count == 0)
    items = [Item(t.mesh, t.material, surface=t.surface) for t in things] + pieces
    subject = _subject(rng, pieces, things)
    camera = aim(rng, subject, azimuth, elevation, size, tight=count > 0)
    items = [item for item in items if item.pair < 1 or is_seen(camera, items, item.pair)]
    gain = {"white": rng.uniform(0.95, 1.2), "turntable": rng.uniform(0.9, 1.25)}.get(
        kind, rng.uniform(0.65, 1.4)
    )
    blur = rng.choice([0.0, rng.uniform(2, 25)], p=[0.65, 0.35]) * max(size) / 768
    return Scene(
        seed=seed,
        items=tuple(items),
        light=light,
        camera=camera,
        below=below,
        reflection=reflection,
        background_level=float(rng.uniform(0.0, 3.2)),
        exposure=float(gain),
        focus=camera.distance * float(rng.uniform(0.96, 1.04)),
        aperture=float(blur),
        tags={"set": kind, "pairs": str(len({i.pair for i in items} - {-1})), **tags},
    )


def place_pairs(
    rng: Rng, draw: Callable[[Rng], Dressed], count: int, kind: str
) -> tuple[list[Item], dict[str, str]]:
    """`count` pairs resting on the set, side by side, and the first one's tags."""
    items: list[Item] = []
    tags: dict[str, str] = {}
    placed: list[tuple[npt.NDArray[np.float64], float]] = []
    for index in range(count):
        parts, outfit = draw(rng)
        heading = 0.0 if index == 0 else float(rng.uniform(0, 2 * np.pi))
        pose = m.rotation([0, 1, 0], heading) @ rest(rng, parts, kind)
        posed = [p.mesh.transformed(pose) for p in parts]
        reach = max(float(np.linalg.norm(p.positions[:, [0, 2]], axis=1).max()) for p in posed)
        spot = _free_spot(rng, placed, reach)
        placed.append((spot, reach))
        shift = m.translation([spot[0], 0, spot[1]])
        # Parts of one material become one draw, as every draw of a clear one costs a copy; but
        # each lens is labelled by itself.
        groups: dict[tuple[str, int], list[m.Mesh]] = {}
        for part, body in zip(parts, posed, strict=True):
            groups.setdefault((_alike(outfit, part.slot), part.lens), []).append(body)
        for (slot, lens), meshes in groups.items():
            body = m.merge(meshes).transformed(shift)
            items.append(Item(body, outfit.slots[slot], index, lens))
        tags = tags or outfit.tags
    return items, tags


def _pair(assets: Assets, rng: Rng) -> Dressed:
    """One pair and what it wears: parametric, or now and then sports glasses or a model of the
    user's."""
    if assets.models is not None and rng.random() < MODEL_SHARE:
        return sample_model(rng, assets.model_files())
    if rng.random() < VISOR_SHARE:
        return visors.build(visors.sample_visor(rng)), visors.dress_visor(rng)
    spec = glasses.sample_spec(rng)
    return dressed(spec, dress(rng, spec.build, _lens_prints(rng), _temple_print(rng)))


def dressed(spec: glasses.Spec, outfit: Outfit) -> Dressed:
    """A parametric pair in its outfit, whose tags also tell its shape."""
    tags = {"build": spec.build, "outline": spec.outline.kind, **outfit.tags}
    return glasses.build(spec), replace(outfit, tags=tags)


def _alike(outfit: Outfit, slot: str) -> str:
    """The first slot that wears the same material."""
    return next(name for name, worn in outfit.slots.items() if worn is outfit.slots[slot])


def _free_spot(
    rng: Rng, placed: list[tuple[npt.NDArray[np.float64], float]], reach: float
) -> npt.NDArray[np.float64]:
    """Where the next pair lies, (2,) of x and z: beside one of the others, often overlapping."""
    if not placed:
        return np.zeros(2)
    centre, radius = placed[rng.integers(len(placed))]
    angle = rng.uniform(0, 2 * np.pi)
    away = (radius + reach) * rng.uniform(0.55, 1.05)
    return np.asarray(centre + away * np.array([np.cos(angle), np.sin(angle)]))


def _lens_prints(rng: Rng) -> tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.uint8] | None]:
    chance = rng.random()
    if chance < 0.5:
        return None, None
    if chance < 0.62:
        return prints.lens_print(rng), prints.lens_print(rng)
    one = prints.lens_print(rng)
    return (one, None) if chance < 0.81 else (None, one)


def _temple_print(rng: Rng) -> npt.NDArray[np.uint8] | None:
    return textures.temple_texture(rng) if rng.random() < 0.12 else None


def reach_of(pieces: list[Item]) -> float:
    """How far from the origin pieces reach on the set, in mm; a little where there are none."""
    if not pieces:
        return 20.0
    return max(float(np.linalg.norm(i.mesh.positions[:, [0, 2]], axis=1).max()) for i in pieces)


def _viewpoint(rng: Rng, kind: str) -> tuple[float, float]:
    """Camera elevation and azimuth in radians; azimuth 0 looks the glasses in the face."""
    front, oblique, any_side = rng.normal(0, 0.25), rng.normal(0, 0.8), rng.uniform(-np.pi, np.pi)
    azimuth = float(rng.choice([front, oblique, any_side], p=[0.35, 0.4, 0.25]))
    match kind:
        case "turntable":
            return float(rng.uniform(-0.01, 0.35)), float(rng.uniform(-np.pi, np.pi))
        case "white":
            if rng.random() < 0.45:
                return float(rng.uniform(0, 0.1)), float(rng.normal(0, 0.05))
            return float(rng.uniform(0.0, 0.5)), azimuth
        case "flat":
            return float(rng.uniform(0.95, np.pi / 2 - 0.01)), azimuth
    low, middle, high = rng.uniform(0.0, 0.35), rng.uniform(0.2, 0.8), rng.uniform(0.7, 1.4)
    return float(rng.choice([low, middle, high], p=[0.45, 0.4, 0.15])), azimuth


def _set(
    rng: Rng, assets: Assets, kind: str, azimuth: float, footprint: float, empty: bool
) -> tuple[list[Thing], tuple[float, float, float], float]:
    """What surrounds the glasses, the colour mirrored from below, how glossy the table is."""
    if kind == "turntable":
        things = sets.turntable(rng, assets, azimuth)
        tone = np.asarray(things[0].material.base) * 0.9
        glossy = float(rng.choice([0.0, rng.uniform(0.2, 1)]))
        if empty:
            things += props.scatter(rng, assets, int(rng.integers(1, 3)), 10, 60)
        return things, (float(tone[0]), float(tone[1]), float(tone[2])), glossy
    paper = _paper(rng, assets, kind)
    things = _backdrop(rng, assets, kind, paper, azimuth, footprint + float(rng.uniform(20, 500)))
    usual = {"clutter": (3, 12), "table": (0, 4), "flat": (0, 3)}.get(kind)
    number = rng.integers(*usual) if usual else int(rng.random() < 0.2)
    if empty:
        number = rng.integers(0, 9)
    close = 0.55 if kind == "clutter" and rng.random() < 0.3 else 0.95
    things += props.scatter(rng, assets, int(number), footprint * close, footprint + 260)
    tone = np.asarray(paper.base) * 0.9
    if paper.texture is not None:
        tone = np.asarray(paper.base) * (paper.texture[..., :3] / 255.0).mean(axis=(0, 1)) ** 2.2
    glossy = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.35 else 0.0
    return things, (float(tone[0]), float(tone[1]), float(tone[2])), glossy


def _backdrop(
    rng: Rng, assets: Assets, kind: str, paper: Material, azimuth: float, far: float
) -> list[Thing]:
    """Seamless paper, or a table with or without a wall behind it."""
    if kind in ("paper", "white", "dark") and rng.random() < 0.85:
        return [sets.sweep_paper(paper, azimuth, far, float(rng.uniform(20, 400)))]
    things = [sets.ground(paper)]
    if rng.random() < 0.6:
        back = Material(
            sample_colour(rng),
            roughness=0.8,
            texture=props.cover(rng, assets) if rng.random() < 0.6 else None,
            texture_scale=float(rng.uniform(5, 40)),
        )
        things.append(sets.wall(back, azimuth, far + float(rng.uniform(0, 1500))))
    return things


def _paper(rng: Rng, assets: Assets, kind: str) -> Material:
    """The surface that the glasses rest on."""
    polished, dull = rng.uniform(0.02, 0.25), rng.uniform(0.3, 0.95)
    rough = float(rng.choice([polished, dull], p=[0.35, 0.65]))
    if kind == "white":
        grey = float(rng.uniform(0.82, 0.98))
        # Backdrops of catalogue pictures are lit apart, mostly to plain white.
        some, full = rng.uniform(0.1, 0.6), rng.uniform(0.6, 1.2)
        glow = float(rng.choice([0.0, some, full], p=[0.2, 0.3, 0.5]))
        return Material((grey, grey, grey), roughness=rough, glow=glow)
    if kind == "dark":
        return Material(sample_colour(rng, 0.02, 0.3), roughness=rough)
    scale, turn = float(rng.uniform(60, 420)), float(rng.uniform(0, 2 * np.pi))
    if kind == "paper":
        any_colour = sample_colour(rng, 0.1, 0.97)
        pale = hsv(rng.uniform(), rng.uniform(0, 0.12), rng.uniform(0.6, 0.97))
        plain = Material(pale if rng.random() < 0.5 else any_colour, roughness=max(rough, 0.15))
        if rng.random() < 0.55:
            return plain
        tile = str(rng.choice(["paper", "gradient", "speckle", "plain"]))
        sheet, base = textures.surface(tile, rng), (1.0, 1.0, 1.0)
    else:
        shade = float(rng.uniform(0.5, 1.1))
        sheet, base = props.cover(rng, assets), (shade, shade, shade)
    return Material(base, roughness=rough, texture=sheet, texture_scale=scale, texture_turn=turn)


def is_seen(camera: Camera, items: list[Item], pair: int) -> bool:
    """Whether enough of a pair is in the picture to photograph it on purpose."""
    points = np.concatenate([i.mesh.positions for i in items if i.pair == pair])
    return camera.share_in_view(points.astype(np.float64)) >= SEEN_SHARE


def _subject(rng: Rng, pieces: list[Item], things: list[Thing]) -> npt.NDArray[np.float64]:
    """The points that the camera frames, float (N, 3)."""
    if pieces:
        first = rng.random() < 0.35
        framed = [p.mesh.positions[::7] for p in pieces if p.pair == 0 or not first]
        return np.concatenate(framed).astype(np.float64)
    near = [t.mesh.positions[::7] for t in things if np.abs(t.mesh.positions).max() < 500]
    spot = rng.uniform(-90, 90, (30, 3)) * [1, 0, 1]
    return np.concatenate([*near, spot]) if near and rng.random() < 0.7 else spot
