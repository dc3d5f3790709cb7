"""What surfaces are made of, and which materials a pair of glasses wears."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float]

PLAIN, TORTOISE, TWO_TONE, STREAKS, FADE = range(5)
"""Solid patterns known to the shader."""


@dataclass(frozen=True, slots=True)
class Material:
    """A surface. Colours are linear RGB.

    texture: sRGB uint8 (H, W, 3 or 4) or None; on objects it is laid by uv, `texture_scale` times,
    over the base colour (alpha); on the set it multiplies the base colour, one tile each
    `texture_scale` mm.
    clear: the surface lets light through: `tint` (top) to `tint2` (bottom) of a lens, `mirror` is
    the reflectance seen straight on, `haze` the share that is scattered, `bend` the shift of what
    is seen through, as a share of the picture.
    anisotropy: of the texture's filter. More than 1 keeps a texture sharp where it is seen at a low
    angle; software renderers then draw lines of stray dots where a texel is about a pixel wide.
    """

    base: Colour
    base2: Colour = (0.0, 0.0, 0.0)
    pattern: int = PLAIN
    pattern_scale: float = 1.0
    roughness: float = 0.4
    metallic: float = 0.0
    texture: npt.NDArray[np.uint8] | None = None
    texture_scale: float = 1.0
    texture_turn: float = 0.0
    anisotropy: float = 4.0
    clear: bool = False
    tint: Colour = (1.0, 1.0, 1.0)
    tint2: Colour = (1.0, 1.0, 1.0)
    mirror: Colour = (0.04, 0.04, 0.04)
    haze: float = 0.0
    bend: float = 0.0
    print: npt.NDArray[np.uint8] | None = None
    density: float = 1.0
    glow: float = 0.0


@dataclass(frozen=True, slots=True)
class Outfit:
    """Materials by the part slots of `synthetic.glasses`, and the names for the tags."""

    slots: dict[str, Material]
    frame: str
    lens: str
    tags: dict[str, str] = field(default_factory=dict)


METALS: dict[str, Colour] = {
    "gold": (1.0, 0.72, 0.31),
    "pale gold": (0.95, 0.8, 0.55),
    "rose gold": (0.93, 0.58, 0.46),
    "silver": (0.9, 0.9, 0.89),
    "steel": (0.6, 0.6, 0.6),
    "gunmetal": (0.2, 0.2, 0.22),
    "copper": (0.9, 0.5, 0.33),
}


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Linear RGB from display-referred HSV."""
    r, g, b = (float(c) ** 2.2 for c in colorsys.hsv_to_rgb(hue % 1.0, saturation, value))
    return r, g, b


def sample_colour(rng: np.random.Generator, low: float = 0.05, high: float = 0.95) -> Colour:
    """Any colour, greys and pastels included."""
    return hsv(
        rng.uniform(), rng.uniform() ** 1.5 * rng.choice([0.15, 0.6, 1.0]), rng.uniform(low, high)
    )


def sample_acetate(rng: np.random.Generator) -> tuple[str, Material]:
    """Acetate, glossy or matt: black, tortoise, coloured, two-tone, streaked, clear or milky."""
    rough = float(rng.choice([rng.uniform(0.05, 0.2), rng.uniform(0.35, 0.6)], p=[0.75, 0.25]))
    kinds = [
        "black",
        "tortoise",
        "colour",
        "two-tone",
        "streaks",
        "fade",
        "clear",
        "milky",
        "white",
    ]
    kind = str(rng.choice(kinds, p=[0.27, 0.14, 0.22, 0.08, 0.06, 0.05, 0.1, 0.05, 0.03]))
    scale = float(rng.uniform(0.6, 1.8))
    match kind:
        case "black":
            grey = float(rng.uniform(0.003, 0.03))
            return kind, Material((grey, grey, grey * rng.uniform(0.9, 1.3)), roughness=rough)
        case "tortoise":
            dark = hsv(rng.uniform(0.02, 0.07), 0.8, rng.uniform(0.08, 0.25))
            light = hsv(rng.uniform(0.05, 0.11), rng.uniform(0.6, 0.9), rng.uniform(0.4, 0.8))
            return kind, Material(dark, light, TORTOISE, scale, rough)
        case "two-tone" | "streaks" | "fade":
            pattern = {"two-tone": TWO_TONE, "streaks": STREAKS, "fade": FADE}[kind]
            return kind, Material(
                sample_colour(rng, 0.05, 0.6), sample_colour(rng), pattern, scale, rough
            )
        case "clear" | "milky":
            tint = hsv(rng.uniform(), rng.uniform(0, 0.35), rng.uniform(0.78, 0.97))
            if rng.random() < 0.3:
                tint = hsv(rng.uniform(), rng.uniform(0.3, 0.7), rng.uniform(0.5, 0.85))
            haze = rng.uniform(0.02, 0.15) if kind == "clear" else rng.uniform(0.3, 0.75)
            return kind, Material(
                tint,
                roughness=min(rough, 0.3),
                clear=True,
                tint=tint,
                haze=float(haze),
                bend=float(rng.uniform(0.004, 0.02)),
                density=0.35,
            )
        case "white":
            return kind, Material(
                hsv(rng.uniform(), 0.05, rng.uniform(0.85, 0.97)), roughness=rough
            )
    return kind, Material(
        hsv(rng.uniform(), rng.uniform(0.4, 1), rng.uniform(0.15, 0.9)), roughness=rough
    )


def sample_metal(rng: np.random.Generator) -> tuple[str, Material]:
    """Polished, brushed or lacquered metal."""
    if rng.random() < 0.35:
        value = rng.uniform(0.01, 0.04) if rng.random() < 0.6 else 0.0
        base = (value, value, value) if value else hsv(rng.uniform(), 0.7, rng.uniform(0.15, 0.7))
        return "lacquer", Material(base, roughness=float(rng.uniform(0.15, 0.6)))
    name = str(rng.choice(list(METALS)))
    return name, Material(METALS[name], roughness=float(rng.uniform(0.1, 0.45)), metallic=1.0)


def sample_pad(rng: np.random.Generator) -> Material:
    """Silicone of a nose pad: clear as glass to milky, now and then yellowed."""
    clear = rng.uniform(0.72, 0.96)
    aged = rng.uniform(0.0, 0.25) if rng.random() < 0.25 else rng.uniform(0.0, 0.05)
    return Material(
        (0.9, 0.9 - 0.2 * aged, 0.88 - 0.5 * aged),
        roughness=float(rng.uniform(0.05, 0.3)),
        clear=True,
        tint=(float(clear), float(clear * (1 - 0.3 * aged)), float(clear * (1 - aged))),
        haze=float(rng.choice([rng.uniform(0.01, 0.15), rng.uniform(0.15, 0.5)], p=[0.65, 0.35])),
        bend=float(rng.uniform(0.004, 0.02)),
        density=0.3,
    )


def sample_lens(rng: np.random.Generator) -> tuple[str, Material]:
    """Clear, tinted, gradient or mirrored lenses, coated or not."""
    kind = str(
        rng.choice(
            ["clear", "tinted", "gradient", "dark", "mirrored"], p=[0.66, 0.1, 0.08, 0.09, 0.07]
        )
    )
    reflect = float(rng.choice([rng.uniform(0.004, 0.015), rng.uniform(0.03, 0.09)]))
    coat = hsv(rng.choice([0.35, 0.6, 0.75, 0.0]), rng.uniform(0, 0.7), 1.0)
    mirror = (coat[0] * reflect, coat[1] * reflect, coat[2] * reflect)
    plain = Material(
        (1.0, 1.0, 1.0),
        roughness=float(rng.uniform(0.0, 0.06)),
        clear=True,
        mirror=mirror,
        bend=float(rng.uniform(-0.012, 0.012)),
        density=0.1,
    )
    clear = hsv(rng.uniform(), rng.uniform(0, 0.05), rng.uniform(0.95, 1.0))
    hue = rng.uniform()
    match kind:
        case "clear":
            return kind, replace(plain, tint=clear, tint2=clear)
        case "tinted":
            tint = hsv(hue, rng.uniform(0.15, 0.8), rng.uniform(0.45, 0.95))
            return kind, replace(plain, tint=tint, tint2=tint, density=0.4)
        case "gradient":
            tint = hsv(hue, rng.uniform(0.0, 0.8), rng.uniform(0.15, 0.5))
            pale = hsv(hue, rng.uniform(0, 0.3), rng.uniform(0.75, 0.97))
            return kind, replace(plain, tint=tint, tint2=pale, density=0.5)
        case "dark":
            tint = hsv(hue, rng.uniform(0.0, 0.6), rng.uniform(0.08, 0.4))
            return kind, replace(plain, tint=tint, tint2=tint, density=0.85)
    tint = hsv(hue, rng.uniform(0, 0.5), rng.uniform(0.1, 0.4))
    shine = hsv(rng.uniform(), rng.uniform(0.2, 0.9), rng.uniform(0.5, 0.95))
    return kind, replace(plain, tint=tint, tint2=tint, mirror=shine, density=0.85)


def dress(
    rng: np.random.Generator,
    build: str,
    prints: tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.uint8] | None],
    temple_print: npt.NDArray[np.uint8] | None,
) -> Outfit:
    """Materials for a pair of the given build; `prints` lie on the two lenses."""
    metal_name, metal = sample_metal(rng)
    acetate_name, acetate = sample_acetate(rng)
    front_is_acetate = build in ("acetate", "mixed") or (build == "half_rim" and rng.random() < 0.4)
    front_name, front = (acetate_name, acetate) if front_is_acetate else (metal_name, metal)
    temple_acetate = acetate if rng.random() < 0.75 else sample_acetate(rng)[1]
    if temple_print is not None:
        temple_acetate = replace(
            temple_acetate, texture=temple_print, texture_scale=float(rng.choice([1.0, 2.0]))
        )
    tip = acetate if rng.random() < 0.5 else sample_acetate(rng)[1]
    lens_name, lens = sample_lens(rng)
    pad = sample_pad(rng)
    if rng.random() < 0.15:
        pad = metal if rng.random() < 0.5 else Material((0.02, 0.02, 0.02), roughness=0.4)
    edge = Material(
        (0.8, 0.85, 0.85),
        roughness=0.2,
        clear=True,
        tint=(0.75, 0.8, 0.8),
        haze=float(rng.uniform(0.1, 0.5)),
        bend=0.01,
        density=0.4,
    )
    nylon = Material(
        (0.8, 0.8, 0.8),
        roughness=0.25,
        clear=True,
        tint=(0.85, 0.85, 0.85),
        haze=float(rng.uniform(0.1, 0.5)),
        bend=0.004,
        density=0.3,
    )
    small = (
        metal if rng.random() < 0.6 else Material(METALS["silver"], roughness=0.25, metallic=1.0)
    )
    return Outfit(
        {
            "front": front,
            "brow": acetate,
            "bridge": metal,
            "metal": small,
            "temple": metal,
            "temple_acetate": temple_acetate,
            "tip": tip,
            "pad": pad,
            "edge": edge,
            "nylon": nylon,
            "lens": replace(lens, print=prints[0]),
            "lens_2": replace(lens, print=prints[1]),
        },
        frame=front_name,
        lens=lens_name,
        tags={"material": front_name, "lens": lens_name},
    )
