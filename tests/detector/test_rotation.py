"""Turned pictures keep boxes that fit."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from training_pictures import training_set

from detector.dataset import Example, read_dataset
from detector.rotation import Turn, outlines_of, row_ends
from detector.types import overlap


def corner_piece(root: Path, size: tuple[int, int] = (240, 320)) -> Example:
    """An L, whose box its outline fills worse than an ellipse would; with a round lens in it."""
    height, width = size
    frame, lens = np.zeros((2, height, width), np.uint8)
    frame[60:180, 100:112] = frame[168:180, 100:240] = 255
    cv2.ellipse(lens, (140, 130), (20, 8), 40, 0, 360, 255, -1)  # aslant: no ellipse of its box
    picture = np.full((height, width, 3), 200, np.uint8)
    picture[frame > 0] = (20, 30, 40)
    for folder in ("images", "masks", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / "images/a.png"), picture)
    cv2.imwrite(str(root / "masks/a_0.png"), np.dstack([lens * 0, lens, frame]))
    rows = []
    for label, (x0, y0, x1, y1) in ((0, (100, 60, 240, 180)), (1, bounds(lens > 127))):
        x, y, w, h = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height, x1 - x0, y1 - y0
        rows.append(f"{label} {x} {y} {w / width} {h / height}")
    (root / "labels/a.txt").write_text("\n".join(rows))
    return read_dataset(root).examples[0]


def bounds(on: np.ndarray) -> np.ndarray:
    ys, xs = np.nonzero(on)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)


@pytest.mark.parametrize("degrees", [-38.0, -12.0, 0.0, 7.0, 25.0, 40.0])
@pytest.mark.parametrize("size", [(240, 320), (320, 320), (400, 320)])
def test_boxes_are_those_of_the_turned_mask(
    tmp_path: Path, degrees: float, size: tuple[int, int]
) -> None:
    example = corner_piece(tmp_path, size)
    turn = Turn(degrees)
    side = max(size)
    seen = turn.picture(cv2.imread(str(tmp_path / "images/a.png")))
    assert seen.shape == (side, side, 3)
    moved = turn.example(example, outlines_of(example), size)
    assert moved.labels.tolist() == [0, 1]
    box, lens = moved.corners((side, side))
    assert np.abs(box - bounds((seen < 80).all(axis=2))).max() <= 1.5
    blank = np.zeros((*size, 3), np.uint8)
    cv2.ellipse(blank, (140, 130), (20, 8), 40, 0, 360, (255, 255, 255), -1)
    assert np.abs(lens - bounds((turn.picture(blank) > 180).all(axis=2))).max() <= 2


def test_without_masks_the_ellipse_in_the_box_is_taken(tmp_path: Path) -> None:
    example = corner_piece(tmp_path)
    exact = Turn(30).example(example, outlines_of(example), (240, 320)).corners((320, 320))
    (tmp_path / "masks/a_0.png").unlink()
    slack = Turn(30).example(example, outlines_of(example), (240, 320)).corners((320, 320))
    for box, want in zip(slack, exact, strict=True):
        assert overlap(box, want[None])[0] < 0.9


def test_what_leaves_the_picture_is_cut_or_dropped(tmp_path: Path) -> None:
    example = corner_piece(tmp_path)
    outlines = outlines_of(example)
    away = [outline + np.float32([0.4, 0]) for outline in outlines]
    moved = Turn(0).example(example, away, (240, 320))
    np.testing.assert_allclose(moved.corners((320, 320))[0], [228, 100, 320, 220], atol=0.1)
    gone = [outline + np.float32([0.95, 0]) for outline in outlines]
    assert len(Turn(0).example(example, gone, (240, 320)).labels) == 0


def test_each_lens_turns_by_its_own_pixels(tmp_path: Path) -> None:
    """Where the mask tells them apart, also those whose boxes overlap."""
    example = corner_piece(tmp_path)
    lenses = np.zeros((2, 240, 320), np.uint8)
    for lens, middle in zip(lenses, ((130, 110), (150, 140)), strict=True):
        cv2.ellipse(lens, middle, (40, 12), 35, 0, 360, 255, -1)
    lenses[1][lenses[0] > 0] = 0
    mask = cv2.imread(str(tmp_path / "masks/a_0.png"))
    mask[..., 1], mask[..., 0] = np.maximum(*lenses), lenses[1]
    cv2.imwrite(str(tmp_path / "masks/a_0.png"), mask)
    boxes = np.array([bounds(lens > 0) for lens in lenses]) / np.array([320, 240] * 2)
    centred = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
    rows = np.concatenate([example.boxes[:1], centred.astype(np.float32)])
    both = Example(example.image, rows, np.array([0, 1, 1]))
    moved = Turn(-30).example(both, outlines_of(both), (240, 320)).corners((320, 320))
    for box, lens in zip(moved[1:], lenses, strict=True):
        seen = Turn(-30).picture(cv2.merge([lens] * 3))[..., 0]
        seen[Turn(-30).picture(np.full((240, 320, 3), 255, np.uint8))[..., 0] < 250] = 0
        assert np.abs(box - bounds(seen > 127)).max() <= 2


def test_pictures_without_glasses_turn_too(tmp_path: Path) -> None:
    none = Example(
        corner_piece(tmp_path).image.with_name("b.png"),
        np.zeros((0, 4), np.float32),
        np.zeros(0, int),
    )
    assert outlines_of(none) == []
    assert len(Turn(20).example(none, [], (240, 320)).labels) == 0


def test_mosaics_of_turned_pictures_keep_boxes_that_fit(tmp_path: Path) -> None:
    dataset = training_set([corner_piece(tmp_path)] * 4, tmp_path, 320, rotation=40.0)
    from ultralytics.data.augment import Mosaic

    random.seed(2)
    mosaic = Mosaic(dataset, imgsz=320, p=1.0)
    fits = []
    for _ in range(20):
        label = mosaic(dataset.get_image_and_label(0))
        height, width = label["img"].shape[:2]
        instances = label["instances"]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        dark = (label["img"] < 80).all(axis=2).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(dark)
        pieces = [[x, y, x + w, y + h] for x, y, w, h, area in stats[1:] if area > 500]
        boxes = instances.bboxes[label["cls"].reshape(-1) == 0]
        fits += [overlap(np.float32(piece), boxes).max() for piece in pieces]
    # Tiles are cut, and touch; where boxes are those of another picture's size, half do not fit.
    assert np.mean(np.array(fits) < 0.85) < 0.3


def test_an_empty_mask_leaves_the_ellipse_in_the_box(tmp_path: Path) -> None:
    example = corner_piece(tmp_path)
    outlines = outlines_of(example)
    cv2.imwrite(str(tmp_path / "masks/a_0.png"), np.zeros((240, 320, 3), np.uint8))
    without = outlines_of(example)
    (tmp_path / "masks/a_0.png").unlink()
    for empty, none, full in zip(without, outlines_of(example), outlines, strict=True):
        np.testing.assert_array_equal(empty, none)
        assert empty.shape != full.shape


def test_faint_edges_of_frame_and_lens_count_together(tmp_path: Path) -> None:
    example = corner_piece(tmp_path)
    mask = np.zeros((240, 320, 3), np.uint8)
    mask[60:180, 100:240, 1:] = 100, 90
    cv2.imwrite(str(tmp_path / "masks/a_0.png"), mask)
    moved = Turn(0).example(example, outlines_of(example), (240, 320)).corners((320, 320))
    np.testing.assert_allclose(moved[0], [100, 100, 240, 220], atol=0.01)


@pytest.mark.parametrize("zoom", [0.0, 1.0])
def test_training_turns_every_second_picture(tmp_path: Path, zoom: float) -> None:
    dataset = training_set([corner_piece(tmp_path)], tmp_path, 320, rotation=40.0, zoom=zoom)
    random.seed(1)
    turned = 0
    for _ in range(30):
        label = dataset.get_image_and_label(0)
        height, width = label["img"].shape[:2]
        instances = label["instances"]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        dark = (label["img"] < 80).all(axis=2)
        whole = instances.bboxes[label["cls"].reshape(-1) == 0]
        assert np.abs(whole[0] - bounds(dark)).max() <= 2.5
        turned += int((label["img"] == 114).all(axis=2).sum() > 200)
    assert 7 <= turned <= 23
    assert dataset[0]["img"].shape == (3, 320, 320)


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_the_ends_of_rows_have_the_hull_of_all(on: np.ndarray) -> None:
    ends = row_ends(on)
    assert on[ends[:, 1], ends[:, 0]].all()
    if not on.any():
        assert len(ends) == 0
        return
    every = cv2.findNonZero(on.astype(np.uint8))
    one, other = (cv2.contourArea(cv2.convexHull(points)) for points in (ends, every))
    assert one == other
    assert cv2.boundingRect(ends) == cv2.boundingRect(every)
