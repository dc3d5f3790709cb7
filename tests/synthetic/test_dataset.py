from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from fake_scenes import FakeScenes
from pycocotools import mask as rle
from pycocotools.coco import COCO

from synthetic import dataset
from synthetic.assets import Assets
from synthetic.coco import build_coco
from synthetic.errors import AssetError, SyntheticError
from synthetic.sample import Sample


def sample(seed: int = 7, pairs: int = 2, size: tuple[int, int] = (96, 128)) -> Sample:
    return FakeScenes().render(seed, size, pairs > 0, pairs)


def put(root: Path, *samples: Sample, cutout: bool = True) -> list[dataset.Line]:
    lines = [dataset.write_scene(root, each, cutout) for each in samples]
    dataset.write_lines(root, lines)
    return lines


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, x + width, y + height


def test_layout_is_the_one_documented(tmp_path: Path) -> None:
    put(tmp_path, sample(7, 2), sample(12, 0), sample(10_000_001, 1))
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert found == [
        "cutouts/000007.png", "cutouts/10000001.png",
        "images/000007.jpg", "images/000012.jpg", "images/10000001.jpg",
        "labels/000007.txt", "labels/000012.txt", "labels/10000001.txt",
        "masks/000007_0.png", "masks/000007_1.png", "masks/10000001_0.png",
        "scenes.jsonl",
    ]  # fmt: skip
    assert (tmp_path / "labels/000012.txt").read_text() == ""


def test_masks_come_back_as_they_were(tmp_path: Path) -> None:
    scene = sample()
    put(tmp_path, scene)
    for path, instance in zip(dataset.mask_paths(tmp_path, 7, 2), scene.instances, strict=True):
        frame, lens, _ = dataset.read_mask(path)
        assert np.array_equal(frame, instance.frame)
        assert np.array_equal(lens, instance.lens)


def test_cutout_keeps_colour_and_alpha(tmp_path: Path) -> None:
    scene = sample()
    put(tmp_path, scene)
    bgra = cv2.imread(str(tmp_path / "cutouts/000007.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA), scene.cutout)


@pytest.mark.parametrize("size", [(96, 128), (128, 96), (200, 200)])
@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_yolo_rows_agree_with_the_masks(tmp_path: Path, size: tuple[int, int], pairs: int) -> None:
    put(tmp_path, sample(7, pairs, size))
    rows = [[float(v) for v in row.split()] for row in
            (tmp_path / "labels/000007.txt").read_text().splitlines()]  # fmt: skip
    assert [int(row[0]) for row in rows] == [0, 1, 1] * pairs
    height, width = size
    boxes = [((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
             for _, x, y, w, h in rows]  # fmt: skip
    for i, path in enumerate(dataset.mask_paths(tmp_path, 7, pairs)):
        frame, lens, _ = dataset.read_mask(path)
        assert boxes[3 * i] == pytest.approx(bounds(np.maximum(frame, lens) > 127), abs=0.01)
        both = np.array(boxes[3 * i + 1 : 3 * i + 3])
        union = (*both[:, :2].min(0), *both[:, 2:].max(0))
        assert union == pytest.approx(bounds(lens > 127), abs=0.01)


def test_boxes_that_stick_out_are_cut_to_the_picture() -> None:
    scene = sample(7, 1)
    instance = scene.instances[0]
    wide = type(instance)(instance.frame, instance.lens, (-20.0, 10.0, 500.0, 50.0))
    cut = Sample(7, scene.image, (wide,), scene.cutout)
    assert dataset.yolo_rows(cut) == "0 0.500000 0.312500 1.000000 0.416667\n"


def test_coco_agrees_with_the_masks_and_pycocotools_reads_it(tmp_path: Path) -> None:
    scene = sample(7, 2)
    put(tmp_path, scene, sample(8, 0))
    assert build_coco(tmp_path) == 2
    coco = COCO(str(tmp_path / "coco.json"))
    assert set(coco.getImgIds()) == {7, 8}
    assert coco.getAnnIds(imgIds=[8]) == []
    glasses = coco.loadAnns(coco.getAnnIds(imgIds=[7], catIds=[1]))
    lenses = coco.loadAnns(coco.getAnnIds(imgIds=[7], catIds=[2]))
    for row, instance in zip(glasses, scene.instances, strict=True):
        mask = rle.decode(row["segmentation"]).astype(bool)
        assert np.array_equal(mask, instance.alpha > 127)
        assert row["area"] == mask.sum()
    together = sum(rle.decode(row["segmentation"]).astype(int) for row in lenses)
    assert np.array_equal(together, sum((i.lens > 127).astype(int) for i in scene.instances))
    for row in (*glasses, *lenses):
        x, y, width, height = row["bbox"]
        expected = bounds(rle.decode(row["segmentation"]))
        assert (x, y, x + width, y + height) == pytest.approx(expected, abs=0.01)


def test_coco_is_added_to_and_ids_stay_unique(tmp_path: Path) -> None:
    lines = put(tmp_path, sample(1, 1))
    build_coco(tmp_path)
    lines.append(dataset.write_scene(tmp_path, sample(2, 3)))
    dataset.write_lines(tmp_path, lines)
    build_coco(tmp_path)
    content = json.loads((tmp_path / "coco.json").read_text())
    assert [row["id"] for row in content["annotations"]] == list(range(1, 13))
    assert {row["image_id"] for row in content["annotations"]} == {1, 2}


def test_coco_takes_scenes_made_anew_from_their_masks(tmp_path: Path) -> None:
    put(tmp_path, sample(1, 1, (64, 64)))
    build_coco(tmp_path)
    put(tmp_path, sample(1, 1, (128, 128)))
    build_coco(tmp_path, anew={1})
    row = json.loads((tmp_path / "coco.json").read_text())["annotations"][0]
    assert row["segmentation"]["size"] == [128, 128]


def test_description_is_read_by_ultralytics_keys_and_names_the_authors(tmp_path: Path) -> None:
    model = tmp_path / "models/one/scene.gltf"
    model.parent.mkdir(parents=True)
    model.touch()
    credit = 'This work is based on "Round" by somebody licensed under CC-BY-4.0'
    (model.parent / "license.txt").write_text(f"Model Information:\n* title: Round\n{credit}")
    dataset.write_description(tmp_path / "out", Assets(models=tmp_path / "models"))
    content = yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())
    assert content["names"] == {0: "eyeglasses", 1: "lens"}
    assert content["train"] == "images"
    assert "path" not in content
    assert content["credits"] == [credit]


def test_model_without_licence_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "stray.glb").touch()
    with pytest.raises(AssetError, match=r"license\.txt.*stray\.glb"):
        dataset.model_credits(Assets(models=tmp_path))


# ---- whole or not at all --------------------------------------------------------------------


def test_picture_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    real = dataset.write_whole

    def note(path: Path, data: bytes) -> None:
        written.append(path.parent.name)
        real(path, data)

    monkeypatch.setattr(dataset, "write_whole", note)
    dataset.write_scene(tmp_path, sample(), cutout=True)
    assert written[-1] == "images"
    assert set(written[:-1]) == {"masks", "cutouts", "labels"}


def test_failed_write_leaves_the_old_file_and_no_scrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.txt"
    dataset.write_whole(target, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset.os, "replace", full)
    with pytest.raises(SyntheticError, match=r"a\.txt: No space left"):
        dataset.write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    "missing", ["images/000007.jpg", "labels/000007.txt", "masks/000007_1.png"]
)
def test_scene_that_lacks_a_file_is_not_whole(tmp_path: Path, missing: str) -> None:
    line = dataset.write_scene(tmp_path, sample())
    assert dataset.is_whole(tmp_path, line)
    assert not dataset.is_whole(tmp_path, line, cutout=True)
    (tmp_path / missing).unlink()
    assert not dataset.is_whole(tmp_path, line)


def test_masks_of_an_earlier_attempt_are_removed(tmp_path: Path) -> None:
    dataset.write_scene(tmp_path, sample(7, 3))
    dataset.write_scene(tmp_path, sample(7, 1))
    assert [p.name for p in (tmp_path / "masks").iterdir()] == ["000007_0.png"]


def test_torn_line_is_passed_over(tmp_path: Path) -> None:
    lines = put(tmp_path, sample(1, 1), sample(2, 1))
    text = "".join(map(dataset.line_text, lines))
    (tmp_path / "scenes.jsonl").write_text(text[:-30])
    assert set(dataset.read_lines(tmp_path)) == {1}


def test_unreadable_mask_is_named(tmp_path: Path) -> None:
    (tmp_path / "x_0.png").write_bytes(b"")
    with pytest.raises(SyntheticError, match=r"x_0\.png"):
        dataset.read_mask(tmp_path / "x_0.png")
