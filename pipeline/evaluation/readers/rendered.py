"""The project's own rendered scenes, as ``scripts/make_dataset.py`` writes them.

A mask picture a pair of glasses, ``masks/<name>_<i>.png``: red is frame, green is lens coverage,
and they never overlap; a grey one does not tell them apart. ``scenes.jsonl`` says what was drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial, reduce
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel

from pipeline.errors import EvaluationError, ImageError
from pipeline.evaluation.readers.documents import parse, read_text
from pipeline.evaluation.readers.photos import (
    check_size,
    photo_folder,
    photo_size,
    pictures_below,
    relative_name,
    without_folder,
)
from pipeline.evaluation.truth import Truth, TruthMasks, box_around
from pipeline.images import read_raw
from pipeline.types import Bools, Bytes

SCENES = "scenes.jsonl"
_MASKS = "masks"
_INSTANCE = re.compile(r"(?P<name>.+)_\d+", re.DOTALL)
_TAGS = {"build": "frame", "set": "background"}
"""The renderer's words that evaluation has others for; the rest keep their names."""


class _Scene(BaseModel):
    file: str
    height: int
    width: int
    glasses: list[Any]
    tags: dict[str, str] = {}


def find(root: Path) -> list[Truth]:
    """List the scenes, those without glasses too."""
    if (root / SCENES).is_file():
        return _told(root)
    folder = photo_folder(root)
    photos = pictures_below(folder) if folder else {}
    scenes: dict[str, list[Path]] = {}
    for stem, path in pictures_below(root / _MASKS).items():
        match = _INSTANCE.fullmatch(stem)
        if match is None or stem in photos:
            return []  # one mask a photo: another layout
        scenes.setdefault(match["name"], []).append(path)
    if not scenes:
        return []
    names = [*scenes, *(name for name in photos if name not in scenes)]
    return [_truth(name, scenes.get(name, []), photos.get(name)) for name in names]


def _told(root: Path) -> list[Truth]:
    """The scenes of ``scenes.jsonl``; the last line of a scene counts."""
    truths: dict[str, Truth] = {}
    path = root / SCENES
    for number, line in enumerate(read_text(path).split("\n")[:-1], 1):  # a whole line has its end
        scene = parse(_Scene, line, f"{path}, line {number}", "a scene")
        file = relative_name(scene.file, path)
        name = without_folder(file.with_suffix("").as_posix())
        masks = [root / _MASKS / f"{name}_{i}.png" for i in range(len(scene.glasses))]
        for wanted in (root / file, *masks):
            if not wanted.is_file():
                raise EvaluationError(
                    f"{wanted} is missing, which {path} lists; run make_dataset again"
                )
        tags = {_TAGS.get(key, key): value for key, value in scene.tags.items()}
        truths[name] = _truth(name, masks, root / file, tags)
    return list(truths.values())


def _truth(
    name: str, masks: list[Path], photo: Path | None, tags: dict[str, str] | None = None
) -> Truth:
    return Truth(name, partial(_read, masks, photo), photo, tags or {})


def _read(masks: list[Path], photo: Path | None) -> TruthMasks:
    if not masks:
        assert photo is not None, "a scene is known by its masks or by its photo"
        nothing = np.zeros(photo_size(photo), np.bool_)
        return TruthMasks(nothing, box_around(nothing), nothing, nothing.astype(np.float32))
    pictures = {path: _instance(path) for path in masks}
    shape = pictures[masks[0]].shape[:2]
    for path, picture in pictures.items():
        check_size(path, picture.shape[:2], photo)
        if picture.shape[:2] != shape:
            raise EvaluationError(f"{path} and {masks[0]} differ in size; render the scene again")
    coverage = [
        p[..., 0] if _is_grey(p) else cv2.add(p[..., 0], p[..., 1]) for p in pictures.values()
    ]
    pairs: list[Bools] = [np.asarray(c > 127) for c in coverage]
    alpha = reduce(cv2.add, coverage).astype(np.float32) / np.float32(255)
    told_apart = not any(_is_grey(p) for p in pictures.values())
    lens = _union(np.asarray(p[..., 1] > 127) for p in pictures.values()) if told_apart else None
    return TruthMasks(
        _union(pairs),
        np.concatenate([box_around(pair) for pair in pairs]),
        lens,
        alpha,
        tuple(pair for pair in pairs if pair.any()),
    )


def _instance(path: Path) -> Bytes:
    try:
        array = read_raw(path)
    except ImageError as error:
        raise EvaluationError(str(error)) from error
    if array.dtype != np.uint8 or (array.ndim == 3 and array.shape[2] > 3):
        raise EvaluationError(
            f"{path}: an instance is an 8-bit picture without alpha: red frame and green lens, "
            "or grey"
        )
    return np.asarray(array if array.ndim == 3 else cv2.cvtColor(array, cv2.COLOR_GRAY2RGB))


def _is_grey(instance: Bytes) -> bool:
    """Whether an instance does not tell frame and lenses apart, which never overlap."""
    return bool(instance.any()) and np.array_equal(instance[..., 0], instance[..., 1])


def _union(masks: Iterable[Bools]) -> Bools:
    return np.asarray(np.logical_or.reduce(list(masks)))
