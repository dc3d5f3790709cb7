"""The measures of a pair of glasses, and how they are drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthetic.curves import OUTLINES, Outline, sample_outline

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
    pad_radii: tuple[float, float, float]
    pad_mount: bool
    end_at: float
    end_height: float
    end_reach: float
    wrap_radius: float
    lens_radius: float
    temple: Temple
    fold: tuple[float, float]
    tilt: tuple[float, float]


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
        pad_radii=(between(0.9, 1.5), between(4.8, 7.6), between(2.7, 4.0)),
        pad_mount=bool(rng.random() < 0.7),
        end_at=between(0.25, 0.85),
        end_height=between(3.5, 8.0) if thick else between(1.2, 4.0),
        end_reach=between(3.0, 9.0),
        wrap_radius=float(rng.choice([between(90, 180), between(180, 600)], p=[0.3, 0.7])),
        lens_radius=between(85, 260),
        temple=_sample_temple(build, rng),
        fold=sample_fold(rng, fold),
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


def sample_fold(rng: np.random.Generator, fold: str | None) -> tuple[float, float]:
    """How far the two temples are folded, in radians; `fold` as in `sample_spec`."""
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
