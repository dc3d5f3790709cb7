from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from synthetic.assets import Assets
from synthetic.errors import AssetError
from synthetic.textures import KINDS, library_surface, surface, temple_texture


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def seam(tile: np.ndarray) -> float:
    """How much larger the step over the border is than the largest step within, both ways."""
    values = tile.astype(float)
    worst = 0.0
    for axis in (0, 1):
        steps = np.abs(np.diff(values, axis=axis)).mean(axis=(1 - axis, 2))
        border = np.abs(values.take(0, axis) - values.take(-1, axis)).mean()
        worst = max(worst, border / (steps.max() + 0.5))
    return worst


@pytest.mark.parametrize("kind", KINDS)
def test_surface_depends_on_nothing_but_the_seed(kind: str) -> None:
    first, again, other = (surface(kind, rng(s), 64) for s in (1, 1, 2))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("size", [100, 128])
@pytest.mark.parametrize("kind", KINDS)
def test_surface_is_tileable(kind: str, size: int) -> None:
    assert max(seam(surface(kind, rng(s), size)) for s in range(4)) < 1.6


def test_a_cut_tile_is_seen_to_be_none() -> None:
    assert seam(surface("gradient", rng(3), 128)[:80, :80]) > 1.6


def test_seeds_bring_light_and_dark_and_colour() -> None:
    means = np.array([surface("plain", rng(s), 32).reshape(-1, 3).mean(0) for s in range(40)])
    luma = means.mean(1)
    assert luma.min() < 70
    assert luma.max() > 200
    assert np.ptp(means, axis=1).max() > 60


def test_unknown_surface_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="velvet.*marble"):
        surface("velvet", rng())


def test_library_surface_reads_the_folder_in_rgb(tmp_path: Path) -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[..., 2] = 180  # red, as OpenCV writes it
    cv2.imwrite(str(tmp_path / "red.png"), picture)
    tile = library_surface(Assets(textures=tmp_path), rng())
    assert tile.shape == (20, 20, 3)
    assert tile[..., 0].min() > 80
    assert tile[..., 1:].max() == 0


def test_library_surface_names_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(AssetError, match=r"broken\.png"):
        library_surface(Assets(textures=tmp_path), rng())


def test_library_surface_needs_a_folder() -> None:
    with pytest.raises(AssetError, match="no folder"):
        library_surface(Assets(), rng())


@pytest.mark.parametrize("size", [(64, 512), (32, 200), (48, 90)])
def test_temple_texture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    for seed in range(8):
        assert temple_texture(rng(seed), size).shape == (*size, 3)
