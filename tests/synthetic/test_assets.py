from __future__ import annotations

from pathlib import Path

import pytest

from synthetic.assets import Assets
from synthetic.errors import AssetError, RendererUnavailable, SyntheticError

KINDS = [("hdri", "hdri_files", "a.hdr"), ("textures", "texture_files", "a.webp"),
         ("models", "model_files", "x/scene.gltf")]  # fmt: skip


@pytest.mark.parametrize(("field", "method", "name"), KINDS)
def test_lists_files_sorted_and_only_its_own_kind(
    tmp_path: Path, field: str, method: str, name: str
) -> None:
    for each in (name, name.replace("a.", "B.").replace("x/", "w/"), "notes.txt", "license.txt"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).touch()
    found = getattr(Assets(**{field: tmp_path}), method)()
    assert len(found) == 2
    assert list(found) == sorted(found)


@pytest.mark.parametrize(("field", "method", "name"), KINDS)
def test_no_folder_is_no_files(field: str, method: str, name: str) -> None:
    assert getattr(Assets(), method)() == ()


@pytest.mark.parametrize(("field", "method", "name"), KINDS)
@pytest.mark.parametrize("missing", [True, False])
def test_missing_or_empty_folder_is_named(
    tmp_path: Path, field: str, method: str, name: str, missing: bool
) -> None:
    folder = tmp_path / "material"
    if not missing:
        folder.mkdir()
    with pytest.raises(AssetError, match="material"):
        getattr(Assets(**{field: folder}), method)()


def test_renderer_unavailable_names_the_packages() -> None:
    error = RendererUnavailable("libEGL.so.1 not found")
    assert isinstance(error, SyntheticError)
    for word in ("libegl1", "libgl1-mesa-dri", "libEGL.so.1 not found"):
        assert word in str(error)
