"""Two folders: photos in ``images/`` or ``photos/``, masks of the same names in ``masks/``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers.photos import check_size, photo_folder, pictures_below
from pipeline.evaluation.readers.values import read_label
from pipeline.evaluation.truth import Truth, TruthMasks, box_around

MASKS = "masks"


def find(root: Path) -> list[Truth]:
    """List the masks; photos without one are not labelled and left out."""
    folder = photo_folder(root)
    masks = pictures_below(root / MASKS)
    if folder is None or not masks:
        return []
    photos = pictures_below(folder)
    for name, path in masks.items():
        if name not in photos:
            raise EvaluationError(
                f"{path}: no photo {name} in {folder}; put it there, or remove the mask"
            )
    return [
        Truth(name, partial(_read, path, photos[name]), photos[name])
        for name, path in masks.items()
    ]


def _read(path: Path, photo: Path) -> TruthMasks:
    glasses, alpha = read_label(path)
    check_size(path, glasses.shape, photo)
    return TruthMasks(glasses, box_around(glasses), alpha=alpha)
