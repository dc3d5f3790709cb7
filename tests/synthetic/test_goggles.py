"""Safety goggles have the sizes of real ones, and their studio draws them with exact labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts_under_test import script
from synthetic.assets import Assets
from synthetic.goggles import build, sample_goggles
from synthetic.pose import rest
from synthetic.renderer import Renderer
from synthetic.studio import sample_studio, striped_cloth
from synthetic.workwear import dress_goggles

BUILDS = ("strap", "temples")
SIZE = (120, 160)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", BUILDS)
def test_goggles_are_as_large_as_real_ones(seed: int, kind: str) -> None:
    parts = build(sample_goggles(np.random.default_rng(seed), kind))
    front = np.concatenate([p.mesh.positions for p in parts if p.slot in ("body", "lens")])
    width, height, _ = np.ptp(front, axis=0)
    assert 125 < width < 210
    assert 35 < height < 115


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", BUILDS)
def test_every_part_finds_a_material_and_there_is_a_lens(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    goggles = sample_goggles(rng, kind)
    parts = build(goggles)
    assert {p.slot for p in parts} <= set(dress_goggles(rng, kind).slots)
    assert any(p.is_lens for p in parts)
    assert all(np.isfinite(p.mesh.positions).all() for p in parts)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", BUILDS)
def test_the_body_is_closed_and_faces_outwards(seed: int, kind: str) -> None:
    body = sample_goggles(np.random.default_rng(seed), kind).shield.body()
    edges = np.sort(np.concatenate([body.triangles[:, [i, (i + 1) % 3]] for i in range(3)]))
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    a, b, c = (body.positions[body.triangles[:, i]].astype(float) for i in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6000
    assert 4 < volume < 90, "cubic centimetres; shadows need the far sides to face away"


@pytest.mark.parametrize("seed", range(8))
def test_lenses_lie_within_the_body(seed: int) -> None:
    parts = build(sample_goggles(np.random.default_rng(seed)))
    body = np.concatenate([p.mesh.positions for p in parts if p.slot == "body"])
    lens = np.concatenate([p.mesh.positions for p in parts if p.is_lens])
    assert (lens[:, :2].min(axis=0) > body[:, :2].min(axis=0)).all()
    assert (lens[:, :2].max(axis=0) < body[:, :2].max(axis=0)).all()


def test_the_same_seed_gives_the_same_goggles_and_another_one_others() -> None:
    def points(seed: int) -> np.ndarray:
        parts = build(sample_goggles(np.random.default_rng(seed)))
        return np.concatenate([p.mesh.positions for p in parts])

    assert np.array_equal(points(3), points(3))
    assert not np.array_equal(points(3)[:50], points(4)[:50])


@pytest.mark.parametrize("seed", range(4))
def test_goggles_lie_on_the_cloth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = build(sample_goggles(rng))
    pose = rest(rng, parts, "cloth")
    heights = np.concatenate([p.mesh.transformed(pose).positions[:, 1] for p in parts])
    assert -2.5 < heights.min() < 1


def test_cloth_has_stripes_along_one_direction() -> None:
    cloth = striped_cloth(np.random.default_rng(0), 128)
    along, across = cloth.mean(axis=0).std(axis=0).max(), cloth.mean(axis=1).std(axis=0).max()
    assert max(along, across) > 4 * min(along, across)


@pytest.mark.parametrize(
    ("wanted", "pairs", "count"), [(True, None, 1), (True, 2, 2), (False, None, 0)]
)
def test_the_studio_shows_what_is_asked_for(wanted: bool, pairs: int | None, count: int) -> None:
    for seed in range(3):
        scene = sample_studio(seed, Assets(), SIZE, with_glasses=wanted, pairs=pairs)
        shown = {item.pair for item in scene.items} - {-1}
        assert len(shown) in ({count} if count < 2 else {1, 2})  # the second may leave the picture


def test_labels_are_of_the_same_render(renderer: Renderer) -> None:
    scene = sample_studio(5, Assets(), SIZE, with_glasses=True)
    sample = renderer.draw(scene)
    (pair,) = sample.instances
    assert (pair.frame > 127).any()
    assert (pair.lens > 127).any()
    assert (pair.frame.astype(int) + pair.lens).max() <= 256, "each is rounded"
    rows, columns = np.nonzero(pair.alpha > 127)
    x0, y0, x1, y1 = pair.box
    assert x0 - 1 <= columns.min() and columns.max() <= x1 + 1
    assert y0 - 1 <= rows.min() and rows.max() <= y1 + 1


def test_the_script_knows_the_studio() -> None:
    module = script("make_dataset")
    name, _, factory = module.SOURCES["goggles"].partition(":")
    assert (name, factory) == ("synthetic.studio", "open_studio")
    assert module.parse(["out", "--count", "1"]).kind == "glasses"


def test_the_script_makes_no_cutouts_of_worn_glasses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told = ["make_dataset", str(out), "--count", "1", "--kind", "worn", "--cutouts"]
    monkeypatch.setattr("sys.argv", told)
    assert script("make_dataset").main() == 2
    assert not out.exists()
