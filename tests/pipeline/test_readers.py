"""Truth is read from every layout to the same masks, and what does not fit is named."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import EvaluationError
from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.truth import box_around
from truth_sets import (
    GLASSES,
    LAYOUTS,
    LENS,
    NAME,
    PAIRS,
    SIZE,
    SMALL,
    Layout,
    as_mode,
    assert_same,
    coco_file,
    folders,
    photo,
    put,
    rendered,
    save,
    with_alpha,
    yolo,
    yolo_yaml,
)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_truth(layout: Layout, tmp_path: Path) -> None:
    truths = find_truth(layout.build(tmp_path / "set", [("plain", False), (NAME, True)]))
    assert [truth.name for truth in truths] == [NAME, "plain"]
    for truth in truths:
        assert truth.photo is not None
        assert truth.photo.is_file()
    truth, empty = (truth.read() for truth in truths)
    assert_same(truth.glasses, GLASSES, layout.exact)
    assert not truth.glasses[27:30, 64:70].any()
    want = np.concatenate([box_around(pair) for pair in PAIRS])
    assert truth.boxes.dtype == np.float32
    np.testing.assert_allclose(
        truth.boxes, want if layout.boxes else box_around(GLASSES), atol=0 if layout.exact else 1
    )
    assert (truth.lens is not None) == layout.lens
    if truth.lens is not None:
        assert_same(truth.lens, LENS, layout.exact)
    assert empty.glasses.shape == SIZE
    assert not empty.glasses.any()
    assert empty.boxes.shape == (0, 4)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_photos_of_another_size_are_refused_with_both_files_and_sizes(
    layout: Layout, tmp_path: Path
) -> None:
    root = layout.build(tmp_path / "set", [("plain", True)])
    (truth,) = find_truth(root)
    assert truth.photo is not None
    photo(truth.photo, (30, 50))
    if layout.build in (yolo, yolo_yaml):  # its labels have no size of their own
        assert truth.read().glasses.shape == (30, 50)
        return
    with pytest.raises(EvaluationError, match=r"200 x 120.*50 x 30") as caught:
        truth.read()
    assert str(truth.photo) in str(caught.value)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photos_count_upright(tmp_path: Path, orientation: int) -> None:
    folders(tmp_path, [("a", True)])
    sideways = orientation > 4
    photo(tmp_path / "a" / "image.jpg", SIZE[::-1] if sideways else SIZE, orientation)
    assert find_truth(tmp_path)[0].read().glasses.shape == SIZE
    photo(tmp_path / "a" / "image.jpg", SIZE if sideways else SIZE[::-1], orientation)
    with pytest.raises(EvaluationError, match="upright"):
        find_truth(tmp_path)[0].read()


# Tags


def test_scenes_tell_frame_and_background(tmp_path: Path) -> None:
    (truth,) = find_truth(rendered(tmp_path, [("1", True)]))
    assert truth.tags == {"frame": "rimless", "background": "paper", "pairs": "2"}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_tags_come_from_a_table(layout: Layout, tmp_path: Path) -> None:
    root = layout.build(tmp_path, [("a", True), ("b, c", True)])
    folder = root if root.is_dir() else root.parent
    table = '\ufeffname,frame, light\na,round,\n"b, c",,low\nelsewhere,x,y\n'
    put(folder / "tags.csv", table)
    first, second = find_truth(root)
    assert first.tags["frame"] == "round"
    assert "light" not in first.tags
    assert second.tags["light"] == "low"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("photo,frame\na,round\n", "'name'"),
        ("", "'name'"),
        ("name,frame\na,round,low\n", "line 2: more cells"),
        ("name,frame\na,round\na,round\n", "line 3: a comes twice"),
    ],
)
def test_wrong_tables_of_tags_are_refused(table: str, reason: str, tmp_path: Path) -> None:
    folders(tmp_path, [("a", True)])
    put(tmp_path / "tags.csv", table)
    with pytest.raises(EvaluationError, match=rf"tags\.csv.*{reason}"):
        find_truth(tmp_path)


# Names

part = st.text(st.characters(exclude_characters="/\\", exclude_categories=("C", "Z")), min_size=1)
spaced = st.lists(part, min_size=1, max_size=3).map(" ".join)
word = spaced.filter(lambda text: text[0] != "." and text[-1] != "." and len(text.encode()) < 90)
photo_name = st.lists(word, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize("kind", ["folders", "pairs", "rendered", "coco rle", "yolo", "labelme"])
@settings(max_examples=8)
@given(name=photo_name)
def test_any_name_is_kept(kind: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (truth,) = find_truth(LAYOUTS[kind].build(Path(folder), [(name, False)]))
        assert truth.name == name
        assert truth.photo is not None
        assert truth.read().glasses.shape == SIZE


# What does not fit is named


def damage(kind: str, change: Callable[[Path], object]) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        found = LAYOUTS[kind].build(root, [("a", True), ("b", True)])
        change(root)
        return found

    return build


def coco_with(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        content = coco_file([("a", True)])
        change(content)
        return put(root / "c.json", content)

    return build


def note_with(**changed: object) -> Callable[[Path], Path]:
    return coco_with(lambda content: content["annotations"][0].update(changed))


def yolo_row(row: str, described: str = "names: {0: glasses}") -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        photo(root / "images" / "a.jpg")
        put(root / "labels" / "a.txt", row)
        put(root / "data.yaml", described)
        return root

    return build


def labelme_with(**shape: object) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        shapes = [{"label": "glasses", "points": [[0, 0], [9, 9]], **shape}]
        put(root / "a.json", {"imagePath": "a.jpg", "imageHeight": 9, "imageWidth": 9,
                              "shapes": shapes})  # fmt: skip
        return root

    return build


def one_full(image: Image.Image) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        (root / "a").mkdir()
        image.save(root / "a" / "full.png")
        return root

    return build


ERRORS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda root: root / "gone", "gone: no such folder"),
    "nothing known": (lambda root: put(root / "x" / "a.txt", "").parent, r"<name>/full\.png"),
    "a broken mask": (
        damage("folders", lambda root: put(root / "a" / "full.png", "x")), r"a/full\.png is not a"),
    "a mask cut short": (
        damage("pairs", lambda root: cut(root / "masks" / "a.png")), r"masks/a\.png.*damaged"),
    "a broken photo": (
        damage("pairs", lambda root: put(root / "photos" / "a.jpg", "x")), r"a\.jpg is not a"),
    "two photos in a folder": (
        damage("folders", lambda root: photo(root / "a" / "image.png")), r"image\.jpg and .*image"),
    "lens of another size": (
        damage("folders", lambda root: save(root / "a" / "lens.png", SMALL)),
        r"lens\.png is 3 x 2"),
    "two masks for a photo": (
        damage("pairs", lambda root: save(root / "masks" / "a.webp", SMALL)),
        r"a\.png and .*a\.webp"),
    "a mask without photo": (
        damage("pairs", lambda root: (root / "photos" / "b.jpg").unlink()),
        r"masks/b\.png: no photo b"),
    "a dark mask": (one_full(as_mode("L", SMALL * np.uint8(2))), r"full\.png: its brightest"),
    "alpha that hides nothing": (
        one_full(with_alpha(np.full((2, 3), 255, np.uint8))), r"full\.png.*opaque everywhere"),
    "a scene's mask gone": (
        damage("rendered", lambda root: (root / "masks" / "a_1.png").unlink()),
        r"a_1\.png is missing"),
    "a broken scene": (
        damage("rendered", lambda root: put(root / "scenes.jsonl", "{}\n{}\n")),
        r"scenes\.jsonl, line 1: not a scene \(file: "),
    "an instance with alpha": (
        damage("rendered", lambda root: save(root / "masks" / "a_0.png", np.dstack([GLASSES] * 4))),
        r"a_0\.png.*without alpha"),
    "broken json": (lambda root: put(root / "c.json", "{"), r"c\.json: not a COCO"),
    "no COCO": (lambda root: put(root / "c.json", {"images": 3}), r"c\.json: not a COCO.*images"),
    "two pictures of one name": (
        coco_with(lambda c: c["images"].append({**c["images"][0], "id": 9, "file_name": "a.png"})),
        "two truths for a;"),
    "two pictures of one id": (
        coco_with(lambda c: c["images"].append(c["images"][0])), "two pictures have one id"),
    "an unknown picture": (note_with(image_id=7), r"c\.json: annotation 0 is of picture 7"),
    "an unknown class": (note_with(category_id=7), r"c\.json: annotation 0 .* class 7"),
    "a box only": (note_with(segmentation=[]), r"c\.json, annotation 0 of a.jpg has a box"),
    "two points": (note_with(segmentation=[[1, 1, 2, 2]]), "annotation 0 .*has 2 points"),
    "half a point": (note_with(segmentation=[[1, 1, 2, 2, 3, 3, 4]]), "x without a y"),
    "points far away": (note_with(segmentation=[[1, 1, 1e9, 2, 3, 3]]), "far outside"),
    "RLE of another size": (
        note_with(segmentation={"size": [9, 9], "counts": [81]}), "RLE is 9 x 9, .* 200 x 120"),
    "RLE too short": (
        note_with(segmentation={"size": SIZE, "counts": [81]}), "does not fill the picture"),
    "a path that leads away": (
        coco_with(lambda c: c["images"][0].update(file_name="../a.jpg")), r"photo '\.\./a\.jpg'"),
    "a photo of a COCO file gone": (
        damage("coco rle", lambda root: (root / "images" / "b.jpg").unlink()),
        r"1 of 2 photos are missing, the first is b\.jpg"),
    "boxes of YOLO": (yolo_row("0 0.5 0.5 0.2 0.2"), r"a\.txt, line 1 is a box and no outline"),
    "a row of two points": (yolo_row("0 0 0 1 1 1"), r"a\.txt, line 1: expected"),
    "words in a row": (yolo_row("0 x y 0 0 1 1"), r"a\.txt, line 1: expected"),
    "a row of pixels": (yolo_row("0 0 0 9 9 0 9"), r"line 1: coordinates must be fractions"),
    "a row of NaN": (yolo_row("0 0 0 nan 1 0 1"), r"line 1: coordinates must be fractions"),
    "a class without name": (yolo_row("4 0 0 1 1 0 1"), "line 1: class 4 has no name"),
    "names missing": (yolo_row("", "nc: 1"), r"data\.yaml: key 'names'"),
    "no YAML": (yolo_row("", "a: [b"), r"data\.yaml: not a YAML"),
    "labels without photo": (
        damage("yolo", lambda root: (root / "images" / "b.jpg").unlink()), r"b\.txt has no photo"),
    "a part that is not there": (
        lambda root: put(root / "d.yaml", "val: gone\nnames: [glasses]"), "gone is neither"),
    "no part": (lambda root: put(root / "d.yaml", "names: [glasses]"), "none of the keys test"),
    "a shape without area": (labelme_with(shape_type="line"), "a line has no area; draw a polygon"),
    "a shape of two points": (labelme_with(), r"a\.json, shape 'glasses': .* 2 points"),
    "a circle of one point": (
        labelme_with(shape_type="circle", points=[[1, 1]]), "a circle has two points, not 1"),
    "a broken mask shape": (labelme_with(shape_type="mask", mask="x"), "mask is damaged"),
    "an empty mask shape": (labelme_with(shape_type="mask"), "mask is damaged"),
    "another json file": (
        damage("labelme", lambda root: put(root / "more.json", {})), r"more\.json: not a LabelMe"),
}  # fmt: skip


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(("build", "reason"), ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_is_named(
    build: Callable[[Path], Path], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(EvaluationError) as caught:
        for truth in find_truth(build(tmp_path)):
            truth.read()
    assert re.search(reason, str(caught.value), re.DOTALL)


def test_a_yaml_may_name_lists_and_folders_of_roboflow(tmp_path: Path) -> None:
    yolo(tmp_path / "valid", [("a", True)])
    text = "train: ../train/images\nval: ../valid/images\nnames: [eyeglasses, lens]\n"
    (by_folder,) = find_truth(put(tmp_path / "data.yaml", text))
    put(tmp_path / "list.txt", "valid/images/a.jpg\n")
    text = f"path: {tmp_path}\ntest: list.txt\nval: gone\nnames: {{0: eyeglasses, 1: lens}}\n"
    (by_list,) = find_truth(put(tmp_path / "data.yml", text))
    for truth in (by_folder, by_list):
        assert truth.name == "a"
        assert_same(truth.read().glasses, GLASSES, exact=False)
