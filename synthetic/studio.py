"""One studio and its one unusual product: safety goggles on striped cloth.

What a network that was trained on `synthetic.scene` has not seen; the scenes of a shop whose
photos all look alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from synthetic import sets
from synthetic.assets import Assets
from synthetic.camera import aim
from synthetic.goggles import build, sample_goggles
from synthetic.lighting import sample_light
from synthetic.materials import Material
from synthetic.renderer import Renderer
from synthetic.scene import Dressed, Item, Scene, is_seen, place_pairs, reach_of
from synthetic.tiling import Float, fractal, grid, noise, random_colour
from synthetic.workwear import dress_goggles

Rng = np.random.Generator
_TILE = 440.0
_THREADS = 220


def open_studio(assets: Assets) -> Renderer:
    """What renders the studio's scenes. Raises RendererUnavailable."""
    return Renderer(assets, sample_studio)


def sample_studio(
    seed: int,
    assets: Assets,
    size: tuple[int, int],
    *,
    with_glasses: bool | None = None,
    pairs: int | None = None,
) -> Scene:
    """The studio's scene of a seed; arguments as of `synthetic.scene.sample_scene`.

    Light and cloth are the studio's own, so `assets` are not used.
    """
    rng = np.random.default_rng(seed)
    wanted = (rng.random() > 0.1) if with_glasses is None else with_glasses
    count = (pairs or 1) if wanted else 0
    light = replace(sample_light(rng, Assets(), "cloth"), gobo=None)
    pieces, tags = place_pairs(rng, _pair, count, "cloth")
    elevation, azimuth = _viewpoint(rng)
    cloth = _cloth(rng)
    far = reach_of(pieces) + float(rng.uniform(500, 1200))
    grey = float(rng.uniform(0.3, 0.8))
    back = sets.wall(Material((grey, grey, grey), roughness=0.9), azimuth, far)
    items = [Item(t.mesh, t.material, surface=t.surface) for t in (sets.ground(cloth), back)]
    items += pieces
    camera = aim(rng, _subject(rng, pieces), azimuth, elevation, size, tight=count > 0)
    items = [item for item in items if item.pair < 1 or is_seen(camera, items, item.pair)]
    return Scene(
        seed=seed,
        items=tuple(items),
        light=light,
        camera=camera,
        below=_mean_tone(cloth),
        reflection=0.0,
        background_level=2.0,
        exposure=float(rng.uniform(0.7, 1.15)),
        focus=camera.distance * float(rng.uniform(0.98, 1.02)),
        aperture=float(rng.choice([0.0, rng.uniform(2, 12)])) * max(size) / 768,
        tags={"set": "striped cloth", "pairs": str(len({i.pair for i in items} - {-1})), **tags},
    )


def _pair(rng: Rng) -> Dressed:
    goggles = sample_goggles(rng)
    outfit = dress_goggles(rng, goggles.build)
    outline = "two lenses" if goggles.bar else "shield"
    return build(goggles), replace(outfit, tags={"outline": outline, **outfit.tags})


def _viewpoint(rng: Rng) -> tuple[float, float]:
    """Elevation and azimuth of the camera in radians: from obliquely above, or from the top."""
    oblique, top = rng.uniform(0.4, 0.85), rng.uniform(0.85, 1.45)
    front, any_side = rng.normal(0, 0.5), rng.uniform(-np.pi, np.pi)
    return (
        float(rng.choice([oblique, top], p=[0.6, 0.4])),
        float(rng.choice([front, any_side], p=[0.7, 0.3])),
    )


def _subject(rng: Rng, pieces: list[Item]) -> npt.NDArray[np.float64]:
    """The points that the camera frames, float (N, 3)."""
    if not pieces:
        return np.asarray(rng.uniform(-120, 120, (30, 3)) * [1, 0, 1])
    return np.concatenate([p.mesh.positions[::7] for p in pieces]).astype(np.float64)


def _cloth(rng: Rng) -> Material:
    tile = np.clip(striped_cloth(rng) * 255 + 0.5, 0, 255).astype(np.uint8)
    return Material(
        (1.0, 1.0, 1.0),
        roughness=0.95,
        texture=tile,
        texture_scale=_TILE,
        anisotropy=1.0,
        texture_turn=float(rng.uniform(0, 2 * np.pi)),
    )


def _mean_tone(cloth: Material) -> tuple[float, float, float]:
    assert cloth.texture is not None
    tone = 0.9 * (cloth.texture / 255.0).mean(axis=(0, 1)) ** 2.2
    return float(tone[0]), float(tone[1]), float(tone[2])


def striped_cloth(rng: Rng, size: int = 1024) -> Float:
    """A tile of plainly woven cotton with stripes in two to four colours.

    Returns sRGB, float32 (size, size, 3), about 0..1, without a seam at its borders.
    """
    stripes = _stripes(rng, size)
    y, x = grid(size)
    warp, weft = np.sin(np.pi * _THREADS * x) ** 2, np.sin(np.pi * _THREADS * y) ** 2
    over = np.mod(np.floor(_THREADS * x) + np.floor(_THREADS * y), 2) < 1
    height = np.where(over, warp * (0.6 + 0.4 * weft), weft * (0.6 + 0.4 * warp))
    yarn = noise(rng, size, size // 2, 6) + noise(rng, size, 6, size // 2)
    creases = fractal(rng, size, (2, 2), 4)
    shade = (0.78 + 0.22 * height) * (1 + 0.03 * yarn) + 0.035 * creases
    return np.asarray(stripes * shade[..., None], dtype=np.float32)


def _stripes(rng: Rng, size: int) -> Float:
    """Stripes down the tile, one repeat four to nine times, float32 (size, size, 3)."""
    colours = [random_colour(rng, 0.15, 0.95) for _ in range(int(rng.integers(2, 5)))]
    repeats = int(rng.integers(4, 10))
    # The ground colour lies between the others, as the eye expects of a stripe.
    order = [i for k in range(1, len(colours)) for i in (0, k)]
    widths = rng.uniform(0.25, 1.0, len(order)) * np.where(np.array(order) == 0, 1.6, 1.0)
    ends = np.cumsum(widths) / widths.sum()
    across = np.mod((np.arange(size) + 0.5) / size * repeats, 1.0)
    row = np.stack(colours)[np.array(order)[np.searchsorted(ends, across).clip(max=len(order) - 1)]]
    return np.broadcast_to(row.astype(np.float32), (size, size, 3))
