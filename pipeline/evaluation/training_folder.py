"""Labels in any format that evaluation reads become a folder that both trainings read.

OUT/train/images/lot 7_a.jpg     upright sRGB, shrunk
OUT/train/labels/lot 7_a.txt     YOLO rows: 0 = eyeglasses, 1 = lens
OUT/train/masks/lot 7_a_0.png    one for each pair: red frame, green lens; grey without lenses
OUT/train/dataset.yaml           the classes that are labelled
OUT/test/...                     the same of the photos that are kept for measuring
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.canvas import group_of
from pipeline.errors import EvaluationError
from pipeline.evaluation.truth import Truth, TruthMasks, box_around
from pipeline.images import read_photo, write_bytes, write_image
from pipeline.types import Bools, Bytes, Floats

TRAIN, TEST = "train", "test"
_EYEGLASSES, _LENS = 0, 1
_SMALLEST_LENS = 0.0001  # of the picture; less is a splinter and no lens


@dataclass(frozen=True, slots=True)
class Split:
    """How photos are shared out and how large they become.

    Attributes:
        test: share of the photos that are kept for measuring, in [0, 1).
        group: a regular expression on the name, see `pipeline.canvas.group_of`: photos of one
            product go to one part, or the measure would know the product.
        longest_side: photos are shrunk to this many pixels; 0 leaves them.
    """

    test: float = 0.2
    group: str | None = None
    longest_side: int = 1600

    def __post_init__(self) -> None:
        if not 0 <= self.test < 1:
            raise EvaluationError(
                f"share for measuring: expected 0 or more, under 1, not {self.test}"
            )
        try:
            re.compile(self.group or "")
        except re.error as error:
            raise EvaluationError(
                f"group {self.group!r} is no regular expression: {error}"
            ) from error

    def part_of(self, name: str) -> str:
        """The part of a photo. It hangs on nothing but the name, so more photos move none."""
        product = group_of(name, self.group) or name
        digest = hashlib.sha256(product.encode()).digest()
        return TEST if int.from_bytes(digest[:8], "big") < self.test * 2**64 else TRAIN


def write_training_folder(
    truths: Sequence[Truth], out: Path, split: Split, report: Callable[[str], None] = print
) -> dict[str, int]:
    """Write all labelled photos below `out`; returns how many each part has.

    Photos that show glasses of which only the area is known, as COCO's crowds, are left out: both
    trainings would take them for background. Where a part has photos whose lenses are not
    labelled, its boxes are those of the glasses alone, for the same reason.

    Raises:
        EvaluationError: `out` is not empty, a truth has no photo, or no photo is left to train on.
        ImageError, OutputError: a photo cannot be read, or a file cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise EvaluationError(f"{out} is not empty; name a new folder")
    parts = {truth.name: split.part_of(truth.name) for truth in truths}
    if TRAIN not in parts.values():
        raise EvaluationError(f"{split.test:.0%} for measuring leaves no photo to train on")
    for truth in truths:
        if truth.photo is None:
            raise EvaluationError(f"{truth.name} has labels and no photo; put it beside them")
    stems = _stems([truth.name for truth in truths])
    lenses: dict[str, list[bool | None]] = {}  # whether they are told; None: there are none
    for number, truth in enumerate(truths, 1):
        part = parts[truth.name]
        labels = truth.read()
        if labels.crowd:
            report(f"{truth.name} is left out: not all of its glasses are labelled pair by pair")
            continue
        silent = labels.lens is None and not labels.glasses.any()
        lenses.setdefault(part, []).append(None if silent else labels.lens is not None)
        _write_photo(truth, labels, out / part, stems[truth.name], split.longest_side)
        if number % 20 == 0 or number == len(truths):
            report(f"{number}/{len(truths)} photos")
    if TRAIN not in lenses:
        raise EvaluationError("no photo is left to train on; label its glasses pair by pair")
    for part, known in lenses.items():
        told = True in known and False not in known
        if not told:
            _drop_lenses(out / part / "labels")
        _write_description(out / part, told)
    return {part: len(known) for part, known in lenses.items()}


def _drop_lenses(folder: Path) -> None:
    for path in folder.glob("*.txt"):
        lines = path.read_text(encoding="ascii").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(f"{_LENS} ")]
        write_bytes(path, "".join(kept).encode(), overwrite=True)


def _stems(names: Sequence[str]) -> dict[str, str]:
    """A file name without suffix for each name; folders become part of it. None is the name of
    another one's mask."""
    plain = {name.replace("/", "_") for name in names}
    stems: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        stem = name.replace("/", "_")
        photo = re.sub(r"_\d+$", "", stem)
        if stem in used or (photo != stem and photo in plain):
            stem += "~" + hashlib.sha256(name.encode()).hexdigest()[:6]
        used.add(stem)
        stems[name] = stem
    return stems


def _write_photo(truth: Truth, labels: TruthMasks, root: Path, stem: str, side: int) -> None:
    """Masks, then boxes, then the picture: a scene counts once all of it is there."""
    assert truth.photo is not None, "write_training_folder has looked"
    rgb = read_photo(truth.photo).rgb
    scale = min(1.0, side / max(rgb.shape[:2])) if side else 1.0
    rows: list[str] = []
    lenses = _own_lenses(labels)
    for index in range(len(labels.boxes)):
        mask = _shrunk(_instance(labels, index, lenses[index]), scale)
        own = list(_rows(mask))
        if own:
            write_image(root / "masks" / f"{stem}_{index}.png", mask)
        rows += own
    write_bytes(root / "labels" / f"{stem}.txt", "".join(rows).encode())
    write_image(root / "images" / f"{stem}.jpg", _shrunk(rgb, scale))


def _instance(labels: TruthMasks, index: int, own: Bools | None) -> Bytes:
    """Coverage of one pair with its `own` lenses: uint8 (H, W), or (H, W, 3), red frame and green
    lens."""
    whole = labels.pairs[index] if labels.pairs else labels.glasses
    if own is not None:
        whole = whole | own
    alone = len(labels.boxes) == 1 and labels.alpha is not None
    soft: Floats = labels.alpha if alone and labels.alpha is not None else whole.astype(np.float32)
    coverage = np.asarray(soft * np.float32(255) + np.float32(0.5), np.uint8)
    if own is None:
        return coverage
    nothing = np.zeros_like(coverage)
    return np.dstack([np.where(own, 0, coverage), np.where(own, coverage, 0), nothing])


def _own_lenses(labels: TruthMasks) -> list[Bools | None]:
    """The lenses of each pair: those in its box that no other pair covers, nor encloses more
    closely, for frames are labelled without their lenses."""
    if labels.lens is None:
        return [None] * len(labels.boxes)
    several = len(labels.pairs) > 1
    holes = [_holes(pair) for pair in labels.pairs] if several else []
    found: list[Bools | None] = []
    for index, box in enumerate(labels.boxes.round().astype(int)):
        own = np.zeros_like(labels.lens)
        x0, y0, x1, y1 = box
        own[y0:y1, x0:x1] = labels.lens[y0:y1, x0:x1]
        for other, pair in enumerate(labels.pairs):
            if several and other != index:
                own &= ~(pair | (holes[other] < holes[index]))
        found.append(own)
    return found


def _holes(pair: Bools) -> NDArray[np.int32]:
    """For each pixel the size of the hole of the pair that it lies in; the largest number where it
    lies in none."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~pair).view(np.uint8), connectivity=4)
    sizes = stats[:, cv2.CC_STAT_AREA].astype(np.int32)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    sizes[np.append(border, 0)] = np.iinfo(np.int32).max
    return np.asarray(sizes[labels])


def _shrunk(array: Bytes, scale: float) -> Bytes:
    if scale >= 1:
        return array
    size = max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale))
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.uint8)


def _rows(mask: Bytes) -> Iterator[str]:
    """YOLO rows of one pair and its lenses, as fractions of the picture; none where it vanished."""
    total = mask if mask.ndim == 2 else cv2.add(mask[..., 0], mask[..., 1])
    if total.max() <= 127:
        return
    yield _row(_EYEGLASSES, np.asarray(total > 127))
    if mask.ndim == 2:
        return
    count, pieces = cv2.connectedComponents((mask[..., 1] > 127).astype(np.uint8))
    for piece in range(1, count):
        lens = np.asarray(pieces == piece)
        if lens.mean() > _SMALLEST_LENS:
            yield _row(_LENS, lens)


def _row(label: int, mask: Bools) -> str:
    x0, y0, x1, y1 = box_around(mask)[0] / np.array([*mask.shape[::-1]] * 2)
    return f"{label} {(x0 + x1) / 2:.6f} {(y0 + y1) / 2:.6f} {x1 - x0:.6f} {y1 - y0:.6f}\n"


def _write_description(root: Path, lenses: bool) -> None:
    names = {_EYEGLASSES: "eyeglasses", **({_LENS: "lens"} if lenses else {})}
    content = {"train": "images", "val": "images", "names": names}
    write_bytes(root / "dataset.yaml", yaml.safe_dump(content, sort_keys=False).encode())
