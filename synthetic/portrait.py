"""People who wear glasses: what a detector that knows products alone takes for no glasses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from synthetic import mesh as m
from synthetic import props, sets
from synthetic.assets import Assets
from synthetic.camera import aim
from synthetic.glasses import sample_spec
from synthetic.hands import raise_hands
from synthetic.heads import build_head, sample_head, sample_looks
from synthetic.lighting import sample_light
from synthetic.materials import Material, dress, sample_colour
from synthetic.props import Thing
from synthetic.renderer import Renderer
from synthetic.scene import Item, Scene, dressed, is_seen

Rng = np.random.Generator
_EYES = 1500.0  # mm over the ground
_APART = 420.0  # mm between neighbours


def open_portraits(assets: Assets) -> Renderer:
    """What renders portraits. Raises RendererUnavailable."""
    return Renderer(assets, sample_portrait)


def sample_portrait(
    seed: int,
    assets: Assets,
    size: tuple[int, int],
    *,
    with_glasses: bool | None = None,
    pairs: int | None = None,
) -> Scene:
    """The portrait of a seed; arguments as of `synthetic.scene.sample_scene`. Several pairs are
    several people; without glasses there is one person."""
    rng = np.random.default_rng(seed)
    wanted = (rng.random() > 0.1) if with_glasses is None else with_glasses
    people = max(1, pairs or 1)
    light = sample_light(rng, assets, "portrait")
    azimuth = float(rng.choice([rng.normal(0, 0.25), rng.normal(0, 0.6)], p=[0.6, 0.4]))
    items: list[Item] = []
    faces: list[npt.NDArray[np.float64]] = []
    tags: dict[str, str] = {}
    for index in range(people):
        place = m.translation([_APART * (index - (people - 1) / 2), _EYES, 0]) @ _nod(rng)
        worn, person, told = _person(rng, assets)
        tags = tags or (told if wanted else {})
        items += [Item(t.mesh.transformed(place), t.material) for t in person]
        faces.append(items[-len(person)].mesh.positions[::11].astype(np.float64))
        if wanted:
            items += [replace(i, mesh=i.mesh.transformed(place), pair=index) for i in worn]
    items += [Item(t.mesh, t.material) for t in _backdrop(rng, assets, azimuth)]
    subject = _framed(rng, np.concatenate(faces))
    camera = aim(rng, subject, azimuth, float(rng.normal(0, 0.12)), size, tight=True)
    items = [item for item in items if item.pair < 0 or is_seen(camera, items, item.pair)]
    return Scene(
        seed=seed,
        items=tuple(items),
        light=light,
        camera=camera,
        below=(0.2, 0.2, 0.2),
        reflection=0.0,
        background_level=float(rng.uniform(0.0, 3.2)),
        exposure=float(rng.uniform(0.6, 1.3)),
        focus=camera.distance * float(rng.uniform(0.98, 1.02)),
        aperture=float(rng.choice([0.0, rng.uniform(2, 25)])) * max(size) / 768,
        tags={"set": "portrait", "pairs": str(len({i.pair for i in items} - {-1})), **tags},
    )


def _person(rng: Rng, assets: Assets) -> tuple[list[Item], list[Thing], dict[str, str]]:
    """Glasses that are worn, their wearer, and the tags of the glasses; head first."""
    spec = sample_spec(rng, "open")
    parts, outfit = dressed(spec, dress(rng, spec.build, (None, None), None))
    hinge = max(float(np.abs(p.mesh.positions[:, 0]).max()) for p in parts)
    head = sample_head(rng, 2 * hinge - float(rng.uniform(6, 14)))
    seat = m.translation([0, float(rng.normal(-3, 3)), float(rng.uniform(2, 9))])
    seat = seat @ m.rotation([1, 0, 0], float(rng.normal(0.03, 0.05)))
    worn = [Item(p.mesh.transformed(seat), outfit.slots[p.slot], 0, p.lens) for p in parts]
    looks = sample_looks(rng, assets)
    person = build_head(rng, head, looks) + raise_hands(rng, head, looks.skin, looks.cloth)
    return worn, person, outfit.tags


def _nod(rng: Rng) -> npt.NDArray[np.float64]:
    """How a head is held: turned, nodded and leant."""
    turned = m.rotation([0, 1, 0], float(rng.normal(0, 0.2)))
    nodded = m.rotation([1, 0, 0], float(rng.normal(0, 0.12)))
    return turned @ nodded @ m.rotation([0, 0, 1], float(rng.normal(0, 0.14)))


def _framed(rng: Rng, faces: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The points that the camera frames: faces, or people down to the chest."""
    if rng.random() < 0.45:
        return faces
    low, high = faces.min(axis=0), faces.max(axis=0)
    reach = float(rng.uniform(0.3, 1.0))
    chest = [low - [120 * reach, 380 * reach, 0], high + [120 * reach, 30, 0]]
    return np.concatenate([faces, chest])


def _backdrop(rng: Rng, assets: Assets, azimuth: float) -> list[Thing]:
    """A wall, plain or not; or nothing but the surroundings of the light."""
    chance = rng.random()
    if chance < 0.3:
        return []
    far = float(rng.uniform(350, 2500))
    if chance < 0.75:
        plain = sample_colour(rng) if rng.random() < 0.6 else (0.9, 0.9, 0.9)
        back = Material(plain, roughness=0.9, glow=float(rng.choice([0.0, rng.uniform(0, 0.8)])))
    else:
        back = Material(
            (1, 1, 1), roughness=0.9, texture=props.cover(rng, assets),
            texture_scale=float(rng.uniform(3, 30)),
        )  # fmt: skip
    return [sets.wall(back, azimuth, far)]
