"""A COCO json file of instances: polygons, and RLE compressed or not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers.classes import Kind, kinds_of
from pipeline.evaluation.readers.documents import parse, read_text
from pipeline.evaluation.readers.photos import (
    FOLDERS,
    check_all_or_none,
    check_size,
    first_file,
    relative_name,
    without_folder,
)
from pipeline.evaluation.readers.shapes import Instance, polygon_mask, together
from pipeline.evaluation.truth import Truth, TruthMasks
from pipeline.types import Bools

_Id = int | str
_Pixels = Annotated[int, Field(gt=0)]


class _Picture(BaseModel):
    id: _Id
    file_name: str
    height: _Pixels
    width: _Pixels


class _Category(BaseModel):
    id: _Id
    name: str


class _Rle(BaseModel):
    size: tuple[int, int]
    counts: str | list[Annotated[int, Field(ge=0)]]


class _Annotation(BaseModel):
    id: _Id | None = None
    image_id: _Id
    category_id: _Id
    segmentation: _Rle | list[list[FiniteFloat]] = []
    iscrowd: bool = False


class _File(BaseModel):
    images: list[_Picture]
    annotations: list[_Annotation]
    categories: list[_Category]


def find(path: Path) -> list[Truth]:
    """List the pictures of a COCO json file; those without annotations show no glasses."""
    data = parse(_File, read_text(path), path, "a COCO json file")
    names = {category.id: category.name for category in data.categories}
    kinds = kinds_of(names, path)
    notes: dict[_Id, list[_Annotation]] = {picture.id: [] for picture in data.images}
    if len(notes) < len(data.images):
        raise EvaluationError(f"{path}: two pictures have one id; export the file anew")
    for note in data.annotations:
        if note.image_id not in notes or note.category_id not in names:
            raise EvaluationError(
                f"{path}: annotation {note.id} is of picture {note.image_id} and class "
                f"{note.category_id}, which are not both listed; export the file anew"
            )
        if note.category_id in kinds:
            notes[note.image_id].append(note)
    photos = {picture.file_name: _photo(path, picture.file_name) for picture in data.images}
    check_all_or_none(photos, path)
    return [
        Truth(
            without_folder(relative_name(p.file_name, path).with_suffix("").as_posix()),
            partial(_read, path, p, notes[p.id], kinds, photos[p.file_name]),
            photos[p.file_name],
        )
        for p in data.images
    ]


def _photo(path: Path, file_name: str) -> Path | None:
    """Find a photo beside the json file, or in the photo folder beside it or a level up."""
    file = relative_name(file_name, path)
    here = path.parent
    folders = [here, *(here / name for name in FOLDERS), *(here.parent / name for name in FOLDERS)]
    return first_file(folder / file for folder in folders)


def _read(
    path: Path,
    picture: _Picture,
    notes: list[_Annotation],
    kinds: Mapping[_Id, Kind],
    photo: Path | None,
) -> TruthMasks:
    size = picture.height, picture.width
    check_size(path, size, photo)
    instances = (
        Instance(
            kinds[note.category_id],
            _mask(note, size, f"{path}, annotation {note.id} of {picture.file_name}"),
            note.iscrowd,
        )
        for note in notes
    )
    return together(instances, size, lens_labelled="lens" in kinds.values())


def _mask(note: _Annotation, size: tuple[int, int], where: str) -> Bools:
    parts = note.segmentation
    if isinstance(parts, _Rle):
        return _from_rle(parts, size, where)
    if not parts:
        raise EvaluationError(f"{where} has a box and no segmentation; label masks")
    if any(len(part) % 2 for part in parts):
        raise EvaluationError(f"{where}: a polygon has an x without a y; mend or remove it")
    rings = [list(zip(part[::2], part[1::2], strict=True)) for part in parts]
    return polygon_mask(rings, size, where)


def _from_rle(code: _Rle, size: tuple[int, int], where: str) -> Bools:
    if code.size != size:
        raise EvaluationError(
            f"{where}: its RLE is {code.size[1]} x {code.size[0]}, the picture "
            f"{size[1]} x {size[0]}; export the file anew"
        )
    runs = code.counts if isinstance(code.counts, list) else _runs(code.counts)
    if min(runs, default=0) < 0 or sum(runs) != size[0] * size[1]:
        raise EvaluationError(f"{where}: its RLE does not fill the picture; export the file anew")
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.asarray(values.reshape(size, order="F"))


def _runs(text: str) -> list[int]:
    """Run lengths of a compressed RLE.

    pycocotools reads these too, but beyond its memory where the text is damaged. A number is five
    bits a character, the lowest first, and from the third on the difference to the last but one.
    """
    runs: list[int] = []
    number = bits = 0
    for character in text:
        code = ord(character) - 48
        number |= (code & 31) << bits
        bits += 5
        if code & 32:
            continue
        if code & 16:  # negative
            number -= 1 << bits
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = bits = 0
    return runs
