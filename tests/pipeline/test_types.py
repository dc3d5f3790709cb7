"""Types check themselves when they are built, and say what was expected and what came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.errors import EyecutError, ValidationError
from pipeline.types import Cutout, Masks, Matte, Photo, Prompt, Record

RGB = np.zeros((4, 6, 3), np.uint8)
BOX = np.array([1, 1, 5, 3], np.float32)
POINTS = np.array([[1, 2]], np.float32)
ONE = np.array([1], np.int64)
MASK = np.zeros((1, 4, 6), bool)
GOOD = np.array([0.5], np.float32)
ALPHA = np.zeros((4, 6), np.float32)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Photo("a.jpg", RGB[..., 0]), r"uint8 \(H, W, 3\).*\(4, 6\)"),
        (lambda: Photo("a.jpg", RGB.astype(float)), "uint8.*float64"),
        (lambda: Photo("a.jpg", RGB[:0]), "no pixels"),
        (lambda: Photo("a.jpg", None), "NoneType"),
        (lambda: Photo("", RGB), "key"),
        (lambda: Photo("/a.jpg", RGB), "key"),
        (lambda: Photo("../a.jpg", RGB), "key"),
        (lambda: Photo("a\\b.jpg", RGB), "key"),
        (lambda: Prompt(), "box or points"),
        (lambda: Prompt(box=BOX.astype(np.float64)), "float32"),
        (lambda: Prompt(box=BOX[[2, 1, 0, 3]]), "x0 < x1"),
        (lambda: Prompt(box=BOX * np.nan), "x0 < x1"),
        (lambda: Prompt(points=POINTS), "together"),
        (lambda: Prompt(points=POINTS, point_labels=ONE[:0]), "point_labels"),
        (lambda: Prompt(points=POINTS[:0], point_labels=ONE[:0]), "at least one"),
        (lambda: Prompt(points=POINTS, point_labels=ONE * 2), "0 or 1"),
        (lambda: Prompt(box=BOX, mask=MASK), r"bool \(H, W\)"),
        (lambda: Masks(MASK[0], GOOD), "bool"),
        (lambda: Masks(MASK, np.repeat(GOOD, 2)), "quality"),
        (lambda: Masks(MASK, GOOD * 3), r"\[0, 1\]"),
        (lambda: Masks(MASK, GOOD, lenses=MASK[:, :2]), "lenses"),
        (lambda: Matte(ALPHA + 2, RGB), r"\[0, 1\]"),
        (lambda: Matte(ALPHA * np.nan, RGB), r"\[0, 1\]"),
        (lambda: Matte(ALPHA, RGB[:2]), "foreground"),
        (lambda: Cutout(RGB), "rgba"),
        (lambda: Record("a.jpg", "good"), "status"),  # type: ignore[arg-type]
        (lambda: Record("a.jpg", "failed"), "error"),
        (lambda: Record("a.jpg", "done", error="?"), "error"),
        (lambda: Record("a.jpg", "done", boxes=((1, 2, 3, 4),)), "scores"),
    ],
)
def test_a_wrong_value_is_refused_with_words(build: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        build()


def test_right_values_are_kept() -> None:
    assert Photo("a/b.jpg", RGB).size == (4, 6)
    assert Prompt(points=POINTS, point_labels=ONE, box=BOX).box is BOX
    assert len(Masks(MASK, GOOD, lenses=MASK)) == 1
    assert len(Masks(MASK[:0], GOOD[:0])) == 0
    assert Matte(ALPHA + 1, RGB).alpha.max() == 1


def test_a_record_survives_json() -> None:
    record = Record(
        key="ä/b.jpg",
        status="failed",
        boxes=((1.0, 2.0, 3.0, 4.5),),
        scores=(0.9,),
        quality=(0.8,),
        flags=("review: doubtful",),
        outputs={"cutout": "cutouts/ä/b.jpg"},
        seconds={"read": 0.1},
        error="no",
        input_sha256="ab",
    )
    line = record.to_json()
    assert "\n" not in line
    assert Record.from_json(line) == record


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "3",
        "{",
        '{"key": "a"}',
        '{"key": "a", "status": "done", "colour": 1}',
        '{"key": "a", "status": "done", "boxes": [["x"]]}',
    ],
)
def test_a_damaged_record_is_refused(line: str) -> None:
    with pytest.raises(EyecutError):
        Record.from_json(line)
