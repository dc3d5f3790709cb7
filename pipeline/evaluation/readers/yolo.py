"""YOLO's segmentation labels: a text file a photo, a row an instance, ``class x y x y x y ...``.

Coordinates are fractions of the photo; a missing or empty file is a photo without glasses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from detector.dataset import label_path
from detector.errors import DatasetError
from detector.types import CLASS_NAMES
from pipeline.errors import EvaluationError
from pipeline.evaluation.readers.classes import Kind, kinds_of
from pipeline.evaluation.readers.documents import read_text
from pipeline.evaluation.readers.photos import (
    by_name,
    files_below,
    name_below,
    photo_folder,
    photo_size,
    pictures_below,
)
from pipeline.evaluation.readers.shapes import Instance, polygon_mask, together
from pipeline.evaluation.truth import Truth, TruthMasks

LABELS = "labels"
_TEXT = (".txt",)
_YAMLS = ("dataset.yaml", "data.yaml", "dataset.yml", "data.yml")
_PARTS = ("test", "val", "train")
_NOT_LABELS = ("classes", "labels", "notes")
_BOX_COLUMNS = 5
_TOLERANCE = 0.01


def find(root: Path) -> list[Truth]:
    """List the photos of a folder with ``images/`` and ``labels/``."""
    folder = photo_folder(root)
    if folder is None or not any(files_below(root / LABELS, _TEXT)):
        return []
    described = next((root / name for name in _YAMLS if (root / name).is_file()), None)
    names = _names(_read_yaml(described), described) if described else dict(CLASS_NAMES)
    kinds = kinds_of(names, described or root)
    labels, photos = root / LABELS, pictures_below(folder)
    _check_photos(labels, photos)
    return [_truth(n, p, labels / f"{n}.txt", names, kinds) for n, p in photos.items()]


def find_described(path: Path) -> list[Truth]:
    """List the photos of a data set's YAML: of its part ``test``, else ``val``, else ``train``."""
    content = _read_yaml(path)
    names = _names(content, path)
    kinds = kinds_of(names, path)
    root = path.parent / str(content.get("path") or ".")
    entries = next((content[part] for part in _PARTS if content.get(part)), None)
    if entries is None:
        raise EvaluationError(f"{path}: none of the keys {', '.join(_PARTS)} names the photos")
    listed = entries if isinstance(entries, list) else [entries]
    photos = by_name(found for entry in listed for found in _photos(root, str(entry), path))
    return [_truth(n, photo, _label_path(photo), names, kinds) for n, photo in photos.items()]


def _truth(
    name: str, photo: Path, label: Path, names: Mapping[int, str], kinds: Mapping[int, Kind]
) -> Truth:
    return Truth(name, partial(_read, label, photo, names, kinds), photo)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise EvaluationError(f"{path}: not a YAML file ({error})") from error
    if not isinstance(content, dict):
        raise EvaluationError(f"{path}: a YOLO data set has the keys path, train, val and names")
    return content


def _names(content: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = content.get("names")
    listed = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(listed, dict) or not all(isinstance(key, int) for key in listed):
        raise EvaluationError(f"{path}: key 'names' must list the classes by number")
    return {key: str(name) for key, name in listed.items()}


def _photos(root: Path, entry: str, source: Path) -> Iterator[tuple[str, Path]]:
    """The photos of a part, a folder or a list file, with their names."""
    place = root / entry
    if not place.exists() and entry.startswith("../"):
        place = root / entry.removeprefix("../")  # Roboflow's YAMLs start a level too high
    if place.is_dir():
        photos = pictures_below(place)
        _check_photos(_label_path(place / "any.png").parent, photos)
        yield from photos.items()
    elif place.suffix == ".txt" and place.is_file():
        for line in filter(None, map(str.strip, read_text(place).splitlines())):
            photo = root / line
            label = _label_path(photo)
            top = next(p for p in label.parents if p.name == LABELS)
            yield name_below(label, top), photo
    else:
        raise EvaluationError(f"{source}: {place} is neither a folder nor a list of photos")


def _label_path(photo: Path) -> Path:
    try:
        return label_path(photo)
    except DatasetError as error:
        raise EvaluationError(str(error)) from error


def _check_photos(labels: Path, photos: Mapping[str, Path]) -> None:
    for path in files_below(labels, _TEXT):
        if name_below(path, labels) not in photos and path.stem not in _NOT_LABELS:
            raise EvaluationError(f"{path} has no photo; put it back, or remove the labels")


def _read(
    path: Path, photo: Path, names: Mapping[int, str], kinds: Mapping[int, Kind]
) -> TruthMasks:
    size = photo_size(photo)
    lines = read_text(path).splitlines() if path.is_file() else []
    rows = [(f"{path}, line {n}", line.split()) for n, line in enumerate(lines, 1) if line.strip()]
    instances = _instances(rows, size, names, kinds)
    return together(instances, size, lens_labelled="lens" in kinds.values())


def _instances(
    rows: list[tuple[str, list[str]]],
    size: tuple[int, int],
    names: Mapping[int, str],
    kinds: Mapping[int, Kind],
) -> Iterator[Instance]:
    scale = np.array([size[1], size[0]])
    for where, words in rows:
        label, points = _row(words, where)
        if label not in names:
            raise EvaluationError(f"{where}: class {label} has no name; add it to the YAML")
        if label in kinds:
            ring = [(float(x), float(y)) for x, y in points * scale]
            yield Instance(kinds[label], polygon_mask([ring], size, where))


def _row(words: list[str], where: str) -> tuple[int, np.ndarray[Any, np.dtype[np.float64]]]:
    """Class and (N, 2) x, y in [0, 1]."""
    if len(words) == _BOX_COLUMNS:
        raise EvaluationError(
            f"{where} is a box and no outline; masks need YOLO-seg labels, class x y x y x y ..."
        )
    try:
        label, points = int(words[0]), np.array(words[1:], np.float64).reshape(-1, 2)
    except ValueError as error:
        raise EvaluationError(f"{where}: expected 'class x y x y x y ...' ({error})") from error
    if not (np.abs(points - 0.5) <= 0.5 + _TOLERANCE).all():
        raise EvaluationError(f"{where}: coordinates must be fractions of the photo, 0 to 1")
    return label, points.clip(0, 1)
