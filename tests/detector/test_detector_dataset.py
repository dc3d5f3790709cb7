from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from detector.dataset import label_path, read_dataset
from detector.errors import DatasetError


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A dataset folder with empty pictures `names` and label text by name."""

    def build(names: list[str], labels: dict[str, str] | None = None) -> Path:
        for folder in ("images", "labels"):
            (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (tmp_path / "set" / "images" / f"{name}.jpg").touch()
        for name, text in (labels or {}).items():
            (tmp_path / "set" / "labels" / f"{name}.txt").write_text(text)
        return tmp_path / "set"

    return build


def test_rows_become_boxes_and_a_missing_label_file_means_no_glasses(
    make: Callable[..., Path],
) -> None:
    root = make(["a", "b", "c"], {"a": "0 0.5 0.5 0.4 0.2\n1 .4 .5 .1 .1\n\n", "b": ""})
    by_name = {example.image.stem: example for example in read_dataset(root).examples}
    np.testing.assert_allclose(by_name["a"].boxes, [[0.5, 0.5, 0.4, 0.2], [0.4, 0.5, 0.1, 0.1]])
    assert by_name["a"].labels.tolist() == [0, 1]
    assert by_name["b"].boxes.shape == by_name["c"].boxes.shape == (0, 4)


def test_boxes_that_rounding_put_outside_are_cut_to_the_picture(make: Callable[..., Path]) -> None:
    root = make(["a"], {"a": "0 0.5 0.5 1.004 0.5"})
    np.testing.assert_allclose(read_dataset(root).train[0].boxes, [[0.5, 0.5, 1, 0.5]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.4", r"a\.txt:1: expected 'class x y w h'"),
        ("0 0.5 0.5 0.4 wide", "expected 'class x y w h'"),
        ("0 .5 .5 .4 .4\n2 .5 .5 .4 .4", r"a\.txt:2: class 2, expected 0 to 1"),
        ("0.5 .5 .5 .4 .4", "class 0.5"),
        ("0 50 50 40 40", "outside the picture"),
        ("0 .5 .5 0 .4", "outside the picture or empty"),
        ("0 .5 .5 nan .4", "outside the picture or empty"),
    ],
)
def test_bad_rows_are_named(make: Callable[..., Path], text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_dataset(make(["a"], {"a": text}))


def test_parts_of_a_yaml_are_kept(make: Callable[..., Path], tmp_path: Path) -> None:
    root = make(["a", "b", "c"])
    (root / "val.txt").write_text("images/c.jpg\n")
    (root / "train.txt").write_text("images/a.jpg\nimages/b.jpg\n")
    described = tmp_path / "described.yaml"
    content = {"path": "set", "train": "train.txt", "val": ["val.txt"], "names": ["eyeglasses"]}
    described.write_text(yaml.safe_dump({**content, "credits": ["somebody"]}))
    (root / "CREDITS.txt").write_text("\nsomebody else\n")
    dataset = read_dataset(described)
    assert [e.image.stem for e in dataset.train] == ["a", "b"]
    assert [e.image.stem for e in dataset.val] == ["c"]
    assert (dataset.name, dataset.labelled) == ("set", (0,))
    assert dataset.credits == ("somebody", "somebody else")


def test_without_parts_a_stable_twentieth_is_held_out(make: Callable[..., Path]) -> None:
    few = read_dataset(make([f"{i:06d}" for i in range(100)]))
    many = read_dataset(make([f"{i:06d}" for i in range(400)]))
    held = {e.image for e in few.val}
    assert held == {e.image for e in many.val if int(e.image.stem) < 100}
    assert 10 <= len(many.val) <= 35
    assert not {e.image for e in many.val} & {e.image for e in many.train}
    assert len(many.examples) == 400


@given(count=st.integers(2, 40))
def test_small_sets_have_both_parts(tmp_path_factory: pytest.TempPathFactory, count: int) -> None:
    root = tmp_path_factory.mktemp("small")
    (root / "images").mkdir()
    for index in range(count):
        (root / "images" / f"{index}.png").touch()
    dataset = read_dataset(root)
    assert dataset.train
    assert dataset.val
    assert len(dataset.train) + len(dataset.val) == count


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("names: [lens, eyeglasses]", "key 'names'"),
        ("names: {0: person}", "key 'names'"),
        ("names: []", "key 'names'"),
        ("train: nowhere", "neither a folder nor a list"),
        ("download: https://example.org/x.zip", "'download' is refused"),
        ("- a list", "expected keys"),
        ("a: [", "not a YAML file"),
        ("credits: somebody", "'credits' is a list"),
    ],
)
def test_bad_yamls_are_named(make: Callable[..., Path], content: str, message: str) -> None:
    root = make(["a", "b"])
    (root / "dataset.yaml").write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_dataset(root)


def test_places_that_hold_no_dataset_are_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for source, message in (
        (tmp_path / "nowhere", "neither a dataset folder nor a dataset YAML"),
        (tmp_path, "no pictures"),
    ):
        with pytest.raises(DatasetError, match=message):
            read_dataset(source)


def test_the_fingerprint_follows_pictures_and_labels_but_not_the_folder(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    root = make(["a", "b"], {"a": "0 .5 .5 .4 .4"})
    first = read_dataset(root).fingerprint()
    moved = root.rename(tmp_path / "elsewhere")
    assert read_dataset(moved).fingerprint() == first
    (moved / "labels" / "a.txt").write_text("0 .5 .5 .4 .5")
    assert read_dataset(moved).fingerprint() != first


def test_seeds_of_rendered_scenes_are_noted(make: Callable[..., Path]) -> None:
    root = make(["a"])
    assert read_dataset(root).seeds is None
    (root / "scenes.jsonl").write_text('{"seed": 7}\n{"seed": 3}\n')
    assert read_dataset(root).seeds == (3, 7)


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("d/images/a.jpg", "d/labels/a.txt"),
        ("images/images/x/a.tar.jpg", "images/labels/x/a.tar.txt"),
    ],
)
def test_labels_lie_beside_the_last_images_folder(picture: str, labels: str) -> None:
    assert label_path(Path(picture)) == Path(labels)


def test_pictures_outside_an_images_folder_are_refused() -> None:
    with pytest.raises(DatasetError, match="no folder named 'images'"):
        label_path(Path("photos/a.jpg"))


WORN = Path(__file__).parents[2] / "datasets" / "worn.yaml"


@pytest.mark.skipif(
    not (WORN.parent / "../../shared/real/worn").is_dir(), reason="real/worn is not on this machine"
)
def test_the_worn_photos_are_read_through_their_yaml() -> None:
    dataset = read_dataset(WORN)
    assert len(dataset.examples) == 12
    assert dataset.labelled == (0,)
    assert all(len(example.boxes) for example in dataset.examples)
    assert "MIT" in dataset.credits[0]
