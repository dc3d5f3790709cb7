"""What safety goggles are made of: soft plastics in signal colours, tough lenses, elastic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synthetic.materials import STREAKS, Colour, Material, Outfit, hsv

Rng = np.random.Generator
# Hue, saturation and brightness as displayed.
_COLOURS: dict[str, tuple[float, float, float]] = {
    "black": (0.6, 0.1, 0.12),
    "grey": (0.6, 0.08, 0.45),
    "white": (0.1, 0.04, 0.9),
    "blue": (0.59, 0.85, 0.62),
    "navy": (0.62, 0.75, 0.3),
    "teal": (0.49, 0.75, 0.5),
    "green": (0.36, 0.7, 0.5),
    "lime": (0.22, 0.85, 0.85),
    "yellow": (0.14, 0.95, 0.95),
    "orange": (0.065, 0.95, 0.95),
    "red": (0.0, 0.85, 0.75),
}
_LENSES = ("clear", "smoke", "amber", "blue")


def dress_goggles(rng: Rng, build: str) -> Outfit:
    """Materials for a pair of `synthetic.goggles`."""
    name, colour = _signal_colour(rng)
    rough = float(rng.uniform(0.3, 0.6))
    body = Material(colour, roughness=rough)
    if build == "strap" and rng.random() < 0.2:
        name, body = "translucent", _translucent(rng, colour)
    accent = Material(_signal_colour(rng)[1], roughness=float(rng.uniform(0.2, 0.5)))
    lens_name, lens = _lens(rng)
    dark = Material((0.012, 0.012, 0.014), roughness=0.7)
    temple = body if rng.random() < 0.6 else Material(colour, roughness=0.25)
    slots = {
        "body": body,
        "bezel": accent,
        "vent": dark,
        "vent cap": accent if rng.random() < 0.5 else replace(body),
        "clip": dark if rng.random() < 0.6 else accent,
        "temple": temple,
        "tip": accent if rng.random() < 0.6 else dark,
        "lens": lens,
        "lens_2": lens,
        **_elastic(rng),
    }
    tags = {"build": f"goggles, {build}", "material": name, "lens": lens_name}
    return Outfit(slots, frame=name, lens=lens_name, tags=tags)


def _signal_colour(rng: Rng) -> tuple[str, Colour]:
    name = str(rng.choice(list(_COLOURS)))
    hue, saturation, value = _COLOURS[name]
    shifted = hsv(
        hue + rng.normal(0, 0.012),
        float(np.clip(saturation * rng.uniform(0.8, 1.1), 0, 1)),
        float(np.clip(value * rng.uniform(0.8, 1.2), 0, 0.97)),
    )
    return name, shifted


def _translucent(rng: Rng, colour: Colour) -> Material:
    """Milky soft plastic with a breath of a colour."""
    pale = tuple(0.75 + 0.2 * c for c in colour)
    tint = (pale[0], pale[1], pale[2])
    return Material(
        tint,
        roughness=0.25,
        clear=True,
        tint=tint,
        haze=float(rng.uniform(0.45, 0.75)),
        bend=float(rng.uniform(0.004, 0.012)),
        density=0.45,
    )


def _lens(rng: Rng) -> tuple[str, Material]:
    kind = str(rng.choice(_LENSES, p=[0.62, 0.18, 0.12, 0.08]))
    reflect = float(rng.uniform(0.04, 0.09))
    plain = Material(
        (1.0, 1.0, 1.0),
        roughness=float(rng.uniform(0.0, 0.05)),
        clear=True,
        mirror=(reflect, reflect, reflect),
        bend=float(rng.uniform(-0.004, 0.004)),
        haze=float(rng.uniform(0.0, 0.03)),
        density=0.1,
    )
    match kind:
        case "clear":
            tint = hsv(rng.uniform(), rng.uniform(0, 0.04), rng.uniform(0.94, 0.99))
        case "smoke":
            tint = hsv(rng.uniform(), rng.uniform(0, 0.15), rng.uniform(0.3, 0.7))
        case "amber":
            tint = hsv(rng.uniform(0.11, 0.15), rng.uniform(0.4, 0.85), rng.uniform(0.88, 0.98))
        case _:
            tint = hsv(rng.uniform(0.54, 0.62), rng.uniform(0.1, 0.35), rng.uniform(0.8, 0.95))
    return kind, replace(plain, tint=tint, tint2=tint, density=0.1 if kind == "clear" else 0.35)


def _elastic(rng: Rng) -> dict[str, Material]:
    """The band, threads running along it, and the stripes woven into it."""
    _, colour = _signal_colour(rng)
    if rng.random() < 0.4:
        colour = (0.015, 0.015, 0.017)
    lighter = tuple(min(1.0, c * 1.2 + 0.008) for c in colour)
    band = Material(
        colour, (lighter[0], lighter[1], lighter[2]), STREAKS, pattern_scale=5.0, roughness=0.85
    )
    return {"strap": band, "strap line": Material(_signal_colour(rng)[1], roughness=0.85)}
