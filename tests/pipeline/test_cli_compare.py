"""`eyecut compare`: two runs from folders or files, rules and exit statuses."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pipeline import cli
from pipeline.cli.console import MOST_NAMES
from pipeline.evaluation import evaluate
from pipeline.evaluation.result import LOWER
from toys import draw_toy
from truth_sets import put, save, toy_set

TOY = draw_toy()[0]
SHARES = {"all": 1.0, "most": 0.9, "half": 0.5, "none": 0.0}


def eyecut(*told: object) -> Result:
    return CliRunner().invoke(cli.app, ["compare", *map(str, told)], env={"COLUMNS": "200"})


def figures(path: Path, photos: Mapping[str, Mapping[str, Any]]) -> Path:
    return put(path, {"photos": photos})


def part(share: float) -> np.ndarray:
    """The glasses down to `share` of their columns."""
    columns = np.flatnonzero(TOY.mask.any(axis=0))
    mask = TOY.mask.copy()
    mask[:, columns[0] + round(share * len(columns)) :] = False
    return mask


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return toy_set(tmp_path / "truth", {"a": [TOY], "b": [TOY], "c": [TOY]})


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """The second is better on `a` and worse on `b`; it misses `c`, which the first has half."""
    masks = {"one": {"a": "half", "b": "all", "c": "half"}, "two": {"a": "all", "b": "most"}}
    for run, named in masks.items():
        for name, share in named.items():
            save(tmp_path / run / f"{name}.png", part(SHARES[share]))
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The second's IoU is 0.02 better, its roughness 0.1 px worse; the first alone has `c`."""
    first = {"a": {"iou": 0.8, "roughness": 0.2}, "b": {"iou": 0.6, "roughness": 0.4}}
    second = {"a": {"iou": 0.9, "roughness": 0.3}, "b": {"iou": 0.54, "roughness": 0.5}}
    return (
        figures(tmp_path / "one.json", first | {"c": {"iou": 0.1}}),
        figures(tmp_path / "two.json", second),
    )


# --- folders and files -------------------------------------------------------------------------


def test_folders_are_scored_and_paired(truth: Path, runs: tuple[Path, Path]) -> None:
    result = eyecut(*runs, "--truth", truth)
    assert result.exit_code == 0, result.output
    assert re.search(r"^ *iou +0\.\d", result.stdout, re.MULTILINE)
    changes = re.findall(r"^(\w): iou ([+-]\d\.\d+)$", result.stdout, re.M)
    assert [name for name, _ in changes] == ["c", "b", "a"]  # from the largest loss
    assert [float(change) > 0 for _, change in changes] == [False, False, True]


def test_files_and_folders_tell_the_same(
    truth: Path, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    for run in runs:
        run.with_suffix(".json").write_text(evaluate(truth, run).to_json())
    saved = [run.with_suffix(".json") for run in runs]
    wanted = None
    for first in (runs[0], saved[0]):
        for second in (runs[1], saved[1]):
            told = [] if (first, second) == tuple(saved) else ["--truth", truth]
            result = eyecut(first, second, *told, "--json", tmp_path / "changes.json")
            assert result.exit_code == 0, result.output
            found = json.loads((tmp_path / "changes.json").read_text())
            wanted = wanted or found
            assert found == wanted
    assert wanted is not None and set(wanted["photos"]) == {"a", "b", "c"}


def test_the_changes_are_written(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert eyecut(*files, "--json", tmp_path / "new/f.json").exit_code == 0
    data = json.loads((tmp_path / "new/f.json").read_text())
    iou, rough = data["changes"]["iou"], data["changes"]["roughness"]
    assert (iou["first"], iou["second"]) == pytest.approx((0.7, 0.72))
    assert iou["low"] <= iou["difference"] <= iou["high"]
    assert (iou["better"], iou["worse"], iou["photos"]) == (1, 1, 2)
    assert (rough["better"], rough["worse"]) == (0, 2)
    assert data["only_first"] == ["c"] and data["only_second"] == []


def test_photos_of_one_run_alone_are_named(files: tuple[Path, Path]) -> None:
    assert "c: only in A" in eyecut(*files).stdout
    assert "c: only in B" in eyecut(*reversed(files)).stdout


def test_many_lonely_photos_are_cut_short(files: tuple[Path, Path]) -> None:
    more = {f"x{number}": {"iou": 0.5} for number in range(3 * MOST_NAMES)}
    figures(files[1], more | {"a": {"iou": 1}})
    result = eyecut(*files)
    assert result.stdout.count("only in B") == MOST_NAMES + 1
    assert f"and {2 * MOST_NAMES} more: only in B" in result.stdout


def test_photos_that_did_not_change_are_not_listed(files: tuple[Path, Path]) -> None:
    result = eyecut(files[0], files[0])
    assert result.exit_code == 0
    assert ": iou" not in result.stdout


def test_of_many_changes_the_largest_losses_and_gains_are_listed(tmp_path: Path) -> None:
    first = figures(tmp_path / "1.json", {f"p{n:02}": {"iou": 0.5} for n in range(30)})
    second = figures(tmp_path / "2.json", {f"p{n:02}": {"iou": n / 29} for n in range(30)})
    listed = re.findall(r"^p(\d\d): iou", eyecut(first, second).stdout, re.M)
    assert [int(number) for number in listed] == [0, 1, 2, 3, 4, 25, 26, 27, 28, 29]


# --- the page ----------------------------------------------------------------------------------


def page_data(page: Path) -> list[dict[str, Any]]:
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.S)
    return list(json.loads(found)["photos"])


def test_the_page_of_folders_has_pictures(
    truth: Path, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    result = eyecut(*runs, "--truth", truth, "--page", tmp_path / "p.html")
    assert result.exit_code == 0, result.output
    photos = page_data(tmp_path / "p.html")
    assert {photo["n"] for photo in photos} == {"a", "b", "c"}
    for photo in photos:
        assert {layer for layer, _ in photo["p"]} == {"photo", "truth", "first", "second"}


def test_the_page_of_files_has_every_photo_and_no_pictures(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert eyecut(*files, "--page", tmp_path / "p.html").exit_code == 0
    photos = {photo["n"]: photo for photo in page_data(tmp_path / "p.html")}
    assert set(photos) == {"a", "b", "c"}
    assert [photo["p"] for photo in photos.values()] == [None] * 3
    assert photos["c"]["s"] == "missed in the second"


def test_pictures_are_made_of_the_largest_changes_alone(
    truth: Path,
    runs: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the package's attribute of that name is the command
    monkeypatch.setattr(sys.modules["pipeline.cli.compare"], "PICTURED", 1)
    eyecut(*runs, "--truth", truth, "--page", tmp_path / "p.html")
    pictured = [photo["n"] for photo in page_data(tmp_path / "p.html") if photo["p"]]
    assert len(pictured) == 1 and pictured[0] in ("a", "c")


def test_files_that_the_user_names_are_written_anew(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    for name in ("f.json", "p.html"):
        (tmp_path / name).write_text("old")
    told = ("--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    assert eyecut(*files, *told).exit_code == 0
    assert json.loads((tmp_path / "f.json").read_text())["changes"]
    assert page_data(tmp_path / "p.html")


@pytest.mark.parametrize("option", ["--json", "--page"])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_compared_is_never_written_over(
    files: tuple[Path, Path], option: str, which: int
) -> None:
    before = files[which].read_text()
    result = eyecut(*files, option, files[which])
    assert result.exit_code == 2
    assert "name another file" in result.stderr
    assert files[which].read_text() == before


# --- rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "status", "words"),
    [
        (["--fail-below", "iou=0.7"], 0, ""),
        (["--fail-below", "iou=0.75"], 1, "mean iou 0.7200 < 0.75"),
        (["--fail-if-worse", "iou"], 0, ""),
        (["--fail-if-worse", "iou=0"], 0, ""),
        (["--fail-if-worse", "roughness"], 1, "roughness from 0.3000 to 0.4000, perhaps by luck"),
        (["--fail-if-worse", "roughness=0.05"], 1, "roughness from"),
        (["--fail-if-worse", "roughness=0.1"], 0, ""),
        (["--fail-if-worse", "roughness=0.2"], 0, ""),
        (["--fail-if-worse", "iou", "--fail-if-worse", "roughness"], 1, "roughness from"),
        (["--fail-below", "iou=0.75", "--fail-if-worse", "roughness"], 1, "mean iou"),
        (["--fail-below", "min:iou=0.1"], 2, "expected METRIC=VALUE"),
        (["--fail-below", "thin=0.1"], 2, "thin=0.1: no photo has this figure"),
        (["--fail-if-worse", "thin"], 2, "no photo has this figure"),
        (["--fail-if-worse", "nonsense"], 2, "expected METRIC or METRIC=TOLERANCE"),
        (["--fail-if-worse", "iou="], 2, "expected METRIC or METRIC=TOLERANCE"),
        (["--fail-if-worse", "iou=x"], 2, "expected METRIC or METRIC=TOLERANCE"),
        (["--fail-if-worse", "iou=-0.1"], 2, "expected METRIC or METRIC=TOLERANCE"),
        (["--fail-if-worse", "iou=nan"], 2, "expected METRIC or METRIC=TOLERANCE"),
    ],
)
def test_rules_decide_the_exit_status(
    files: tuple[Path, Path], rules: list[str], status: int, words: str
) -> None:
    assert "roughness" in LOWER
    result = eyecut(*files, *rules)
    assert result.exit_code == status, result.output
    told = result.stderr if status == 2 else result.stdout
    assert words in " ".join(told.split())
    assert ("below the rule" in result.stdout) == (status == 1)


def test_a_loss_within_the_tolerance_is_no_failure(files: tuple[Path, Path]) -> None:
    swapped = tuple(reversed(files))  # now the IoU falls by 0.02
    for tolerance, status in (("", 1), ("=0.01", 1), ("=0.02", 0), ("=0.03", 0)):
        assert eyecut(*swapped, "--fail-if-worse", f"iou{tolerance}").exit_code == status
    assert eyecut(*swapped, "--fail-if-worse", "roughness").exit_code == 0


def test_a_missed_photo_is_a_loss(truth: Path, runs: tuple[Path, Path]) -> None:
    save(runs[0] / "a.png", part(1.0))
    result = eyecut(*runs, "--truth", truth, "--fail-if-worse", "recall=0.1")
    assert result.exit_code == 1
    assert "below the rule: recall from" in result.stdout


# --- what cannot start -------------------------------------------------------------------------


def test_folders_need_their_truth(runs: tuple[Path, Path], files: tuple[Path, Path]) -> None:
    for told in (runs, (runs[0], files[1]), (files[0], runs[1])):
        result = eyecut(*told)
        assert result.exit_code == 2
        assert "name their --truth" in result.stderr


@pytest.mark.parametrize(
    ("first", "content", "words"),
    [
        ("gone.json", None, "gone.json cannot be read"),
        ("bad.json", "{}", "bad.json is not what `eyecut evaluate --json` writes"),
        ("bad.json", '{"photos": {"z": {"iou": 1}}}', "no photo in common"),
    ],
)
def test_what_cannot_be_compared_has_status_2(
    files: tuple[Path, Path], tmp_path: Path, first: str, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / first).write_text(content)
    result = eyecut(tmp_path / first, files[1], "--json", tmp_path / "f.json")
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "f.json").exists()


def test_photos_without_any_figure_in_common_do_not_break_the_tables(tmp_path: Path) -> None:
    first = figures(tmp_path / "1.json", {"a": {"iou": 0.5}, "b[/x]": {}})
    second = figures(tmp_path / "2.json", {"a": {"dice": 0.5}, "b[/x]": {}, "c[/y]": {}})
    result = eyecut(first, second, "--page", tmp_path / "p.html")
    assert result.exit_code == 0, result.output
    assert "c[/y]: only in B" in result.stdout
    assert {photo["n"] for photo in page_data(tmp_path / "p.html")} == {"a", "b[/x]", "c[/y]"}
