"""A folder a photo: ``<name>/full.png``, with ``lens.png`` and the photo ``image.*`` if known."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers.photos import by_name, check_size
from pipeline.evaluation.readers.values import read_label
from pipeline.evaluation.truth import Truth, TruthMasks, box_around
from pipeline.images import is_picture

_FULL, _LENS, _PHOTO = "full.png", "lens.png", "image"


def find(root: Path) -> list[Truth]:
    """List the folders below `root` that hold a ``full.png``."""
    paths = [path for path in sorted(root.rglob(_FULL)) if path.parent != root]
    truths = []
    for path in paths:
        photo = _photo(path.parent)
        name = path.parent.relative_to(root).as_posix()
        truths.append(Truth(name, partial(_read, path, photo), photo))
    return truths


def _photo(folder: Path) -> Path | None:
    pictures = (path for path in folder.iterdir() if path.stem == _PHOTO and is_picture(path))
    return by_name((path.stem, path) for path in pictures).get(_PHOTO)


def _read(path: Path, photo: Path | None) -> TruthMasks:
    glasses, alpha = read_label(path)
    check_size(path, glasses.shape, photo)
    lens = None
    lens_path = path.with_name(_LENS)
    if lens_path.is_file():
        lens, _ = read_label(lens_path)
        if lens.shape != glasses.shape:
            raise EvaluationError(
                f"{lens_path} is {lens.shape[1]} x {lens.shape[0]}, but {path} "
                f"{glasses.shape[1]} x {glasses.shape[0]}; label both on the same photo"
            )
        lens = lens & glasses
    return TruthMasks(glasses, box_around(glasses), lens, alpha)
