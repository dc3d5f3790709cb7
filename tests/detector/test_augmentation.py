from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")

from detector import quiet  # noqa: E402, F401  (before albumentations: no look for updates)
from detector.augmentation import build_augmentation, with_boxes  # noqa: E402
from detector.config import AugmentationConfig  # noqa: E402
from detector.lettering import Emblem, Lettering  # noqa: E402

KINDS = ("lighting", "camera", "lettering", "scale", "quarter_turns", "flip", "rotation")
OFF = dict.fromkeys(KINDS, 0.0)


def augment(config: AugmentationConfig, picture: np.ndarray, boxes: np.ndarray, seed: int) -> dict:
    compose = with_boxes(build_augmentation(config, len(picture)))
    compose.set_random_seed(seed)
    empty = np.zeros((0, 2), np.float32)
    count = range(len(boxes))
    return compose(
        image=picture,
        bboxes=boxes,
        class_labels=list(count),
        idx=list(count),
        keypoints=empty,
        pidx=[],
    )


def square(x: int, y: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright rectangle on black, and its box as centre and size in fractions."""
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[y : y + height, x : x + width] = 255
    return picture, np.array([[x + width / 2, y + height / 2, width, height]]) / 100


@pytest.mark.parametrize(
    "change",
    [{"flip": 1}, {"quarter_turns": 1}, {"scale": 1, "largest": 1.0}],
    ids=["flip", "quarter turns", "scale"],
)
@pytest.mark.parametrize("seed", range(4))
def test_boxes_move_with_the_picture(change: dict, seed: int) -> None:
    picture, boxes = square(40, 45, 20, 8)
    out = augment(AugmentationConfig(**{**OFF, **change}), picture, boxes, seed)
    rows, columns = np.nonzero((out["image"] > 160).all(axis=2))
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    x, y, width, height = np.array(out["bboxes"][0]) * 100
    box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    np.testing.assert_allclose(box, seen, atol=1.6)


def test_shrinking_averages_so_that_wires_stay_whole() -> None:
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 255
    boxes = np.array([[0.5, 0.5, 1, 1]])
    change = {"scale": 1, "smallest": 0.3, "largest": 1.0}
    shrunk = 0
    for seed in range(12):
        out = augment(AugmentationConfig(**{**OFF, **change}), stripes, boxes, seed)
        assert out["image"].shape == stripes.shape
        x, y, width, height = np.array(out["bboxes"][0]) * 100
        if width < 50:
            shrunk += 1
            rows = slice(round(y - height / 2) + 1, round(y + height / 2) - 1)
            columns = slice(round(x - width / 2) + 1, round(x + width / 2) - 1)
            assert out["image"][rows, columns].std() < 50  # without averaging above 70
    assert shrunk


@pytest.mark.parametrize("seed", range(40))
def test_lighting_does_not_make_blots_of_an_even_ground(seed: int) -> None:
    ground = np.random.default_rng(0).integers(128, 132, (100, 100, 3)).astype(np.uint8)
    ground[40:60, 20:80], ground[45:48, 5:95] = 30, 250
    out = augment(AugmentationConfig(**{**OFF, "lighting": 1}), ground, np.zeros((0, 4)), seed)
    luma = out["image"][70:].astype(float).mean(axis=2)
    assert np.abs(np.diff(luma, axis=1)).mean() < 6  # equalised, it is above 30


def test_everything_off_changes_nothing() -> None:
    picture, boxes = square(10, 20, 30, 40)
    out = augment(AugmentationConfig(**OFF), picture, boxes, 0)
    np.testing.assert_array_equal(out["image"], picture)
    np.testing.assert_allclose(out["bboxes"], boxes)


def test_lettering_is_on_the_picture_and_on_its_copy_alone() -> None:
    shares = []
    for seed in range(30):
        picture, boxes = square(40, 45, 20, 8)
        before = picture.copy()
        out = augment(AugmentationConfig(**{**OFF, "lettering": 1}), picture, boxes, seed)
        np.testing.assert_array_equal(picture, before)
        np.testing.assert_allclose(out["bboxes"], boxes, atol=1e-6)
        assert out["image"].shape == picture.shape
        shares.append((out["image"] != picture).any(axis=2).mean())
    assert min(shares) > 0 and max(shares) < 0.6  # always something, never everything
    assert len(set(shares)) > 20


@pytest.mark.parametrize("after", [0, 2, 4])
@pytest.mark.parametrize("filled", [True, False])
def test_an_emblem_stands_among_the_letters(after: int, filled: bool) -> None:
    emblem = Emblem(after, 6, 0.5, 0.4, filled, (0, 255, 0))
    blank = np.zeros((200, 400, 3), np.uint8)
    out = Lettering().apply(blank, "aaaa", emblem, height=0.2, colour=(255, 0, 0))
    green, blue = out[..., 1] > 128, out[..., 0] > 128
    left, right = np.flatnonzero(green.any(axis=0))[[0, -1]]
    assert 40 < right - left < 60
    assert 0.2 < green.sum() / (right - left) ** 2 < 0.8
    assert blue[:, :left].any() == (after > 0)
    assert blue[:, right:].any() == (after < 4)


@pytest.mark.parametrize(("share", "least", "most"), [(0, 0, 0), (0.4, 12, 36), (1, 60, 60)])
def test_as_many_words_as_wanted_have_an_emblem(share: float, least: int, most: int) -> None:
    words = [Lettering(emblems=share, p=1) for _ in range(60)]
    for seed, word in enumerate(words):
        word.set_random_seed(seed)
    with_one = sum(word.get_params()["emblem"] is not None for word in words)
    assert least <= with_one <= most


def test_lighting_and_camera_change_the_picture_but_not_the_boxes() -> None:
    picture, boxes = square(10, 20, 30, 40)
    picture[picture == 0] = 90
    config = AugmentationConfig(**{**OFF, "lighting": 1, "camera": 1})
    outs = [augment(config, picture, boxes, seed) for seed in range(6)]
    assert all(np.allclose(out["bboxes"], boxes, atol=1e-6) for out in outs)
    assert sum((out["image"] != picture).any() for out in outs) >= 5


def test_boxes_a_hair_outside_are_no_error() -> None:
    picture, _ = square(0, 0, 100, 100)
    boxes = np.array([[0.5, 0.5, 1.0 + 1e-6, 1.0 + 1e-6]])
    out = augment(AugmentationConfig(**OFF), picture, boxes, 0)
    np.testing.assert_allclose(out["bboxes"], [[0.5, 0.5, 1, 1]], atol=1e-5)


def test_it_survives_the_form_that_checkpoints_keep() -> None:
    import albumentations

    for transform in build_augmentation(AugmentationConfig(), 100):
        again = albumentations.from_dict(albumentations.to_dict(transform))
        assert albumentations.to_dict(again) == albumentations.to_dict(transform)
