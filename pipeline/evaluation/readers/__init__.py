"""Truth on the disk, in the layouts that labelling tools and data sets use.

One module a layout; docs/truth_formats.md draws them all and states the rules they share.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers import coco, folders, labelme, pairs, rendered, yolo
from pipeline.evaluation.readers.tags import read_tags
from pipeline.evaluation.truth import Truth

__all__ = ["find_truth"]

# In this order: a rendered set has YOLO boxes beside its masks, and the masks say more.
_FOLDERS = (folders.find, rendered.find, pairs.find, yolo.find, labelme.find)
_FILES = {".json": coco.find, ".yaml": yolo.find_described, ".yml": yolo.find_described}


def find_truth(root: Path) -> list[Truth]:
    """List the truths of a data set, ordered by name; labels are read when they are wanted.

    Args:
        root: a folder, a COCO json file, or the YAML of a YOLO data set.

    Raises:
        EvaluationError: `root` is missing or in none of the layouts, a file of it is damaged, a
            label has no photo, or two truths have one name. `Truth.read` raises it where a label
            is damaged, or is not of its photo's size. The message names the file and the remedy.
    """
    if root.is_dir():
        found = next((truths for find in _FOLDERS if (truths := find(root))), [])
        folder = root
    elif root.is_file() and root.suffix.lower() in _FILES:
        found, folder = _FILES[root.suffix.lower()](root), root.parent
    else:
        raise EvaluationError(f"{root}: no such folder, COCO json file or YOLO YAML of truth")
    if not found:
        raise EvaluationError(
            f"{root} holds no truth: expected <name>/full.png, images/ with masks/ or labels/, "
            "LabelMe json files, or the path of a COCO json file or of a YOLO YAML"
        )
    truths = sorted(found, key=lambda truth: truth.name)
    for one, other in pairwise(truths):
        if one.name == other.name:
            raise EvaluationError(f"{root} has two truths for {one.name}; rename or remove one")
    tags = read_tags(folder)
    return [replace(t, tags={**t.tags, **tags.get(t.name, {})}) for t in truths]
