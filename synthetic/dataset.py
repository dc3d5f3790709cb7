"""A dataset of rendered scenes on disk: what lies where, written so that it can be read meanwhile.

    ROOT/images/000017.jpg    the picture; written last, so where it is, the scene is whole
    ROOT/labels/000017.txt    YOLO rows `class cx cy w h`, 0 = eyeglasses, 1 = lens
    ROOT/masks/000017_0.png   one for each pair of glasses: R = frame, G = lens coverage, B = 0
    ROOT/cutouts/000017.png   RGBA, straight alpha; where asked for
    ROOT/scenes.jsonl         a line a scene: seed, size, boxes, tags
    ROOT/dataset.yaml         for ultralytics, with the credits that the material asks for
    ROOT/coco.json            see `synthetic.coco`

Every file appears whole or not at all. Names are seeds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from synthetic.assets import Assets
from synthetic.errors import AssetError, SyntheticError
from synthetic.sample import Array8, Box, Sample

CLASS_NAMES = {0: "eyeglasses", 1: "lens"}
SPLIT_SEEDS = {"train": 0, "val": 10_000_000, "test": 20_000_000}

Line = dict[str, Any]


def stem(seed: int) -> str:
    """Name of a scene's files without their endings."""
    return f"{seed:06d}"


def mask_paths(root: Path, seed: int, count: int) -> list[Path]:
    """Where the masks of a scene with `count` pairs of glasses lie."""
    return [root / "masks" / f"{stem(seed)}_{i}.png" for i in range(count)]


def write_scene(root: Path, sample: Sample, cutout: bool = False) -> Line:
    """Write a scene's files, the picture last; returns its line for `scenes.jsonl`.

    Masks of an earlier attempt that had more glasses are removed. Raises SyntheticError when a
    file cannot be written.
    """
    name, count = stem(sample.seed), len(sample.instances)
    for path, instance in zip(mask_paths(root, sample.seed, count), sample.instances, strict=True):
        second = np.zeros_like(instance.frame) if instance.second is None else instance.second
        write_whole(path, _encoded(".png", np.dstack([second, instance.lens, instance.frame])))
    for left in (root / "masks").glob(f"{name}_*.png"):
        if int(left.stem.rpartition("_")[2]) >= count:
            left.unlink()
    if cutout and count:
        bgra = cv2.cvtColor(sample.cutout, cv2.COLOR_RGBA2BGRA)
        write_whole(root / "cutouts" / f"{name}.png", _encoded(".png", np.asarray(bgra)))
    write_whole(root / "labels" / f"{name}.txt", yolo_rows(sample).encode())
    picture = np.ascontiguousarray(sample.image[..., ::-1])
    write_whole(root / "images" / f"{name}.jpg", _encoded(".jpg", picture))
    return scene_line(sample)


def scene_line(sample: Sample) -> Line:
    """What `scenes.jsonl` keeps of a scene; boxes are xyxy in pixels."""
    height, width = sample.image.shape[:2]
    glasses = [
        {"box": _rounded(i.box), "lens_boxes": [_rounded(b) for b in i.lens_boxes]}
        for i in sample.instances
    ]
    return {
        "seed": sample.seed,
        "file": f"images/{stem(sample.seed)}.jpg",
        "height": height,
        "width": width,
        "glasses": glasses,
        "tags": dict(sorted(sample.tags.items())),
    }


def yolo_rows(sample: Sample) -> str:
    """Label file of a scene: glasses, each followed by its lenses; fractions of the picture."""
    height, width = sample.image.shape[:2]
    rows = []
    for instance in sample.instances:
        for label, box in ((0, instance.box), *((1, b) for b in instance.lens_boxes)):
            x0, x1 = np.clip([box[0], box[2]], 0, width) / width
            y0, y1 = np.clip([box[1], box[3]], 0, height) / height
            numbers = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
            rows.append(f"{label} " + " ".join(f"{n:.6f}" for n in numbers) + "\n")
    return "".join(rows)


def read_lines(root: Path) -> dict[int, Line]:
    """`scenes.jsonl` by seed. A line cut short by a crash is passed over."""
    path = root / "scenes.jsonl"
    found: dict[int, Line] = {}
    if not path.exists():
        return found
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
            found[int(line["seed"])] = line
        except (ValueError, KeyError, TypeError):
            continue
    return found


def write_lines(root: Path, lines: Iterable[Line]) -> None:
    """Write `scenes.jsonl` anew, ordered by seed."""
    ordered = sorted(lines, key=lambda line: int(line["seed"]))
    write_whole(root / "scenes.jsonl", "".join(map(line_text, ordered)).encode())


def line_text(line: Line) -> str:
    """A line of `scenes.jsonl` with its line end."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def is_whole(root: Path, line: Line, cutout: bool = False) -> bool:
    """Whether all files of a scene in `scenes.jsonl` are there."""
    seed, count = int(line["seed"]), len(line["glasses"])
    name = stem(seed)
    wanted = [
        root / "images" / f"{name}.jpg",
        root / "labels" / f"{name}.txt",
        *mask_paths(root, seed, count),
    ]
    if cutout and count:
        wanted.append(root / "cutouts" / f"{name}.png")
    return all(path.is_file() for path in wanted)


def write_description(root: Path, assets: Assets) -> None:
    """Write `dataset.yaml`. Without `path`, ultralytics takes the folder of the file itself;
    train and val are the same folder, to be parted by whoever trains."""
    content: Line = {"train": "images", "val": "images", "names": CLASS_NAMES}
    credits = model_credits(assets)
    if credits:
        content["credits"] = list(credits)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    write_whole(root / "dataset.yaml", text.encode())


def model_credits(assets: Assets) -> tuple[str, ...]:
    """The credit sentence of each model's `license.txt`, sorted.

    Raises AssetError when a model has none: what has no stated licence is not rendered.
    """
    found = set()
    for model in assets.model_files():
        path = model.parent / "license.txt"
        if not path.is_file():
            raise AssetError(f"model without a license.txt beside it: {model}")
        sentences = [s.strip() for s in path.read_text(encoding="utf-8").splitlines() if s.strip()]
        found.add(
            next(
                (s for s in sentences if s.startswith("This work is based on")), " ".join(sentences)
            )
        )
    return tuple(sorted(found))


def write_whole(path: Path, data: bytes) -> None:
    """Write through a temporary file beside the target, so that no reader sees half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SyntheticError(f"cannot write {path}: {error.strerror}") from error


def remove_parts(root: Path) -> None:
    """Remove temporary files that a killed run left."""
    for folder in ("images", "labels", "masks", "cutouts", "."):
        for part in (root / folder).glob(".*.part"):
            part.unlink(missing_ok=True)


def _encoded(suffix: str, bgr: npt.NDArray[Any]) -> bytes:
    options: Sequence[int] = (
        (cv2.IMWRITE_JPEG_QUALITY, 94) if suffix == ".jpg" else (cv2.IMWRITE_PNG_COMPRESSION, 4)
    )
    done, data = cv2.imencode(suffix, bgr, options)
    assert done, "a uint8 picture can always be encoded"
    return bytes(data)


def _rounded(box: Box) -> list[float]:
    return [round(float(value), 2) for value in box]


def read_mask(path: Path) -> tuple[Array8, Array8, Array8]:
    """Coverage of frame, of both lenses and of the second lens alone, uint8 (H, W) each, of a mask
    file. Raises SyntheticError."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise SyntheticError(f"mask cannot be read: {path}")
    frame, lens, second = (np.asarray(bgr[..., i], np.uint8) for i in (2, 1, 0))
    return frame, lens, second
