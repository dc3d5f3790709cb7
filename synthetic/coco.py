"""`coco.json` of a dataset of rendered scenes, built from its mask files."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as rle

from synthetic.dataset import Line, is_whole, mask_paths, read_lines, read_mask, write_whole
from synthetic.sample import Box

CATEGORIES = [{"id": 1, "name": "eyeglasses"}, {"id": 2, "name": "lens"}]
Mask = npt.NDArray[np.bool_]


def build_coco(root: Path, anew: Collection[int] = ()) -> int:
    """Write ROOT/coco.json over all whole scenes; returns the number of pictures.

    Image ids are seeds. Segmentations are compressed RLE of coverage of at least one half:
    glasses with their lenses as category 1, each lens as category 2. Scenes that an earlier
    coco.json holds are taken over from it, but for those whose seeds are in `anew`.
    """
    kept = {seed: rows for seed, rows in _kept(root).items() if seed not in anew}
    images: list[Line] = []
    annotations: list[Line] = []
    for seed, line in sorted(read_lines(root).items()):
        if not is_whole(root, line):
            continue
        name = Path(line["file"]).name
        images.append(
            {"id": seed, "file_name": name, "width": line["width"], "height": line["height"]}
        )
        for row in kept.get(seed) or annotate(root, line):
            annotations.append({**row, "id": len(annotations) + 1, "image_id": seed})
    content = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    write_whole(root / "coco.json", json.dumps(content, separators=(",", ":")).encode())
    return len(images)


def annotate(root: Path, line: Line) -> list[Line]:
    """Annotations of one scene from its masks, without ids."""
    rows = []
    glasses = line["glasses"]
    paths = mask_paths(root, int(line["seed"]), len(glasses))
    for path, instance in zip(paths, glasses, strict=True):
        frame, lens, second = read_mask(path)
        whole = (frame.astype(np.uint16) + lens) > 127
        rows.append(_annotation(1, whole, instance["box"]))
        sides = [(lens - second) > 127, second > 127]
        for box in instance["lens_boxes"]:
            parts = [_part_in(side, tuple(box)) for side in sides]
            rows.append(_annotation(2, max(parts, key=np.count_nonzero), box))
    return rows


def _annotation(category: int, mask: Mask, box: list[float]) -> Line:
    encoded = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    x0, y0, x1, y1 = box
    return {
        "category_id": category,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": list(mask.shape), "counts": encoded["counts"].decode("ascii")},
    }


def _part_in(mask: Mask, box: Box) -> Mask:
    """The connected parts of the mask that lie wholly in the box, give or take a pixel."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    inside = np.zeros(count, bool)
    for part in range(1, count):
        x, y, width, height = (int(stats[part, k]) for k in range(4))
        inside[part] = (
            x >= box[0] - 1
            and y >= box[1] - 1
            and x + width <= box[2] + 1
            and y + height <= box[3] + 1
        )
    return np.asarray(inside[labels], dtype=np.bool_)


def _kept(root: Path) -> dict[int, list[dict[str, Any]]]:
    """Annotations of an earlier coco.json by seed; nothing where it is missing or damaged."""
    try:
        old = json.loads((root / "coco.json").read_text(encoding="utf-8"))["annotations"]
    except (OSError, ValueError, KeyError):
        return {}
    kept: dict[int, list[dict[str, Any]]] = {}
    for row in old:
        kept.setdefault(int(row["image_id"]), []).append(row)
    return kept
