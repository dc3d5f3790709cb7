"""Modelled glasses (glTF) in place of parametric ones, from a folder that the user names."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import trimesh

from synthetic import mesh as m
from synthetic.errors import AssetError
from synthetic.materials import Material, Outfit, sample_acetate, sample_lens, sample_metal
from synthetic.parts import Part

Rng = np.random.Generator
_TEXTURE_SIDE = 512


@lru_cache(maxsize=16)
def load_model(path: Path) -> tuple[tuple[Part, Material], ...]:
    """Parts of a glTF model with their own materials, 1 mm a unit and one unit wide.

    The model must look along +z with y up, as Sketchfab's glasses do; it is moved so that its
    front's centre is the origin. A lens is a part at the front that spans most of the width and
    whose material is transparent or called glass; its halves, where it has two, are two lenses.

    Raises:
        AssetError: the file cannot be read or holds no lens.
    """
    try:
        scene = trimesh.load_scene(path, process=False)
        bodies = [body for body in scene.dump() if isinstance(body, trimesh.Trimesh)]
    except Exception as error:  # trimesh raises whatever its readers raise
        raise AssetError(f"{path} is not a readable glTF model: {error}") from error
    if not bodies:
        raise AssetError(f"{path} holds no mesh")
    low = np.min([b.bounds[0] for b in bodies], axis=0)
    high = np.max([b.bounds[1] for b in bodies], axis=0)
    width = float(high[0] - low[0])
    origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[2]])
    parts = []
    for number, body in enumerate(bodies):
        place = m.translation(-origin)
        place[:3] /= width
        mesh = _mesh(body).transformed(place)
        lens = _is_lens(body, width, float(high[2]))
        sides = _sides(mesh) if lens else [mesh]
        for side, ending in zip(sides, ("", "_2"), strict=False):
            part = Part(side, f"model {number}{ending}", lens)
            parts.append((part, _material(body)))
    if not any(part.is_lens for part, _ in parts):
        raise AssetError(f"{path} has no part that looks like lenses (transparent, as wide as it)")
    return tuple(parts)


def _is_lens(body: trimesh.Trimesh, width: float, front: float) -> bool:
    material = getattr(body.visual, "material", None)
    name = str(getattr(material, "name", "")).lower()
    called = any(word in name for word in ("glass", "lens", "vidro"))
    see_through = str(getattr(material, "alphaMode", None)) == "BLEND" or called
    wide = float(np.ptp(body.bounds[:, 0])) > 0.55 * width
    ahead = float(body.bounds[1, 2]) > front - 0.2 * width  # unlike inlays of the temple tips
    return bool(see_through and wide and ahead)


def _sides(lens: m.Mesh) -> list[m.Mesh]:
    """Right and left lens of a mesh that holds both; a visor's single one has triangles that reach
    over the middle."""
    right = lens.positions[:, 0][lens.triangles] > 0
    if (right.any(axis=1) & ~right.all(axis=1)).any():
        return [lens]
    return [_part_of(lens, lens.triangles[side]) for side in (right[:, 0], ~right[:, 0])]


def _part_of(whole: m.Mesh, triangles: npt.NDArray[np.uint32]) -> m.Mesh:
    used, numbers = np.unique(triangles, return_inverse=True)
    return m.Mesh(
        whole.positions[used],
        whole.normals[used],
        whole.uvs[used],
        numbers.reshape(-1, 3).astype(np.uint32),
        whole.anchors[used],
    )


def _mesh(body: trimesh.Trimesh) -> m.Mesh:
    uv = getattr(body.visual, "uv", None)
    uvs = np.zeros((len(body.vertices), 2)) if uv is None else np.asarray(uv)[:, :2]
    flipped = np.column_stack([uvs[:, 0], 1 - uvs[:, 1]])  # trimesh counts v upwards
    return m.mesh(body.vertices, body.vertex_normals, flipped, body.faces)


def _material(body: trimesh.Trimesh) -> Material:
    given = getattr(body.visual, "material", None)
    factor = getattr(given, "baseColorFactor", None)
    base = np.ones(3) if factor is None else np.asarray(factor[:3], float)
    base = base / 255 if base.max() > 1 else base
    metallic, rough = (
        getattr(given, "metallicFactor", None),
        getattr(given, "roughnessFactor", None),
    )
    return Material(
        (float(base[0]), float(base[1]), float(base[2])),
        roughness=float(0.4 if rough is None else np.clip(rough, 0.05, 1)),
        metallic=float(0.0 if metallic is None else metallic),
        texture=_texture(getattr(given, "baseColorTexture", None)),
    )


def _texture(picture: object) -> npt.NDArray[np.uint8] | None:
    if picture is None:
        return None
    small = picture.convert("RGB").resize((_TEXTURE_SIDE, _TEXTURE_SIDE))  # type: ignore[attr-defined]
    return np.asarray(small, np.uint8)


def sample_model(rng: Rng, files: tuple[Path, ...]) -> tuple[list[Part], Outfit]:
    """One of the models at a real pair's width, in its own materials or in others."""
    path = files[rng.integers(len(files))]
    scale = np.diag([*[float(rng.uniform(125, 150))] * 3, 1.0])
    redressed = rng.random() < 0.5
    lens_name, lens = sample_lens(rng)
    parts, slots = [], {}
    for part, own in load_model(path):
        sized = part.mesh.transformed(scale)
        body = replace(sized, anchors=sized.positions)
        parts.append(Part(body, part.slot, part.is_lens))
        if part.is_lens:
            slots[part.slot] = lens
        elif redressed:
            slots[part.slot] = (sample_acetate if rng.random() < 0.6 else sample_metal)(rng)[1]
        else:
            slots[part.slot] = own
    frame = "model redressed" if redressed else "model"
    tags = {"material": frame, "lens": lens_name, "model": path.parent.name}
    return parts, Outfit(slots, frame, lens_name, tags)
