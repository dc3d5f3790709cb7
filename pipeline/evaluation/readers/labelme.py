"""LabelMe's json files, one a photo."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, FiniteFloat

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers.classes import Kind, kinds_of
from pipeline.evaluation.readers.documents import parse, read_text
from pipeline.evaluation.readers.photos import (
    check_all_or_none,
    check_size,
    files_below,
    name_below,
    photo_size,
    without_folder,
)
from pipeline.evaluation.readers.shapes import Instance, polygon_mask, together
from pipeline.evaluation.truth import Truth, TruthMasks
from pipeline.types import Bools

_Point = tuple[FiniteFloat, FiniteFloat]
_MARK = '"shapes"'
_AREAS = ("polygon", "oriented_rectangle", "rectangle", "circle", "mask")


class _Shape(BaseModel):
    label: str
    points: list[_Point]
    shape_type: str = "polygon"
    group_id: int | None = None
    mask: str | None = None


class _File(BaseModel):
    imagePath: str  # noqa: N815, the format's own word
    shapes: list[_Shape]
    imageHeight: int | None = None  # noqa: N815
    imageWidth: int | None = None  # noqa: N815


def find(root: Path) -> list[Truth]:
    """List LabelMe's files below `root`, where every json file must be one if any is."""
    paths = list(files_below(root, (".json",)))
    if not any(_MARK in read_text(path) for path in paths):
        return []
    # Read once more rather than kept: with a photo in each, the texts can fill the memory.
    files = {path: parse(_File, read_text(path), path, "a LabelMe file") for path in paths}
    labels = {shape.label: shape.label for file in files.values() for shape in file.shapes}
    kinds = kinds_of(labels, root) if labels else {}
    photos = {str(path): _photo(path, file) for path, file in files.items()}
    check_all_or_none(photos, root)
    return [
        Truth(
            _name(path, photos[str(path)], root),
            partial(_read, path, file, kinds, photos[str(path)]),
            photos[str(path)],
        )
        for path, file in files.items()
    ]


def _photo(path: Path, file: _File) -> Path | None:
    photo = Path(os.path.normpath(path.parent / file.imagePath.replace("\\", "/")))
    return photo if photo.is_file() else None


def _name(path: Path, photo: Path | None, root: Path) -> str:
    """The photo's path below `root`; that of the json file where it lies elsewhere."""
    top = Path(os.path.normpath(root))
    own = photo if photo is not None and photo.is_relative_to(top) else None
    return without_folder(name_below(own, top) if own else name_below(path, root))


def _read(path: Path, file: _File, kinds: Mapping[str, Kind], photo: Path | None) -> TruthMasks:
    if file.imageHeight and file.imageWidth:
        size = file.imageHeight, file.imageWidth
        check_size(path, size, photo)
    elif photo is not None:
        size = photo_size(photo)
    else:
        raise EvaluationError(f"{path}: neither imageHeight and imageWidth nor the photo are there")
    groups: dict[tuple[str, object], list[_Shape]] = {}
    for index, shape in enumerate(file.shapes):
        part = ("alone", index) if shape.group_id is None else ("group", shape.group_id)
        groups.setdefault((shape.label, part), []).append(shape)
    instances = _instances(groups, kinds, size, path)
    return together(instances, size, lens_labelled="lens" in kinds.values())


def _instances(
    groups: Mapping[tuple[str, object], list[_Shape]],
    kinds: Mapping[str, Kind],
    size: tuple[int, int],
    path: Path,
) -> Iterator[Instance]:
    for (label, _), shapes in groups.items():
        if label not in kinds:
            continue
        where = f"{path}, shape {label!r}"
        flat = next((s.shape_type for s in shapes if s.shape_type not in _AREAS), None)
        if flat is not None:
            raise EvaluationError(f"{where}: a {flat} has no area; draw a polygon")
        outlines = [_ring(s, where) for s in shapes if s.shape_type not in ("circle", "mask")]
        mask = polygon_mask(outlines, size, where)
        for shape in shapes:
            if shape.shape_type == "circle":
                mask |= _disk(shape, size, where)
            elif shape.shape_type == "mask":
                mask |= _picture(shape, size, where)
        yield Instance(kinds[label], mask)


def _ring(shape: _Shape, where: str) -> list[_Point]:
    if shape.shape_type != "rectangle" or len(shape.points) != 2:
        return shape.points
    (x0, y0), (x1, y1) = shape.points
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _disk(shape: _Shape, size: tuple[int, int], where: str) -> Bools:
    """A circle's points are its centre and a point on it."""
    if len(shape.points) != 2:
        raise EvaluationError(f"{where}: a circle has two points, not {len(shape.points)}")
    (x, y), (edge_x, edge_y) = shape.points
    rows, columns = np.ogrid[: size[0], : size[1]]
    squared = (columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2
    return np.asarray(squared <= (edge_x - x) ** 2 + (edge_y - y) ** 2)


def _picture(shape: _Shape, size: tuple[int, int], where: str) -> Bools:
    """A mask is a PNG in base64, put where its first point is."""
    try:
        data = np.frombuffer(base64.b64decode(shape.mask or "", validate=True), np.uint8)
        part = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except (binascii.Error, cv2.error):
        part = None
    if part is None or not shape.points:
        raise EvaluationError(f"{where}: its mask is damaged; draw it anew")
    left, top = (round(v) for v in shape.points[0])
    height, width = part.shape
    if left < 0 or top < 0 or top + height > size[0] or left + width > size[1]:
        raise EvaluationError(f"{where}: its mask reaches beyond the photo; draw it anew")
    mask = np.zeros(size, np.bool_)
    mask[top : top + height, left : left + width] = part > 0
    return mask
