"""Turned pictures keep boxes that fit."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.config import TrainingConfig
from detector.dataset import Example, read_dataset
from detector.errors import DatasetError
from detector.rotation import Turn, outlines_of
from detector.types import overlap


def corner_piece(root: Path, size: tuple[int, int] = (240, 320)) -> Example:
    """An L, whose box its outline fills worse than an ellipse would; with a round lens in it."""
    height, width = size
    frame, lens = np.zeros((2, height, width), np.uint8)
    frame[60:180, 100:112] = frame[168:180, 100:240] = 255
    cv2.circle(lens, (140, 130), 20, 255, -1)
    picture = np.full((height, width, 3), 200, np.uint8)
    picture[frame > 0] = (20, 30, 40)
    for folder in ("images", "masks", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / "images/a.png"), picture)
    cv2.imwrite(str(root / "masks/a_0.png"), np.dstack([lens * 0, lens, frame]))
    rows = []
    for label, (x0, y0, x1, y1) in ((0, (100, 60, 240, 180)), (1, (120, 110, 161, 151))):
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
    cv2.circle(blank, (140, 130), 20, (255, 255, 255), -1)
    assert np.abs(lens - bounds((turn.picture(blank) > 180).all(axis=2))).max() <= 2


def test_without_masks_the_ellipse_in_the_box_is_taken(tmp_path: Path) -> None:
    example = corner_piece(tmp_path)
    exact = Turn(30).example(example, outlines_of(example), (240, 320)).corners((320, 320))
    (tmp_path / "masks/a_0.png").unlink()
    slack = Turn(30).example(example, outlines_of(example), (240, 320)).corners((320, 320))
    assert overlap(slack[0], exact[:1])[0] < 0.9
    np.testing.assert_allclose(slack[1], exact[1])


def test_what_leaves_the_picture_is_cut_or_dropped(tmp_path: Path) -> None:
    example = corner_piece(tmp_path)
    outlines = outlines_of(example)
    away = [outline + np.float32([0.4, 0]) for outline in outlines]
    moved = Turn(0).example(example, away, (240, 320))
    np.testing.assert_allclose(moved.corners((320, 320))[0], [228, 100, 320, 220], atol=0.1)
    gone = [outline + np.float32([0.95, 0]) for outline in outlines]
    assert len(Turn(0).example(example, gone, (240, 320)).labels) == 0


def test_an_empty_mask_is_named(tmp_path: Path) -> None:
    example = corner_piece(tmp_path)
    cv2.imwrite(str(tmp_path / "masks/a_0.png"), np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(DatasetError, match="a_0.png"):
        outlines_of(example)


@pytest.mark.parametrize("zoom", [0.0, 1.0])
def test_training_turns_every_second_picture(tmp_path: Path, zoom: float) -> None:
    pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")
    from ultralytics.cfg import get_cfg

    from detector.trainer import trainer_settings
    from detector.yolo_data import EyewearDataset

    dataset = EyewearDataset(
        [corner_piece(tmp_path)],
        zoom=zoom,
        rotation=40.0,
        data={"names": {0: "eyeglasses", 1: "lens"}, "nc": 2, "channels": 3},
        imgsz=320,
        augment=True,
        hyp=get_cfg(overrides=trainer_settings(TrainingConfig(), tmp_path, "yolo11n.yaml")),
        cache="ram",
    )
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
