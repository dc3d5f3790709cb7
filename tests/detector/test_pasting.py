"""Glasses of one picture laid on another."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_pictures import training_set

from detector.dataset import read_dataset
from detector.errors import DatasetError
from detector.pasting import Cut, Labelled, cuttable, lay, paste, read_cut, turned
from detector.types import EYEGLASSES, LENS
from tests.detector.conftest import draw_glasses, make_toy_dataset

GREY, RED = 200, (30, 20, 220)


def pair(width: int = 60) -> Cut:
    """A red pair of two lenses, 24 pixels high."""
    frame, left, right = (np.zeros((24, width), np.uint8) for _ in range(3))
    frame[9:12, :] = 255
    for lens, x in ((left, 0), (right, width - 20)):
        lens[2:22, x : x + 20] = 255
        frame[lens > 0] = 0
    frame[0] = frame[-1] = 255
    return Cut(np.full((24, width, 3), RED, np.uint8), frame, (left, right))


def picture(*rows: tuple[int, int, int, int, int]) -> Labelled:
    table = np.array(rows, np.float32).reshape(-1, 5)
    image = np.full((120, 160, 3), GREY, np.uint8)
    return Labelled(image, table[:, :4], table[:, 4].astype(np.int64))


def test_a_pair_is_laid_with_its_boxes() -> None:
    below = picture((5, 5, 40, 30, EYEGLASSES))
    both = lay(below, pair(), (80, 60), seen=1.0)
    assert both.labels.tolist() == [EYEGLASSES, EYEGLASSES, LENS, LENS]
    assert both.boxes[1].tolist() == [80, 60, 140, 84]
    assert both.boxes[2].tolist() == [80, 62, 100, 82]
    assert both.image[70, 110].tolist() == list(RED)  # the bridge
    assert both.image[65, 110].tolist() == [GREY] * 3  # the gap under the bridge
    assert (below.image == GREY).all()


@pytest.mark.parametrize(("seen", "red"), [(0.0, 200), (0.5, 210), (1.0, 220)])
def test_lenses_let_the_picture_through(seen: float, red: int) -> None:
    both = lay(picture((5, 5, 40, 30, EYEGLASSES)), pair(), (80, 60), seen)
    assert both.image[70, 90, 2] == pytest.approx(red, abs=1)


def test_boxes_are_cut_at_the_edge_of_the_picture() -> None:
    both = lay(picture(), pair(), (130, 105), seen=1.0)
    assert both.boxes.tolist() == [[130, 105, 160, 120], [130, 107, 150, 120]]
    assert both.labels.tolist() == [EYEGLASSES, LENS]


@pytest.mark.parametrize("corner", [(300, 300), (-60, 0), (155, 60), (-100, -100)])
def test_a_pair_of_which_nearly_nothing_is_seen_is_not_laid(corner: tuple[int, int]) -> None:
    below = picture((5, 5, 40, 30, EYEGLASSES))
    assert lay(below, pair(), corner, seen=1.0) is below


def test_what_is_covered_is_no_longer_labelled() -> None:
    below = picture((70, 50, 150, 110, EYEGLASSES), (82, 63, 98, 81, LENS), (5, 5, 40, 30, LENS))
    both = lay(below, pair(), (80, 60), seen=1.0)
    assert both.labels.tolist() == [EYEGLASSES, LENS, EYEGLASSES, LENS, LENS]
    assert both.boxes[1].tolist() == [5, 5, 40, 30]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("degrees", "shape"), [(0, (48, 120)), (90, (120, 48)), (180, (48, 120))])
def test_a_pair_is_turned_and_resized_whole(
    degrees: float, shape: tuple[int, int], mirrored: bool
) -> None:
    cut = turned(pair(), 2.0, degrees, mirrored)
    assert np.abs(np.subtract(cut.frame.shape, shape)).max() <= 1
    assert cut.image.shape == (*cut.frame.shape, 3)
    whole = np.maximum.reduce([cut.frame, *cut.lenses])
    before = np.maximum.reduce([pair().frame, *pair().lenses])
    assert (whole > 127).sum() == pytest.approx(4 * (before > 127).sum(), rel=0.05)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    x=st.integers(0, 120),
    y=st.integers(0, 90),
    width=st.integers(6, 160),
    height=st.integers(6, 120),
)
def test_labels_stay_within_the_picture(seed: int, x: int, y: int, width: int, height: int) -> None:
    random.seed(seed)
    below = picture((x, y, min(160, x + width), min(120, y + height), EYEGLASSES))
    both = paste(below, pair())
    assert both.image.shape == below.image.shape
    assert len(both.boxes) == len(both.labels)
    assert (both.boxes[:, :2] >= 0).all()
    assert (both.boxes[:, 2:] <= (160, 120)).all()
    assert (both.boxes[:, 2:] > both.boxes[:, :2]).all()
    assert (both.labels == EYEGLASSES).any()


def test_a_picture_without_glasses_stays_as_it_is() -> None:
    below = picture()
    assert paste(below, pair()) is below


@pytest.fixture
def masked(tmp_path: Path) -> Path:
    """A toy dataset with a mask beside each picture of one pair."""
    root = make_toy_dataset(tmp_path / "toy", pictures=8)
    (root / "masks").mkdir()
    for path in sorted((root / "images").iterdir()):
        mask = np.zeros((96, 96, 3), np.uint8)
        draw_glasses(mask, (48, 48), 60)
        red = np.where(mask.any(axis=-1), 255, 0).astype(np.uint8)
        green = np.full_like(red, 255) - red
        cv2.imwrite(str(root / "masks" / f"{path.stem}_0.png"), np.dstack([red * 0, green, red]))
    return root


def test_single_pairs_with_masks_can_be_cut_out(masked: Path, toy_dataset: Path) -> None:
    examples = read_dataset(masked).examples
    found = cuttable(examples)
    assert len(found) == 6  # every fourth picture is without glasses
    assert cuttable(read_dataset(toy_dataset).examples) == []
    cut = read_cut(found[0])
    assert len(cut.lenses) == 2
    assert cut.frame.max() == 255
    assert cut.image.shape == (*cut.frame.shape, 3)


def test_a_mask_of_another_picture_is_named(masked: Path) -> None:
    example = cuttable(read_dataset(masked).examples)[0]
    mask = masked / "masks" / f"{example.image.stem}_0.png"
    cv2.imwrite(str(mask), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(DatasetError, match=mask.name):
        read_cut(example)


def test_training_sees_pasted_pairs(masked: Path) -> None:
    examples = cuttable(read_dataset(masked).examples)
    dataset = training_set(examples, masked, 96, pasted=1.0)
    random.seed(0)
    for _round in range(3):  # the pictures in memory stay as they are
        labels = [dataset.get_image_and_label(i) for i in range(len(examples))]
        pairs = [int((label["cls"] == EYEGLASSES).sum()) for label in labels]
        assert max(pairs) == 2
    assert dataset[0]["img"].shape == (3, 96, 96)
