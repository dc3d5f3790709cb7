"""Labels of any format become folders that both trainings and the evaluation read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from detector.dataset import read_dataset
from pipeline.errors import EvaluationError
from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.training_folder import Split, write_training_folder
from pipeline.evaluation.truth import Truth, TruthMasks, box_around
from pipeline.segmenter.prompting import Truth as Target
from pipeline.segmenter.samples import list_scenes, read_scene
from scripts_under_test import script
from truth_sets import (
    GLASSES,
    LAYOUTS,
    LENS,
    NAME,
    PAIRS,
    SIZE,
    Layout,
    assert_same,
    photo,
    put,
    toy_set,
)

ALL = Split(test=0.0, longest_side=0)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_becomes_scenes_of_the_same_pairs(layout: Layout, tmp_path: Path) -> None:
    truths = find_truth(layout.build(tmp_path / "set", [("plain", False), (NAME, True)]))
    counts = write_training_folder(truths, tmp_path / "out", ALL, lambda _: None)
    assert counts == {"train": 2}
    scene, empty = list_scenes(tmp_path / "out" / "train")
    assert empty.masks == ()
    rgb, masks = read_scene(scene)
    assert rgb.shape == (*SIZE, 3)
    wanted = PAIRS if layout.boxes else [GLASSES]
    assert len(masks) == len(wanted)
    for mask, want in zip(masks, wanted, strict=True):
        target = Target(mask[..., 0], mask[..., 1])
        assert_same(target.glasses > 127, want, layout.exact)
        assert target.parts == layout.lens
        if layout.lens:
            assert_same(target.lens > 127, LENS & want, layout.exact)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_detector_gets_boxes_around_pairs_and_lenses(layout: Layout, tmp_path: Path) -> None:
    truths = find_truth(layout.build(tmp_path / "set", [(NAME, True)]))
    write_training_folder(truths, tmp_path / "out", ALL, lambda _: None)
    dataset = read_dataset(tmp_path / "out" / "train")
    (example,) = dataset.examples
    assert dataset.labelled == ((0, 1) if layout.lens else (0,))
    want = np.concatenate([box_around(m) for m in (PAIRS if layout.boxes else [GLASSES])])
    boxes = example.corners(SIZE)[example.labels == 0]
    np.testing.assert_allclose(boxes, want, atol=0.01 if layout.exact else 1)
    assert (example.labels == 1).sum() == (4 if layout.lens else 0)


def test_what_is_written_reads_as_the_same_truth(tmp_path: Path) -> None:
    source = LAYOUTS["coco rle"].build(tmp_path / "set", [(NAME, True)])
    write_training_folder(find_truth(source), tmp_path / "out", ALL, lambda _: None)
    before, after = (find_truth(p)[0].read() for p in (source, tmp_path / "out" / "train"))
    assert (before.glasses == after.glasses).all()
    assert after.lens is not None
    assert before.lens is not None
    assert (before.lens == after.lens).all()
    np.testing.assert_array_equal(before.boxes, after.boxes)


def test_large_photos_and_their_masks_shrink_together(tmp_path: Path) -> None:
    truths = find_truth(LAYOUTS["pairs"].build(tmp_path / "set", [("a", True)]))
    write_training_folder(truths, tmp_path / "out", Split(0.0, None, 100), lambda _: None)
    rgb, (mask,) = read_scene(list_scenes(tmp_path / "out" / "train")[0])
    assert rgb.shape[:2] == mask.shape[:2] == (60, 100)
    assert abs((mask[..., 0] / 255).sum() * 4 / GLASSES.sum() - 1) < 0.02


def written(root: Path, pairs: tuple[np.ndarray, np.ndarray], lens: np.ndarray) -> list[Any]:
    """The masks of two pairs in a photo, as training reads them: frame and lens of each."""
    boxes = np.concatenate([box_around(pair) for pair in pairs])
    labels = TruthMasks(pairs[0] | pairs[1] | lens, boxes, lens, None, pairs)
    photo(root / "a.jpg", lens.shape)
    truth = Truth("a", lambda: labels, root / "a.jpg")
    write_training_folder([truth], root / "out", ALL, lambda _: None)
    _, masks = read_scene(list_scenes(root / "out" / "train")[0])
    return masks


def test_a_labelled_frame_takes_its_lenses_and_no_others(tmp_path: Path) -> None:
    frames, lenses = np.zeros((2, 40, 90), bool)
    one, other = frames.copy(), frames.copy()
    one[5:30, 5:40], other[5:30, 45:85] = True, True
    lenses[10:20, 10:30], lenses[10:20, 50:70] = True, True
    one, other = one & ~lenses, other & ~lenses
    masks = written(tmp_path, (one, other), lenses)
    for mask, frame in zip(masks, (one, other), strict=True):
        columns = frame.any(axis=0)
        assert ((mask[..., 0] > 127) == frame).all()
        assert ((mask[..., 1] > 127) == lenses & columns).all()


def test_a_pair_in_the_gap_of_another_keeps_its_lenses_to_itself(tmp_path: Path) -> None:
    large, small, lenses = np.zeros((3, 60, 120), bool)
    large[5:55, 5:115], large[9:51, 9:111] = True, False
    small[20:40, 60:100], small[24:36, 64:96] = True, False
    lenses[12:48, 12:40], lenses[24:36, 64:96] = True, True
    masks = written(tmp_path, (large, small), lenses)
    areas = [int((mask[..., 1] > 127).sum()) for mask in masks]
    assert areas == [36 * 28, 12 * 32]


def labelled(root: Path, name: str, *, lens: bool, crowd: bool = False) -> Truth:
    """A photo of one frame with a lens, and perhaps a second one of which no pair is told."""
    frame, inside = np.zeros((2, 40, 90), bool)
    frame[5:30, 5:40], inside[10:20, 10:30] = True, True
    glasses = frame | inside
    if crowd:
        glasses[5:30, 50:85] = True
    told = inside if lens else None
    labels = TruthMasks(glasses, box_around(frame), told, None, (frame | inside,), crowd)
    photo(root / f"{name}.jpg", (40, 90))
    return Truth(name, lambda: labels, root / f"{name}.jpg")


def empty(root: Path, name: str) -> Truth:
    nothing = np.zeros((40, 90), bool)
    photo(root / f"{name}.jpg", (40, 90))
    return Truth(name, lambda: TruthMasks(nothing, box_around(nothing)), root / f"{name}.jpg")


@pytest.mark.parametrize(
    ("lenses", "classes"), [((True, True), {0, 1}), ((True, False), {0})], ids=["all", "some"]
)
def test_lenses_are_a_class_where_every_photo_with_glasses_tells_them(
    tmp_path: Path, lenses: tuple[bool, bool], classes: set[int]
) -> None:
    truths = [labelled(tmp_path, f"p{i}", lens=lens) for i, lens in enumerate(lenses)]
    truths.append(empty(tmp_path, "none"))
    write_training_folder(truths, tmp_path / "out", ALL, lambda _: None)
    dataset = read_dataset(tmp_path / "out" / "train")
    assert set(dataset.labelled) == classes
    assert {int(v) for example in dataset.examples for v in example.labels} == classes


def test_a_photo_with_glasses_that_are_in_no_pair_is_left_out(tmp_path: Path) -> None:
    told: list[str] = []
    whole, crowd = (
        labelled(tmp_path, "a", lens=True),
        labelled(tmp_path, "b", lens=True, crowd=True),
    )
    assert write_training_folder([whole, crowd], tmp_path / "out", ALL, told.append) == {"train": 1}
    assert any("b is left out" in line for line in told)
    with pytest.raises(EvaluationError, match="pair by pair"):
        write_training_folder([crowd], tmp_path / "none", ALL, told.append)


def test_a_crowd_alone_is_left_out_too(tmp_path: Path) -> None:
    root = LAYOUTS["coco rle"].build(tmp_path / "set", [("a", True), ("b", True)])
    content = json.loads(root.read_text())
    second = content["images"][1]["id"]
    for note in content["annotations"]:
        note["iscrowd"] = int(note["image_id"] == second)
    root.write_text(json.dumps(content))
    assert write_training_folder(find_truth(root), tmp_path / "out", ALL, print) == {"train": 1}


def test_a_lens_goes_to_the_rim_around_it_and_not_to_the_temple_around_that(tmp_path: Path) -> None:
    """The smaller pair's temples, as an outline, go round the larger pair's rim."""
    loop, rim, lens = np.zeros((3, 100, 200), bool)
    loop[10:90, 10:110], loop[12:88, 12:108] = True, False
    rim[30:70, 40:190], rim[34:66, 44:80], rim[34:66, 100:186] = True, False, False
    loop &= ~rim
    lens[34:66, 44:80] = True
    masks = written(tmp_path, (loop, rim), lens)
    assert [int((mask[..., 1] > 127).sum()) for mask in masks] == [0, 32 * 36]


def test_a_photo_named_like_anothers_mask_keeps_its_own(tmp_path: Path) -> None:
    truths = [labelled(tmp_path, "sku", lens=False), empty(tmp_path, "sku_0")]
    write_training_folder(truths, tmp_path / "out", ALL, lambda _: None)
    areas = {t.photo.name: int(t.read().glasses.sum()) for t in find_truth(tmp_path / "out/train")}
    assert sorted(areas.values()) == [0, 25 * 35]
    assert areas["sku.jpg"] == 25 * 35


def test_soft_edges_of_a_grey_mask_are_no_wider_when_read(tmp_path: Path) -> None:
    """Where lenses are not told apart, each plane is the whole."""
    disc = np.zeros((400, 400), np.uint8)
    cv2.circle(disc, (200, 200), 150, 255, 9)
    photo(tmp_path / "a.jpg", (400, 400))
    glasses = disc > 127
    truth = Truth("a", lambda: TruthMasks(glasses, box_around(glasses)), tmp_path / "a.jpg")
    write_training_folder([truth], tmp_path / "out", Split(0, None, 130), lambda _: None)
    _, (mask,) = read_scene(list_scenes(tmp_path / "out/train")[0])
    want = cv2.resize(glasses.astype(np.float32), (130, 130), interpolation=cv2.INTER_AREA)
    read = (
        Target(mask[..., 0], mask[..., 1]).glasses,
        find_truth(tmp_path / "out/train")[0].read().alpha,
    )
    np.testing.assert_allclose(read[0] / 255, want, atol=0.01)
    np.testing.assert_allclose(read[1], want, atol=0.01)


def test_a_share_is_kept_for_measuring_and_more_photos_move_none() -> None:
    split = Split(test=0.3)
    names = [f"lot/{i}" for i in range(400)]
    kept = {n for n in names if split.part_of(n) == "test"}
    assert 0.22 < len(kept) / len(names) < 0.38
    assert {Split(0.0).part_of(n) for n in names} == {"train"}


def test_photos_of_one_product_stay_together() -> None:
    split = Split(test=0.5, group=r"^(.*)_img_")
    for product in range(40):
        assert len({split.part_of(f"{product}_img_{angle}") for angle in range(5)}) == 1
    assert len({split.part_of(f"{product}_img_1") for product in range(40)}) == 2


def test_names_that_meet_stay_apart(tmp_path: Path) -> None:
    root = LAYOUTS["pairs"].build(tmp_path / "set", [("a/b", True), ("a_b", True)])
    write_training_folder(find_truth(root), tmp_path / "out", ALL, lambda _: None)
    assert len(list_scenes(tmp_path / "out" / "train")) == 2


@pytest.mark.parametrize(
    ("split", "message"),
    [({"test": 1.0}, "under 1"), ({"test": -0.1}, "under 1"), ({"group": "("}, "regular")],
)
def test_impossible_splits_are_refused(split: dict[str, object], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        Split(**split)  # type: ignore[arg-type]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    truths = find_truth(LAYOUTS["pairs"].build(tmp_path / "set", [("a", True)]))
    put(tmp_path / "out" / "mine.txt", "mine")
    with pytest.raises(EvaluationError, match="not empty"):
        write_training_folder(truths, tmp_path / "out", ALL)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_labels_without_a_photo_are_named_before_anything_is_written(tmp_path: Path) -> None:
    truth = Truth("lot/a", lambda: TruthMasks(GLASSES, box_around(GLASSES)))
    with pytest.raises(EvaluationError, match="lot/a"):
        write_training_folder([truth], tmp_path / "out", ALL)
    assert not (tmp_path / "out").exists()


def test_the_script_writes_both_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = toy_set(tmp_path / "set", {f"{i:02}": [] for i in range(12)})
    told = [str(root), str(tmp_path / "out"), "--test", "0.4", "--longest-side", "64"]
    assert script("prepare_labels").main(told) == 0
    parts = {p.name: len(list_scenes(p)) for p in (tmp_path / "out").iterdir()}
    assert sum(parts.values()) == 12
    assert set(parts) == {"train", "test"}
    assert yaml.safe_load((tmp_path / "out/train/dataset.yaml").read_text())["names"] == {
        0: "eyeglasses"
    }
    assert script("prepare_labels").main(told) == 2
    assert "not empty" in capsys.readouterr().err
