"""Meshes are closed, face outwards and move as told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic import mesh as m

CIRCLE = np.column_stack(
    [
        30 * np.cos(np.linspace(0, 2 * np.pi, 48, endpoint=False)),
        30 * np.sin(np.linspace(0, 2 * np.pi, 48, endpoint=False)),
        np.zeros(48),
    ]
)
LINE = np.column_stack([np.linspace(0, 50, 20), np.zeros(20), np.zeros(20)])
SOLIDS = {
    "ring": m.sweep(CIRCLE, 1.0, 2.0, [0, 0, 1], closed=True),
    "rod": m.sweep(LINE, 2.0, 2.0, [0, 1, 0]),
    "flat rod": m.sweep(LINE, 1.0, 5.0, [0, 1, 0], exponent=4.0),
    "ellipsoid": m.ellipsoid((3.0, 5.0, 7.0), 24, 32),
    "box": m.box((2.0, 3.0, 4.0)),
}


def volume(mesh: m.Mesh) -> float:
    a, b, c = (mesh.positions[mesh.triangles[:, i]].astype(np.float64) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        ("ring", 2 * np.pi * 30 * np.pi * 1 * 2, 0.06),
        ("rod", np.pi * 4 * 50 + 4 / 3 * np.pi * 8, 0.12),
        ("ellipsoid", 4 / 3 * np.pi * 105, 0.05),
        ("box", 24.0, 1e-6),
    ],
)
def test_volume_is_that_of_the_solid(name: str, expected: float, tolerance: float) -> None:
    assert volume(SOLIDS[name]) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("name", SOLIDS)
def test_normals_agree_with_the_faces(name: str) -> None:
    solid = SOLIDS[name]
    a, b, c = (solid.positions[solid.triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    big = np.linalg.norm(face, axis=1) > 1e-4
    along = np.einsum("ij,ij->i", face, solid.normals[solid.triangles[:, 0]])
    assert (along[big] > 0).mean() > 0.98


@given(
    angle=st.floats(-3, 3),
    axis=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.1, 1)),
    shift=st.tuples(*[st.floats(-100, 100)] * 3),
    flip=st.booleans(),
)
@settings(max_examples=25)
def test_moving_keeps_volume_and_facing(
    angle: float, axis: tuple[float, ...], shift: tuple[float, ...], flip: bool
) -> None:
    place = m.translation(shift) @ m.rotation(axis, angle)
    if flip:
        place = place @ m.mirror_x()
    moved = SOLIDS["ellipsoid"].transformed(place)
    centred = m.Mesh(
        moved.positions - np.float32(shift),
        moved.normals,
        moved.uvs,
        moved.triangles,
        moved.anchors,
    )
    assert volume(centred) == pytest.approx(volume(SOLIDS["ellipsoid"]), rel=1e-3)


def test_merged_parts_keep_their_triangles() -> None:
    whole = m.merge([SOLIDS["rod"], SOLIDS["box"]])
    assert len(whole.triangles) == len(SOLIDS["rod"].triangles) + len(SOLIDS["box"].triangles)
    assert whole.triangles.max() == len(whole.positions) - 1
    assert volume(whole) == pytest.approx(volume(SOLIDS["rod"]) + volume(SOLIDS["box"]), rel=1e-4)
