"""Predictions are found by name, in folders of masks and in the output of a run."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import EvaluationError
from pipeline.evaluation.predictions import find_predictions
from pipeline.images import write_image
from pipeline.types import Record

SIZE = (4, 6)
MASK = np.zeros(SIZE, bool)
MASK[1:3, 2:5] = True
BOX = (2.0, 1.0, 5.0, 3.0)


def save(path: Path, mask: Any = MASK) -> None:
    write_image(path, np.asarray(mask * np.uint8(255)))


def run_output(root: Path, records: Sequence[Record]) -> Path:
    """What `eyecut run` leaves: a manifest, masks, and cut-outs that must not be taken for them."""
    root.mkdir(parents=True)
    (root / "manifest.jsonl").write_text("".join(record.to_json() + "\n" for record in records))
    for record in records:
        if "mask" in record.outputs:
            save(root / record.outputs["mask"])
            save(root / record.outputs["mask"].replace("masks/", "cutouts/"), ~MASK)
    return root


def done(key: str, mask: str | None = None, **told: Any) -> Record:
    name = mask or key.rpartition(".")[0]
    facts = {"boxes": (BOX,), "scores": (0.75,), "quality": (0.5,)} | told
    return Record(key, "done", outputs={"mask": f"masks/{name}.png"}, **facts)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("a.png", "a"),
        ("a.PNG", "a"),
        ("a/image.png", "a"),
        ("images/a.png", "a"),
        ("photos/lot 7/a.v2.png", "lot 7/a.v2"),
        ("masks/a.png", "a"),
        ("masks/a/image.png", "a"),
        ("masks/images/a.png", "a"),
        ("images/a.png", "images/a"),
        ("a/image.png", "a/image"),
        ("image.png", "image"),
    ],
)
def test_masks_are_found_by_name(place: str, name: str, tmp_path: Path) -> None:
    write_image(tmp_path / "mask.png", MASK * np.uint8(255))
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "mask.png").rename(tmp_path / place)
    found = find_predictions(tmp_path, [name, "missed"])
    prediction = found.read(name, SIZE)
    assert prediction is not None
    np.testing.assert_array_equal(prediction.mask, MASK)
    assert prediction.alpha is prediction.boxes is prediction.scores is prediction.quality is None
    assert found.answers["missed"] is None
    assert found.read("missed", SIZE) is None
    assert found.unexpected == ()


def test_a_photo_of_that_very_name_comes_first(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "a" / "image.png", ~MASK)
    for names, second in ((["a"], None), (["a", "a/image"], ~MASK)):
        found = find_predictions(tmp_path, names)
        first = found.read("a", SIZE)
        assert first is not None
        np.testing.assert_array_equal(first.mask, MASK)
        if second is not None:
            other = found.read("a/image", SIZE)
            assert other is not None
            np.testing.assert_array_equal(other.mask, second)


def test_with_a_folder_of_masks_only_what_is_in_it_counts(tmp_path: Path) -> None:
    save(tmp_path / "masks" / "a.png")
    save(tmp_path / "images" / "a.png", ~MASK)
    save(tmp_path / "b.png", ~MASK)
    found = find_predictions(tmp_path, ["a", "b"])
    prediction = found.read("a", SIZE)
    assert prediction is not None
    np.testing.assert_array_equal(prediction.mask, MASK)
    assert found.answers["b"] is None
    assert found.unexpected == ()


def test_predictions_without_truth_are_named_in_order(tmp_path: Path) -> None:
    for name in ("z", "a", "lot/b", "wanted"):
        save(tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("no mask")
    (tmp_path / "._a.png").write_text("of macOS")
    assert find_predictions(tmp_path, ["wanted"]).unexpected == ("a", "lot/b", "z")


def test_grey_values_are_a_matte(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.array([[0, 51, 204, 255]], np.uint8))
    prediction = find_predictions(tmp_path, ["a"]).read("a", (1, 4))
    assert prediction is not None
    assert prediction.alpha is not None
    assert prediction.alpha.dtype == np.float32
    np.testing.assert_allclose(prediction.alpha, [[0, 0.2, 0.8, 1]], atol=1e-6)
    np.testing.assert_array_equal(prediction.mask, [[False, False, True, True]])


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a.jpg", "a"),
        ("lot 7/a.v2.jpg", "lot 7/a.v2"),
        ("a/image.jpeg", "a"),
        ("images/a.jpg", "a"),
        ("images/a.jpg", "images/a"),
        ("images/a/image.jpg", "a"),
    ],
)
def test_a_run_tells_boxes_scores_and_quality(key: str, name: str, tmp_path: Path) -> None:
    root = run_output(tmp_path / "out", [done(key), done("other.jpg")])
    found = find_predictions(root, [name])
    prediction = found.read(name, SIZE)
    assert prediction is not None
    np.testing.assert_array_equal(prediction.mask, MASK)
    for have, want in (
        (prediction.boxes, [BOX]),
        (prediction.scores, [0.75]),
        (prediction.quality, [0.5]),
    ):
        assert have is not None
        assert have.dtype == np.float32
        np.testing.assert_array_equal(have, want)
    assert found.unexpected == ("other",)


def test_the_manifest_says_which_mask_is_whose(tmp_path: Path) -> None:
    root = run_output(tmp_path / "out", [done("a.jpg", "a.jpg")])
    save(root / "masks" / "a.png", ~MASK)
    prediction = find_predictions(root, ["a"]).read("a", SIZE)
    assert prediction is not None
    np.testing.assert_array_equal(prediction.mask, MASK)


def test_no_glasses_is_an_answer_and_a_failure_is_none(tmp_path: Path) -> None:
    records = [Record("a.jpg", "no_glasses"), Record("b.jpg", "failed", error="damaged")]
    found = find_predictions(run_output(tmp_path / "out", records), ["a", "b"])
    answer = found.read("a", SIZE)
    assert answer is not None
    assert answer.mask.shape == SIZE
    assert not answer.mask.any()
    assert answer.boxes is not None
    assert answer.boxes.shape == (0, 4)
    assert found.read("b", SIZE) is None


def test_quality_that_is_not_of_each_box_is_not_known(tmp_path: Path) -> None:
    root = run_output(tmp_path / "out", [done("a.jpg", quality=())])
    prediction = find_predictions(root, ["a"]).read("a", SIZE)
    assert prediction is not None
    assert prediction.boxes is not None
    assert prediction.quality is None


def test_another_size_names_the_mask_and_both_sizes(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(EvaluationError, match=r"a\.png is 6 x 4, its truth 6 x 5"):
        find_predictions(tmp_path, ["a"]).read("a", (5, 6))


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="gone: no such folder"):
        find_predictions(tmp_path / "gone", ["a"])
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(EvaluationError, match=r"a\.png is not a"):
        find_predictions(tmp_path, ["a"]).read("a", SIZE)
    (tmp_path / "manifest.jsonl").write_text("{}\n")
    with pytest.raises(EvaluationError, match=r"manifest\.jsonl, line 1"):
        find_predictions(tmp_path, ["a"])


def test_two_predictions_for_a_name_are_refused(tmp_path: Path) -> None:
    for place in ("a/image.png", "images/a.png"):
        save(tmp_path / "masks" / place)
    with pytest.raises(EvaluationError, match="two predictions for a, one is images/a"):
        find_predictions(tmp_path, ["a"])
    root = run_output(tmp_path / "out", [done("a.jpg"), done("a.png", "a.png")])
    with pytest.raises(EvaluationError, match="two predictions for a"):
        find_predictions(root, ["a"])


def test_a_mask_that_the_manifest_lists_must_be_there(tmp_path: Path) -> None:
    root = run_output(tmp_path / "out", [done("lot/a.jpg")])
    (root / "masks" / "lot" / "a.png").unlink()
    with pytest.raises(EvaluationError, match=r"mask of lot/a\.jpg is not at .*a\.png"):
        find_predictions(root, ["lot/a"])


word = st.text(
    st.characters(exclude_characters="/\\", exclude_categories=("C", "Z")), min_size=1, max_size=9
).filter(lambda text: text[0] != "." and text[-1] != "." and ".png" not in text.lower())
names = st.sets(st.lists(word, min_size=1, max_size=3).map("/".join), max_size=6)


@settings(max_examples=25)
@given(names, names)
def test_every_name_gets_its_own_mask_and_no_other(wanted: set[str], given_: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in given_:
            path = root / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        found = find_predictions(root, sorted(wanted))
        for name in wanted & given_:
            answer = found.answers[name]
            assert answer is not None
            assert answer.mask == root / f"{name}.png"
        assert set(found.answers) == wanted
        assert set(found.unexpected) <= given_ - wanted
