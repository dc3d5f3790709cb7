"""Where truth and predictions lie on the disk.

Truth comes in one of three layouts:

- ``TRUTH/<name>/full.png``, a folder a photo, as hand-labelled sets have it;
- ``TRUTH/masks/<name>_<i>.png``, a picture an instance (red frame, green lenses), as the rendered
  data set has it; the glasses of a scene are the union of its instances;
- a COCO json file.

Scenes without glasses have no truth to score against and are left out.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pipeline.errors import EvaluationError, ImageError
from pipeline.images import read_mask, read_raw
from pipeline.types import Bools

_INSTANCE = re.compile(r"(?P<name>.+)_\d+")
_NOT_GLASSES = "lens"


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth for one photo, read when it is wanted.

    Attributes:
        name: of the photo, without suffix; predictions are found by it.
        read: returns bool (H, W).
    """

    name: str
    read: Callable[[], Bools]


def find_truth(root: Path) -> list[Truth]:
    """List the truths under `root`, ordered by name.

    Raises:
        EvaluationError: `root` is missing or in none of the layouts.
    """
    if root.is_file() and root.suffix.lower() == ".json":
        return _coco(root)
    if not root.is_dir():
        raise EvaluationError(f"{root}: no such folder or COCO json file of truth")
    found = _folders(root) or _instances(root)
    if not found:
        raise EvaluationError(
            f"{root} holds no truth: expected <name>/full.png, masks/<name>_<i>.png "
            "or the path of a COCO json file"
        )
    return found


def find_prediction(root: Path, name: str) -> Path | None:
    """Return the mask predicted for `name`, or None.

    `root` is a folder of masks, ``<name>.png`` or ``<name>/image.png``, or the OUTPUT folder of
    ``eyecut run``, which has them under ``masks/``.
    """
    candidates = [
        folder / relative
        for folder in (root, root / "masks")
        for relative in (f"{name}.png", f"{name}/image.png", f"images/{name}.png")
    ]
    return next((path for path in candidates if path.is_file()), None)


def read_prediction(path: Path) -> Bools:
    """Read a predicted mask, bool (H, W).

    Raises:
        EvaluationError: it is not a picture; the message names it.
    """
    return _read(read_mask, path)


def _folders(root: Path) -> list[Truth]:
    paths = sorted(root.glob("*/full.png"))
    return [Truth(path.parent.name, partial(_read, read_mask, path)) for path in paths]


def _instances(root: Path) -> list[Truth]:
    scenes: dict[str, list[Path]] = {}
    for path in sorted((root / "masks").glob("*.png")):
        match = _INSTANCE.fullmatch(path.stem)
        if match:
            scenes.setdefault(match["name"], []).append(path)
    return [Truth(name, partial(_read_scene, paths)) for name, paths in sorted(scenes.items())]


def _read(reader: Callable[[Path], Bools], path: Path) -> Bools:
    try:
        return reader(path)
    except ImageError as error:
        raise EvaluationError(str(error)) from error


def _read_scene(paths: list[Path]) -> Bools:
    return _union([_read(_read_instance, path) for path in paths])


def _read_instance(path: Path) -> Bools:
    """Read frame and lens coverage, which never overlap, as one mask."""
    array = read_raw(path)
    if array.ndim != 3 or array.dtype != np.uint8:
        raise EvaluationError(f"{path}: an instance is an 8-bit RGB picture, red frame, green lens")
    return np.asarray(array[..., :2].sum(axis=2, dtype=np.uint16) > 127)


def _union(masks: list[Bools]) -> Bools:
    return np.asarray(np.logical_or.reduce(masks))


def _coco(path: Path) -> list[Truth]:
    from pycocotools.coco import COCO

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
            coco = COCO(str(path))
            kinds = [c["id"] for c in coco.loadCats(coco.getCatIds()) if _is_glasses(c["name"])]
            pictures = coco.loadImgs(coco.getImgIds(catIds=[]))
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise EvaluationError(f"{path}: not a COCO json file ({error})") from error
    truths = []
    for picture in pictures:
        ids = coco.getAnnIds(imgIds=[picture["id"]], catIds=kinds) if kinds else []
        if ids:
            name = str(PurePosixPath(picture["file_name"]).with_suffix(""))
            notes = coco.loadAnns(ids)
            truths.append(Truth(name.removeprefix("images/"), _coco_reader(coco, notes)))
    if not truths:
        raise EvaluationError(f"{path}: no picture with glasses in it")
    return sorted(truths, key=lambda truth: truth.name)


def _is_glasses(category: str) -> bool:
    return category.lower() not in (_NOT_GLASSES, "lenses")


def _coco_reader(coco: Any, notes: list[Any]) -> Callable[[], Bools]:
    return lambda: _union([coco.annToMask(note).astype(bool) for note in notes])
