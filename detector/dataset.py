"""Reading detector datasets: YOLO label folders, with or without a YAML.

A dataset is a folder with `images/` and `labels/` (one `.txt` a picture, rows `class x y w h` in
fractions of the picture; an empty or missing file is a picture without glasses), or the YAML that
describes one, as ultralytics has it: `path` (from the YAML's own folder), `train`, `val`, `names`;
`credits`, a list of lines, is ours. A `CREDITS.txt` in the folder adds a credit a line. Nothing is
written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from detector.errors import DatasetError
from detector.types import CLASS_NAMES

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_KEYS = {"path", "train", "val", "test", "names", "nc", "credits"}
_EVERY = (
    20  # without a split of its own, about one picture in twenty of a dataset is for validation
)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One labelled picture.

    Attributes:
        image: path of the picture.
        boxes: float32 (N, 4), centre x, centre y, width, height, in fractions of the picture.
        labels: int64 (N,), 0 = eyeglasses, 1 = lens.
    """

    image: Path
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]

    def corners(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """The boxes as float32 (N, 4) xyxy in pixels of the picture, (H, W) large."""
        scale = np.array([size[1], size[0], size[1], size[0]], np.float32)
        centre, half = self.boxes[:, :2], self.boxes[:, 2:] / 2
        return np.concatenate([centre - half, centre + half], 1) * scale


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, parted into training and validation.

    Attributes:
        name: name of the folder, as the model card quotes it.
        train, val: the pictures of each part.
        labelled: the classes that are labelled at all (`real/worn` labels no lenses).
        seeds: lowest and highest seed of rendered scenes, None for photos.
        credits: whom the model card has to name.
    """

    name: str
    train: tuple[Example, ...]
    val: tuple[Example, ...]
    labelled: tuple[int, ...]
    seeds: tuple[int, int] | None = None
    credits: tuple[str, ...] = ()

    @property
    def examples(self) -> tuple[Example, ...]:
        """Every picture once, in order of path."""
        both = {example.image: example for example in (*self.train, *self.val)}
        return tuple(both[path] for path in sorted(both))

    def fingerprint(self) -> str:
        """SHA-256 over names, sizes in bytes and labels of all pictures, whatever their folder."""
        digest = hashlib.sha256()
        for example in self.examples:
            line = f"{example.image.name} {example.image.stat().st_size}\n"
            digest.update(line.encode() + example.boxes.tobytes() + example.labels.tobytes())
        return digest.hexdigest()


def read_dataset(source: Path | str) -> Dataset:
    """Read a dataset from its folder or its YAML.

    Where train and val are not told apart, about one picture in twenty, chosen by a hash of its
    name, is for validation; the choice does not change as pictures are added.

    Raises:
        DatasetError: names the folder, key, file or line that does not fit.
    """
    source = Path(source)
    if source.is_dir():
        described = [source / name for name in ("dataset.yaml", "data.yaml")]
        found = next((path for path in described if path.is_file()), None)
        root, content = source, _read_yaml(found) if found else {}
    elif source.suffix in {".yaml", ".yml"} and source.is_file():
        content = _read_yaml(source)
        root = (source.parent / str(content.get("path") or ".")).resolve()
    else:
        raise DatasetError(f"{source}: neither a dataset folder nor a dataset YAML")
    if not root.is_dir():
        raise DatasetError(f"{source}: its path leads to {root}, which does not exist")
    names = _names(content.get("names"), source)
    parts = {key: _pictures(root, content.get(key), source) for key in ("train", "val")}
    if parts["train"] == parts["val"] or not parts["val"]:
        parts = _split(parts["train"] or parts["val"])
    train, val = (tuple(_example(path, len(names)) for path in parts[k]) for k in ("train", "val"))
    thanks = _credits(content.get("credits"), root / "CREDITS.txt", source)
    return Dataset(root.name, train, val, names, _seeds(root / "scenes.jsonl"), thanks)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not a YAML file ({error})") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: expected keys {sorted(_KEYS)}")
    if "download" in content:
        raise DatasetError(f"{path}: key 'download' is refused; fetch the pictures yourself")
    return content


def _names(names: object, source: Path) -> tuple[int, ...]:
    """The labelled classes; a folder without a YAML has all of ours."""
    if names is None:
        return tuple(CLASS_NAMES)
    listed = dict(enumerate(names)) if isinstance(names, list) else names
    expected = {i: CLASS_NAMES[i] for i in range(len(CLASS_NAMES))}
    if not isinstance(listed, dict) or not listed or not listed.items() <= expected.items():
        raise DatasetError(
            f"{source}: key 'names' is {names}, expected {expected} or its beginning"
        )
    return tuple(sorted(listed))


def _pictures(root: Path, entries: object, source: Path) -> list[Path]:
    """Pictures of a `train` or `val` entry: a folder, a list file, or several of them."""
    if entries is None:
        entries = "images"
    found: set[Path] = set()
    for entry in entries if isinstance(entries, list) else [entries]:
        path = root / str(entry)
        if path.is_dir():
            found.update(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
        elif path.suffix == ".txt" and path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            found.update(root / line.strip() for line in lines if line.strip())
        else:
            raise DatasetError(f"{source}: {path} is neither a folder nor a list of pictures")
    if not found:
        raise DatasetError(f"{source}: no pictures in {root / str(entries)}")
    return sorted(found)


def _split(pictures: Sequence[Path]) -> dict[str, list[Path]]:
    held_out = [p for p in pictures if _hash(p.stem) % _EVERY == 0] or list(pictures[::_EVERY])
    if len(pictures) == 1:
        return {"train": list(pictures), "val": list(pictures)}
    return {"train": [p for p in pictures if p not in set(held_out)], "val": held_out}


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def beside(picture: Path, folder: str) -> Path:
    """`.../images/a/b.jpg` -> `.../FOLDER/a/b.jpg`; the last folder named `images` counts.

    Raises:
        DatasetError: if there is none.
    """
    parts = list(picture.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = folder
            return Path(*parts)
    raise DatasetError(f"{picture}: lies in no folder named 'images', so its {folder} are unknown")


def label_path(picture: Path) -> Path:
    """`.../images/a/b.jpg` -> `.../labels/a/b.txt`."""
    return beside(picture, "labels").with_suffix(".txt")


def read_bgr(path: Path) -> NDArray[np.uint8]:
    """A picture as uint8 (H, W, 3) BGR, upright.

    Raises:
        DatasetError: if the file is not a picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise DatasetError(f"{path}: not a readable picture; remove it from the dataset")
    return np.asarray(picture, np.uint8)


def _example(picture: Path, classes: int) -> Example:
    path = label_path(picture)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [_row(line, classes, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    table = np.array(rows, np.float64).reshape(-1, 5)
    return Example(picture, table[:, 1:].astype(np.float32), table[:, 0].astype(np.int64))


def _row(line: str, classes: int, where: str) -> list[float]:
    try:
        label, *box = (float(word) for word in line.split())
        x, y, width, height = box
    except ValueError as error:
        raise DatasetError(f"{where}: expected 'class x y w h', got {line.strip()!r}") from error
    if label not in range(classes):
        raise DatasetError(f"{where}: class {label:g}, expected 0 to {classes - 1}")
    # Rounding puts edges of full-width boxes a hair outside.
    x0, x1 = np.clip((x - width / 2, x + width / 2), 0, 1)
    y0, y1 = np.clip((y - height / 2, y + height / 2), 0, 1)
    if not (max(abs(v) for v in box) <= 1.01 and x1 > x0 and y1 > y0):
        raise DatasetError(f"{where}: box outside the picture or empty: {line.strip()!r}")
    return [label, (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]


def _credits(listed: object, file: Path, source: Path) -> tuple[str, ...]:
    if not isinstance(listed, list | None):
        raise DatasetError(f"{source}: key 'credits' is a list of lines")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return tuple(text for line in (*(listed or ()), *lines) if (text := str(line).strip()))


def _seeds(scenes: Path) -> tuple[int, int] | None:
    if not scenes.is_file():
        return None
    lines: Iterable[str] = scenes.read_text(encoding="utf-8").splitlines()
    seeds = [int(json.loads(line)["seed"]) for line in lines if line.strip()]
    return (min(seeds), max(seeds)) if seeds else None
