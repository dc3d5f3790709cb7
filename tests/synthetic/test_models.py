"""Modelled glasses: lenses told from frames, sizes made real, bad files named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from trimesh.visual.material import PBRMaterial

from synthetic.errors import AssetError
from synthetic.models import load_model, sample_model

Box = tuple[tuple[float, float, float], tuple[float, float, float]]  # extents, centre
WHOLE: tuple[Box, ...] = (((13, 4, 0.2), (0, 2, 0)),)
HALVES: tuple[Box, ...] = (((5, 4, 0.2), (-3.6, 2, 0)), ((5, 4, 0.2), (3.6, 2, 0)))
INLAYS: tuple[Box, ...] = (((0.4, 0.2, 3), (-7, 2, -11)), ((0.4, 0.2, 3), (7, 2, -11)))


def write_model(
    path: Path, *, lenses: bool = True, panes: tuple[Box, ...] = WHOLE, inlays: bool = False
) -> Path:
    """Two bars for temples and flat boxes for the lenses, in centimetres, off the origin."""
    scene = trimesh.Scene()
    for name, boxes, alpha in (
        ("left", (((0.3, 0.3, 13), (-7, 2, -6.5)),), "OPAQUE"),
        ("right", (((0.3, 0.3, 13), (7, 2, -6.5)),), "OPAQUE"),
        ("panes", panes, "BLEND" if lenses else "OPAQUE"),
        ("inlays", INLAYS if inlays else (), "BLEND"),
    ):
        if not boxes:
            continue
        move = trimesh.transformations.translation_matrix
        body = trimesh.util.concatenate(
            [trimesh.creation.box(size, transform=move(at)) for size, at in boxes]
        )
        body.visual = trimesh.visual.TextureVisuals(
            material=PBRMaterial(name=name, alphaMode=alpha, baseColorFactor=[128, 0, 0, 255])
        )
        scene.add_geometry(body, node_name=name, geom_name=name)
    scene.export(path)
    return path


def test_models_are_one_unit_wide_with_the_front_at_the_origin(tmp_path: Path) -> None:
    parts = load_model(write_model(tmp_path / "pair.glb"))
    points = np.concatenate([part.mesh.positions for part, _ in parts])
    assert np.ptp(points[:, 0]) == pytest.approx(1.0)
    assert points[:, 2].max() == pytest.approx(0.0, abs=1e-6)
    assert points[:, 0].mean() == pytest.approx(0.0, abs=0.02)


def test_the_wide_transparent_part_is_the_lens(tmp_path: Path) -> None:
    parts = load_model(write_model(tmp_path / "pair.glb"))
    assert [part.is_lens for part, _ in parts].count(True) == 1
    lens = next(part for part, _ in parts if part.is_lens)
    assert np.ptp(lens.mesh.positions[:, 0]) > 0.8


def test_two_panes_of_one_part_are_two_lenses(tmp_path: Path) -> None:
    parts = load_model(write_model(tmp_path / "pair.glb", panes=HALVES))
    lenses = {part.lens: part.mesh for part, _ in parts if part.is_lens}
    assert set(lenses) == {1, 2}
    assert lenses[1].positions[:, 0].min() > 0 > lenses[2].positions[:, 0].max()
    first, second = (part.slot for part, _ in parts if part.is_lens)
    assert second == f"{first}_2"


def test_a_transparent_part_behind_the_front_is_no_lens(tmp_path: Path) -> None:
    """The rubber inlays of temple tips, say: as wide as the pair, and in one part."""
    path = write_model(tmp_path / "pair.glb", inlays=True)
    (lens,) = (part for part, _ in load_model(path) if part.is_lens)
    assert lens.mesh.positions[:, 2].min() > -0.1


def test_sampled_models_have_a_real_width_and_a_material_for_each_part(tmp_path: Path) -> None:
    files = (write_model(tmp_path / "pair.glb"),)
    for seed in range(4):
        parts, outfit = sample_model(np.random.default_rng(seed), files)
        points = np.concatenate([p.mesh.positions for p in parts])
        assert 124 < np.ptp(points[:, 0]) < 151
        assert {p.slot for p in parts} == set(outfit.slots)


@pytest.mark.parametrize("fault", ["not a model", "no lenses"])
def test_unusable_models_are_named(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "broken.glb"
    if fault == "not a model":
        path.write_bytes(b"nothing")
    else:
        write_model(path, lenses=False)
    with pytest.raises(AssetError, match="broken.glb"):
        load_model(path)
