"""Truth of one toy scene, written in every layout that is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pycocotools import mask as rle

from pipeline.images import write_image
from toys import Toy, draw_toy

SMALL = np.array([[0, 1, 1], [0, 0, 1]], bool)
TOYS = draw_toy(pairs=2)
SIZE = TOYS[0].mask.shape
GAP = np.zeros(SIZE, bool)
GAP[25:32, 62:72] = True
PAIRS = [TOYS[0].mask & ~GAP, TOYS[1].mask]
LENSES = [TOYS[0].lens & ~GAP, TOYS[1].lens]
GLASSES, LENS = PAIRS[0] | PAIRS[1], LENSES[0] | LENSES[1]
NAME = "lot 7/käse.v2"
Names = list[tuple[str, bool]]
"""Photos to write, and whether they show the toy's two pairs of glasses."""


def save(path: Path, mask: Any) -> None:
    write_image(path, np.asarray(mask) * np.uint8(255), overwrite=True)


def put(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def photo(path: Path, size: tuple[int, int] = SIZE, orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", size[::-1], "white").save(path, exif=exif)


def outlines(mask: Any) -> list[list[list[float]]]:
    """The rings of a mask through the middles of its border pixels, holes too."""
    rings, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [(ring[:, 0] + 0.5).tolist() for ring in rings]


def toy_set(root: Path, scenes: Mapping[str, Sequence[Toy]]) -> Path:
    """Toy photos in ``photos/`` with masks of their names; a scene is the toys of one photo, all
    of which show in it, or an empty photo."""
    for name, toys in scenes.items():
        rgb = toys[0].rgb if toys else np.full((*SIZE, 3), 200, np.uint8)
        write_image(root / "photos" / f"{name}.png", rgb)
        glasses = [toy.mask for toy in toys] or [np.zeros(SIZE, bool)]
        save(root / "masks" / f"{name}.png", np.logical_or.reduce(glasses))
    return root


def folders(root: Path, names: Names) -> Path:
    for name, worn in names:
        save(root / name / "full.png", GLASSES & worn)
        save(root / name / "lens.png", LENS & worn)
        photo(root / name / "image.jpg")
    return root


def pairs(root: Path, names: Names, folder: str = "photos") -> Path:
    for name, worn in names:
        save(root / "masks" / f"{name}.png", GLASSES & worn)
        photo(root / folder / f"{name}.jpg")
    photo(root / folder / "not labelled yet.jpg")
    return root


def rendered(root: Path, names: Names) -> Path:
    lines = []
    for name, worn in names:
        photo(root / "images" / f"{name}.jpg")
        for index, (pair, lens) in enumerate(zip(PAIRS, LENSES, strict=True)):
            if worn:
                picture = np.dstack([pair & ~lens, lens, lens & False])
                save(root / "masks" / f"{name}_{index}.png", picture)
        told = {"build": "rimless", "set": "paper", "pairs": "2"}
        lines.append(
            {"seed": 1, "file": f"images/{name}.jpg", "height": SIZE[0], "width": SIZE[1],
             "glasses": [{}, {}] * worn, "tags": told}
        )  # fmt: skip
    put(root / "scenes.jsonl", "".join(json.dumps(line) + "\n" for line in lines) + '{"cut sho')
    return root


def rendered_without_scenes(root: Path, names: Names) -> Path:
    rendered(root, names)
    (root / "scenes.jsonl").unlink()
    return root


def as_rings(mask: Any) -> object:
    return [[v for point in ring for v in point] for ring in outlines(mask)]


def as_rle(mask: Any) -> object:
    code = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": code["size"], "counts": code["counts"].decode()}


def as_runs(mask: Any) -> object:
    flat = np.concatenate([[False], mask.ravel(order="F"), [False]])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    return {"size": list(mask.shape), "counts": np.diff([0, *edges, mask.size]).tolist()}


def coco_file(names: Names, code: Callable[[Any], object] = as_rle) -> dict[str, Any]:
    notes = [
        {"image_id": number, "category_id": kind, "segmentation": code(mask), "iscrowd": 0}
        for number, (_, worn) in enumerate(names)
        for kind, masks in ((3, PAIRS), (5, LENSES))
        for mask in masks
        if worn
    ]
    return {
        "images": [
            {"id": number, "file_name": f"{name}.jpg", "height": SIZE[0], "width": SIZE[1]}
            for number, (name, _) in enumerate(names)
        ],
        "categories": [{"id": 3, "name": "Sun-glasses"}, {"id": 5, "name": "lens"}],
        "annotations": [note | {"id": number} for number, note in enumerate(notes)],
    }


def coco(code: Callable[[Any], object], place: str) -> Callable[[Path, Names], Path]:
    def build(root: Path, names: Names) -> Path:
        for name, _ in names:
            photo(root / place / f"{name}.jpg")
        return put(root / "annotations" / "all.json", coco_file(names, code))

    return build


def yolo(root: Path, names: Names) -> Path:
    """The gap is left out: a YOLO outline has no holes but by a bridge."""
    for name, worn in names:
        rows = []
        for kind, masks in ((0, PAIRS), (1, LENSES)):
            for mask in masks:
                ring = _bridged(outlines(mask)) / np.array(SIZE[::-1])
                rows.append(" ".join([str(kind), *(f"{v:.6f}" for v in ring.ravel())]))
        photo(root / "images" / f"{name}.jpg")
        put(root / "labels" / f"{name}.txt", "\n".join(rows) if worn else "")
    put(root / "labels" / "classes.txt", "eyeglasses\nlens\n")
    return root


def _bridged(rings: list[list[list[float]]]) -> np.ndarray:
    """All rings in one, each reached from the first one's start and left the same way."""
    first, *others = sorted(rings, key=len, reverse=True)
    way = [*first, first[0]]
    for ring in others:
        way += [*ring, ring[0], first[0]]
    return np.array(way)


def yolo_yaml(root: Path, names: Names) -> Path:
    yolo(root, names)
    return put(root / "data.yaml", "val: images\nnames: [eyeglasses, lens]\n")


def labelme(root: Path, names: Names) -> Path:
    for name, worn in names:
        shapes = []
        for group, (pair, lens) in enumerate(zip(PAIRS, LENSES, strict=True)):
            for label, mask in (("glasses", pair), ("lens", lens)):
                for ring in outlines(mask):
                    shapes.append({"label": label, "points": ring, "group_id": group})
        depth = name.count("/") + 1
        content = {
            "version": "5.5.0", "flags": {}, "imageData": None, "shapes": shapes * worn,
            "imagePath": ("../" * depth + f"images/{name}.jpg").replace("/", "\\"),
            "imageHeight": SIZE[0], "imageWidth": SIZE[1],
        }  # fmt: skip
        photo(root / "images" / f"{name}.jpg")
        put(root / "json" / f"{name}.json", content)
    return root


@dataclass(frozen=True)
class Layout:
    """How a set is built and what its format can tell."""

    build: Callable[[Path, Names], Path]
    exact: bool = True
    lens: bool = True
    boxes: bool = True


LAYOUTS = {
    "folders": Layout(folders, boxes=False),
    "pairs": Layout(pairs, lens=False, boxes=False),
    "rendered": Layout(rendered),
    "rendered without scenes": Layout(rendered_without_scenes),
    "coco rle": Layout(coco(as_rle, "images")),
    "coco runs": Layout(coco(as_runs, "annotations")),
    "coco polygons": Layout(coco(as_rings, "annotations/images"), exact=False),
    "yolo": Layout(yolo, exact=False),
    "yolo yaml": Layout(yolo_yaml, exact=False),
    "labelme": Layout(labelme, exact=False),
}


def assert_same(got: Any, want: Any, exact: bool) -> None:
    """Equal, or different only where the edge is."""
    rim = cv2.morphologyEx(want.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    assert got.dtype == np.bool_
    wrong = got ^ want
    assert not (wrong & ((rim == 0) | exact)).any()
    assert not wrong.any() or wrong.sum() < 0.12 * want.sum()


def as_mode(mode: str, values: Any = None) -> Image.Image:
    return Image.fromarray(SMALL * np.uint8(255) if values is None else values).convert(mode)


def with_alpha(alpha: Any, colour: int = 255) -> Image.Image:
    grey = np.full(alpha.shape, colour, np.uint8)
    return Image.fromarray(np.dstack([grey, grey, grey, alpha]))
