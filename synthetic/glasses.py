"""Parametric glasses: from a handful of millimetres to meshes of every part.

The glasses look along +z, x points to the wearer's left as seen from the front, y up; the front
stands at z = 0 and open temples run towards -z.
"""

from __future__ import annotations

from functools import partial

from synthetic import mesh as m
from synthetic.fronts import bridge, end_piece, eye, hinge_point, wrap
from synthetic.parts import Part
from synthetic.spec import BUILDS, Spec, sample_spec
from synthetic.temples import temple

__all__ = ["BUILDS", "Part", "Spec", "build", "sample_spec"]


def build(spec: Spec) -> list[Part]:
    """All parts of the pair, frame parts first, lenses last."""
    centre = spec.outline.half_width + spec.bridge_width / 2
    half = eye(spec)
    hinge = hinge_point(spec, centre)
    half += end_piece(spec, centre, hinge)
    bent = partial(wrap, spec.wrap_radius)
    parts: list[Part] = []
    for side, fold in ((1.0, spec.fold[0]), (-1.0, spec.fold[1])):
        place = m.translation([centre, 0, 0])
        local = [Part(bent(p.mesh.transformed(place)), p.slot, p.is_lens) for p in half]
        order = 0.0 if side > 0 else 1.0
        local += temple(spec.temple, hinge, spec.tilt, fold, order)
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
    parts += [Part(bent(p.mesh), p.slot) for p in bridge(spec, centre)]
    return sorted(parts, key=lambda part: part.is_lens)
