"""Sets of photos of one sort cannot be told apart; what differs is found by its own cue."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipeline.errors import ValidationError
from pipeline.evaluation.realism import CUES, SIDE, compare_sets, crop_around, measure_cues

Change = Callable[[np.ndarray], np.ndarray]


def photo(seed: int) -> np.ndarray:
    """Discs on a tinted ground, with a little grain."""
    rng = np.random.default_rng(seed)
    rgb = np.full((240, 320, 3), rng.integers(90, 180, 3), np.uint8)
    for _ in range(25):
        centre = tuple(int(v) for v in rng.integers(0, (320, 240)))
        colour = tuple(int(v) for v in rng.integers(20, 230, 3))
        cv2.circle(rgb, centre, int(rng.integers(4, 40)), colour, -1, cv2.LINE_AA)
    return np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)


CHANGES: dict[str, Change] = {
    "blur": lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 2.5),
    "grain": lambda rgb: np.clip(
        rgb + np.random.default_rng(1).normal(0, 12, rgb.shape), 0, 255
    ).astype(np.uint8),
    "saturation": lambda rgb: np.repeat(rgb.mean(axis=2, keepdims=True), 3, 2).astype(np.uint8),
    "contrast": lambda rgb: (rgb * 0.3 + 90).astype(np.uint8),
    "edges": lambda rgb: (rgb * 0.5 + 60).astype(np.uint8),
    "entropy": lambda rgb: (rgb // 64 * 64).astype(np.uint8),
    "clipped white": lambda rgb: np.minimum(rgb.astype(int) + 130, 255).astype(np.uint8),
    "fall-off": lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 2.5),
}


def cues(seeds: range, change: Change = lambda rgb: rgb) -> list[dict[str, float]]:
    return [measure_cues(change(photo(seed))) for seed in seeds]


def test_photos_of_one_sort_are_not_told_apart() -> None:
    gaps = compare_sets(cues(range(40)), cues(range(100, 130)))
    assert set(gaps) == {*CUES, "all together"}
    assert gaps["all together"].told_apart < 0.25
    for gap in gaps.values():
        assert gap.low <= gap.auc <= gap.high
        assert gap.told_apart < 0.3


@pytest.mark.parametrize("cue", CHANGES)
def test_what_differs_is_told_by_its_cue(cue: str) -> None:
    gaps = compare_sets(cues(range(12)), cues(range(50, 60), CHANGES[cue]))
    assert gaps[cue].told_apart > 0.4
    assert gaps["all together"].auc > 0.9


def test_large_photos_are_seen_as_small_ones() -> None:
    small = cv2.resize(photo(3), (SIDE, SIDE * 3 // 4))
    large = cv2.resize(small, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    first, second = measure_cues(small), measure_cues(large)
    for name in CUES:
        assert first[name] == pytest.approx(second[name], rel=0.02, abs=0.02), name


@pytest.mark.parametrize(
    ("boxes", "size"),
    [
        ([], None),
        ([[100, 100, 200, 140]], (70, 130)),  # 15 of margin all round
        ([[100, 100, 110, 110], [100, 100, 200, 140]], (70, 130)),  # the largest
        ([[0, 0, 320, 240]], (240, 320)),  # within the photo
        ([[400, 300, 410, 310]], None),  # outside of it
    ],
)
def test_the_part_around_the_glasses(
    boxes: list[list[float]], size: tuple[int, int] | None
) -> None:
    part = crop_around(photo(0), np.array(boxes, np.float32).reshape(-1, 4))
    assert (None if part is None else part.shape[:2]) == size


@pytest.mark.parametrize("value", [0, 255])
def test_a_blank_photo_has_finite_cues(value: int) -> None:
    told = measure_cues(np.full((60, 40, 3), value, np.uint8))
    assert all(np.isfinite(v) for v in told.values())


def test_too_few_photos_are_refused() -> None:
    some = cues(range(4))
    with pytest.raises(ValidationError, match="at least 5"):
        compare_sets(some, some)
