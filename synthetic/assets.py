"""Folders of real material that scenes may use: environment maps, textures, models.

All three are optional; without them everything is made up from the seed. Where such material is
had, and under which licence, stands in `datasets/rendered.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from synthetic.errors import AssetError

_HDRI = (".hdr",)
_TEXTURES = (".webp", ".png", ".jpg", ".jpeg")
_MODELS = (".gltf", ".glb")


@dataclass(frozen=True)
class Assets:
    """Folders named by the user; None where there is none.

    hdri: equirectangular Radiance HDR files. textures: tileable pictures. models: glTF glasses,
    one folder each with its `license.txt`. Folders are searched recursively.
    """

    hdri: Path | None = None
    textures: Path | None = None
    models: Path | None = None

    def hdri_files(self) -> tuple[Path, ...]:
        """Environment maps, sorted; empty without a folder. Raises AssetError."""
        return _listed(self.hdri, _HDRI, "environment maps")

    def texture_files(self) -> tuple[Path, ...]:
        """Surface textures, sorted; empty without a folder. Raises AssetError."""
        return _listed(self.textures, _TEXTURES, "textures")

    def model_files(self) -> tuple[Path, ...]:
        """glTF scenes, sorted; empty without a folder. Raises AssetError."""
        return _listed(self.models, _MODELS, "models")


def _listed(folder: Path | None, suffixes: tuple[str, ...], what: str) -> tuple[Path, ...]:
    return () if folder is None else _files(folder, suffixes, what)


@lru_cache(maxsize=32)
def _files(folder: Path, suffixes: tuple[str, ...], what: str) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise AssetError(f"folder of {what} does not exist: {folder}")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
    if not found:
        raise AssetError(f"no {what} ({', '.join(suffixes)}) in folder: {folder}")
    return tuple(found)
