from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.discovery import Place, check_places, find_photos, plan_names
from pipeline.errors import OutputError, UnreadableImage
from pipeline.images import WRITE_SUFFIXES

KEPT = {
    "cutout": Place("cutouts", ".png", WRITE_SUFFIXES),
    "mask": Place("masks", ".png"),
}
AS_PNG = {"cutout": Place("cutouts", ".png"), "mask": Place("masks", ".png")}


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def keys(source: Path, output: Path | None = None) -> list[str]:
    found = find_photos(source, output or source.parent / "out")
    return [item.key for item in found.sources]


def test_photos_are_found_below_in_the_order_of_their_keys(tmp_path: Path) -> None:
    make(tmp_path / "in", "b.jpg", "a/z.PNG", "a/y.webp", "c.TIFF", "d.Jpeg", "e.bmp")
    make(tmp_path / "in", "notes.txt", ".hidden.jpg", ".git/x.jpg", "a/.thumb/x.jpg", "Thumbs.db")
    expected = ["a/y.webp", "a/z.PNG", "b.jpg", "c.TIFF", "d.Jpeg", "e.bmp"]
    assert keys(tmp_path / "in") == expected


def test_a_named_file_counts_whatever_it_is_called(tmp_path: Path) -> None:
    make(tmp_path, "in/scan.dat")
    found = find_photos(tmp_path / "in/scan.dat", tmp_path / "out")
    assert [item.key for item in found.sources] == ["scan.dat"]
    assert found.root == (tmp_path / "in").resolve()


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    make(tmp_path / "in", "a/x.jpg")
    (tmp_path / "in/a/again").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in/b").symlink_to(tmp_path / "in/a", target_is_directory=True)
    assert keys(tmp_path / "in") == ["a/x.jpg"]


def test_a_linked_output_folder_is_not_read(tmp_path: Path) -> None:
    make(tmp_path, "in/x.jpg", "out/cutouts/x.jpg")
    (tmp_path / "in/results").symlink_to(tmp_path / "out", target_is_directory=True)
    assert keys(tmp_path / "in", tmp_path / "out") == ["x.jpg"]


def test_a_folder_that_cannot_be_listed_is_a_problem_not_a_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "in", "a/x.jpg", "b.jpg")
    scandir = os.scandir

    def refuse_a(path: str) -> object:
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_a)
    found = find_photos(tmp_path / "in", tmp_path / "out")
    assert [item.key for item in found.sources] == ["b.jpg"]
    assert [key for key, _ in found.problems] == ["a"]


@pytest.mark.parametrize(
    ("source", "output", "error"),
    [
        ("gone", "out", UnreadableImage),
        ("in", "in", OutputError),
        ("in", "in/deep/out", OutputError),
        ("in", ".", OutputError),
        ("in/a.jpg", "in", OutputError),
        ("in", "linked/out", OutputError),
        ("in", "file", OutputError),
    ],
)
def test_unfit_places_are_refused(
    tmp_path: Path, source: str, output: str, error: type[Exception]
) -> None:
    make(tmp_path, "in/a.jpg", "file")
    (tmp_path / "linked").symlink_to(tmp_path / "in", target_is_directory=True)
    with pytest.raises(error, match=r"name|give"):
        check_places(tmp_path / source, tmp_path / output)


@pytest.mark.parametrize(("source", "output"), [("in", "out"), ("in/a.jpg", "in/out"), ("in", "i")])
def test_fit_places_pass(tmp_path: Path, source: str, output: str) -> None:
    make(tmp_path, "in/a.jpg")
    check_places(tmp_path / source, tmp_path / output)


@pytest.mark.parametrize(
    ("photos", "cutouts", "masks"),
    [
        (["a/b.jpg"], ["cutouts/a/b.jpg"], ["masks/a/b.png"]),
        (
            ["a.jpg", "a.png"],
            ["cutouts/a.jpg", "cutouts/a.png"],
            ["masks/a.png", "masks/a.png.png"],
        ),
        (
            ["A.jpg", "a.jpg"],
            ["cutouts/A.jpg", "cutouts/a~2.jpg"],
            ["masks/A.png", "masks/a.jpg.png"],
        ),
        (
            ["a.bmp", "a.png"],
            ["cutouts/a.png", "cutouts/a~2.png"],
            ["masks/a.png", "masks/a.png.png"],
        ),
        # a folder called like the mask of a photo beside it
        (
            ["a.jpg", "a.png/x.jpg"],
            ["cutouts/a.jpg", "cutouts/a.png/x.jpg"],
            ["masks/a.jpg.png", "masks/a.png/x.png"],
        ),
        (["scan"], ["cutouts/scan.png"], ["masks/scan.png"]),
    ],
)
def test_names_follow_the_rule(photos: list[str], cutouts: list[str], masks: list[str]) -> None:
    plan = plan_names(photos, KEPT)
    assert [plan[key]["cutout"] for key in photos] == cutouts
    assert [plan[key]["mask"] for key in photos] == masks


def test_one_format_for_all() -> None:
    plan = plan_names(["a.jpg", "b.tif"], {"cutout": Place("cutouts", ".webp")})
    assert [plan[key]["cutout"] for key in plan] == ["cutouts/a.webp", "cutouts/b.webp"]


def test_a_photo_that_has_names_keeps_them() -> None:
    owned = {"a.png": {"cutout": "cutouts/a.png", "mask": "masks/a.png"}}
    plan = plan_names(["a.jpg", "a.png"], KEPT, owned)
    assert plan["a.png"] == owned["a.png"]
    assert plan["a.jpg"] == {"cutout": "cutouts/a.jpg", "mask": "masks/a.jpg.png"}


def test_names_of_some_kinds_are_completed() -> None:
    owned = {"a.png": {"mask": "masks/a~7.png", "other": "other/a.png"}}
    plan = plan_names(["a.png"], KEPT, owned)
    assert plan == {"a.png": {"cutout": "cutouts/a.png", "mask": "masks/a~7.png"}}


PARTS = st.sampled_from(["a", "A", "a~2", "b", "ß", "SS", "é", "e\u0301", "a.png", "a.jpg"])
SUFFIXES = st.sampled_from([".jpg", ".JPG", ".png", ".bmp", ".png.png", ".jpg.png", "~2.png", ""])
KEYS = st.lists(
    st.builds(
        lambda parts, suffix: "/".join(parts) + suffix,
        st.lists(PARTS, min_size=1, max_size=3),
        SUFFIXES,
    ),
    unique=True,
    max_size=12,
)


PLACES = st.sampled_from(
    [KEPT, AS_PNG, KEPT | {"overlay": Place("overlays", ".jpg"), "before": Place("r/b", ".jpg")}]
)


@given(KEYS, KEYS, PLACES, PLACES)
def test_no_two_photos_ever_share_a_file(
    first: list[str], more: list[str], places: dict[str, Place], later: dict[str, Place]
) -> None:
    before = plan_names(sorted(first), places)
    after = plan_names(sorted({*first, *more}), later, before)
    plan = {key: {**before.get(key, {}), **after[key]} for key in after}
    names = [name for own in plan.values() for name in own.values()]
    folded = [name.casefold() for name in names]
    assert len(set(folded)) == len(folded)
    folders = {str(parent).casefold() for name in names for parent in PurePosixPath(name).parents}
    assert not folders & set(folded)
    assert all(before[key].items() <= plan[key].items() for key in before)
    assert all(after[key].keys() == later.keys() for key in after)
