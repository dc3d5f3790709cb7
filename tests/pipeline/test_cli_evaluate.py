"""`eyecut evaluate`: figures, files, rules and exit statuses."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline import batch, cli, flow
from pipeline.cli.console import MOST_NAMES
from pipeline.config import Config, load_config
from pipeline.errors import WeightsError
from pipeline.evaluation import MEASURES, METRICS
from pipeline.evaluation.columns import COLUMNS, DELIVERED, LABELS
from toys import FakeDetector, FakeSegmenter, draw_toy
from truth_sets import save, toy_set

TOY = draw_toy()[0]
HALF = TOY.mask.copy()
HALF[:, :100] = False


def eyecut(*told: object) -> Result:
    return CliRunner().invoke(cli.app, ["evaluate", *map(str, told)], env={"COLUMNS": "200"})


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Photos `a` and `b` with glasses, `none` without."""
    return toy_set(tmp_path / "truth", {"a": [TOY], "b": [TOY], "none": []})


@pytest.fixture
def pred(tmp_path: Path) -> Path:
    """`a` is right, `b` is half there, `odd` has no truth."""
    for name, mask in {"a": TOY.mask, "b": HALF, "none": TOY.mask & False, "odd": HALF}.items():
        save(tmp_path / "pred" / f"{name}.png", mask)
    return tmp_path / "pred"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations that networks were built for."""
    told: list[Config] = []

    def build(config: Config) -> flow.Flow:
        told.append(config)
        return flow.Flow(FakeDetector([(*TOY.box, 0.9, 0)]), FakeSegmenter(), config)

    monkeypatch.setattr(flow, "build", build)
    return told


def photos_on(page: Path) -> set[str]:
    """The names in a page's data."""
    return set(re.findall(r'"n": ?"([^"]+)"', page.read_text(encoding="utf-8")))


# --- with PRED ---------------------------------------------------------------------------------


def test_masks_are_scored_photo_by_photo(truth: Path, pred: Path) -> None:
    result = eyecut(truth, pred)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    rows = [line for line in lines if re.match(r"│ [ab] +│", line)]
    assert [row[2] for row in rows] == ["b", "a"]  # the worst first
    assert "1.0000" in rows[1] and "1.0000" not in rows[0].split("│")[2]
    assert "nothing predicted for 1 of 1 without glasses" in result.stdout
    assert "odd: a prediction without truth" in result.stdout
    assert "boxes" not in result.stdout


def test_missed_photos_are_counted(truth: Path, pred: Path) -> None:
    (pred / "a.png").unlink()
    result = eyecut(truth, pred)
    assert "a (no prediction)" in result.stdout
    assert "no prediction for 1 of 2 photos with glasses" in result.stdout


def test_the_figures_file_is_as_the_yardsticks_with_more(
    truth: Path, pred: Path, tmp_path: Path
) -> None:
    assert eyecut(truth, pred, "--json", tmp_path / "new/f.json").exit_code == 0
    data = json.loads((tmp_path / "new/f.json").read_text())
    assert set(data["photos"]) == {"a", "b"}
    for name in METRICS:
        values = [data["photos"][photo][name] for photo in "ab"]
        assert data["mean"][name] == pytest.approx(sum(values) / 2)
        assert data["worst"][name] == min(values)
    assert data["photos"]["a"]["found"] == 1.0
    assert data["empty"] == {"none": True}
    assert data["unexpected"] == ["odd"]
    assert "columns" not in data


def test_the_page_holds_every_photo_and_what_has_no_truth(
    truth: Path, pred: Path, tmp_path: Path
) -> None:
    result = eyecut(truth, pred, "--page", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    assert photos_on(tmp_path / "page.html") == {"a", "b"}
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "odd" in text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


def test_files_that_the_user_names_are_written_anew(
    truth: Path, pred: Path, tmp_path: Path
) -> None:
    told = ("--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    for name in ("f.json", "p.html"):
        (tmp_path / name).write_text("old")
    assert eyecut(truth, pred, *told).exit_code == 0
    assert json.loads((tmp_path / "f.json").read_text())["photos"]
    assert photos_on(tmp_path / "p.html") == {"a", "b"}
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("option", ["--json", "--page"])
def test_what_is_read_is_never_written_over(tmp_path: Path, pred: Path, option: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text("{}")
    result = eyecut(path, pred, option, tmp_path / "pred/../truth.json")
    assert result.exit_code == 2
    assert "name another file" in result.stderr
    assert path.read_text() == "{}"


def test_figures_are_told_though_their_file_cannot_be_written(
    truth: Path, pred: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    result = eyecut(truth, pred, "--json", tmp_path / "file/f.json")
    assert result.exit_code == 2
    assert "f.json cannot be written" in result.stderr
    assert "mean of 2" in result.stdout


@pytest.mark.parametrize(
    ("rules", "status", "words"),
    [
        (["iou=0.7", "min:iou=0.4", "min:tight=1"], 0, ()),
        (["iou=0.8"], 1, ("mean iou 0.7", "< 0.8")),
        (["iou=0.7", "min:iou=0.6"], 1, ("worst iou 0.5", "< 0.6")),
        (["iou=0.9", "min:iou=0.9"], 1, ("mean iou", "worst iou")),
        (["iou"], 2, ("--fail-below 'iou'",)),
        (["max:iou=1"], 2, ("--fail-below",)),
        (["iou=1.5"], 2, ("from 0 to 1",)),
    ],
)
def test_rules_decide_the_exit_status(
    truth: Path, pred: Path, rules: list[str], status: int, words: tuple[str, ...]
) -> None:
    result = eyecut(truth, pred, *(word for rule in rules for word in ("--fail-below", rule)))
    assert result.exit_code == status, result.output
    for word in words:
        assert word in (result.stdout if status == 1 else result.stderr)
    assert ("mean of 2" in result.stdout) == (status != 2)  # a wrong rule costs no time


def test_files_are_written_also_where_a_rule_is_broken(
    truth: Path, pred: Path, tmp_path: Path
) -> None:
    told = ("--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    assert eyecut(truth, pred, "--fail-below", "iou=1", *told).exit_code == 1
    assert (tmp_path / "f.json").exists() and (tmp_path / "p.html").exists()


@pytest.mark.parametrize(
    ("truth_name", "pred_name", "words"),
    [("gone", "pred", "gone"), ("truth", "gone", "gone"), ("pred", "truth", "holds no truth")],
)
def test_what_cannot_start_has_status_2(
    truth: Path, pred: Path, tmp_path: Path, truth_name: str, pred_name: str, words: str
) -> None:
    result = eyecut(tmp_path / truth_name, tmp_path / pred_name)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_damaged_mask_is_named_and_nothing_is_written(
    truth: Path, pred: Path, tmp_path: Path
) -> None:
    (pred / "b.png").write_bytes(b"no picture")
    result = eyecut(truth, pred, "--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    assert result.exit_code == 2
    assert "b.png" in result.stderr
    assert not (tmp_path / "f.json").exists() and not (tmp_path / "p.html").exists()


@pytest.mark.parametrize("count", [MOST_NAMES, MOST_NAMES + 1, MOST_NAMES + 5])
def test_a_long_list_of_names_is_cut_short_on_the_terminal_alone(
    truth: Path, pred: Path, tmp_path: Path, count: int
) -> None:
    for number in range(count - 1):  # and `odd`
        (pred / f"more{number:03}.png").write_bytes(b"never read")
    result = eyecut(truth, pred, "--json", tmp_path / "f.json")
    assert len(re.findall(r"^\w+: a prediction without truth", result.stdout, re.M)) == MOST_NAMES
    more = re.search(r"and (\d+) more: a prediction without truth", result.stdout)
    assert (int(more[1]) if more else 0) == count - MOST_NAMES
    assert len(json.loads((tmp_path / "f.json").read_text())["unexpected"]) == count


@pytest.mark.parametrize("name", ["a[/b]", "[red]x", "ä ö", "\t", "<b>", os.fsdecode(b"\xff")])
def test_any_name_of_a_photo_can_be_told(tmp_path: Path, name: str) -> None:
    save(tmp_path / "truth" / name / "full.png", TOY.mask)
    save(tmp_path / "pred" / f"{name}.png", HALF)
    save(tmp_path / "pred" / f"more {name}.png", HALF)
    told = ("--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    result = eyecut(tmp_path / "truth", tmp_path / "pred", *told)
    assert result.exit_code == 0, result.output
    shown = "".join(c if c.isprintable() else "?" for c in name)
    assert f"│ {shown} " in result.stdout
    assert f"more {shown}: a prediction without truth" in result.stdout
    assert set(json.loads((tmp_path / "f.json").read_text())["photos"]) == {name}


# --- without PRED ------------------------------------------------------------------------------


def test_without_masks_the_stages_answer_in_four_columns(
    truth: Path, tmp_path: Path, built: list[Config]
) -> None:
    told = ("--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    result = eyecut(truth, *told)
    assert result.exit_code == 0, result.output
    assert len(built) == 1
    for column in COLUMNS:
        assert LABELS[column] in result.stdout
    assert LABELS[DELIVERED] not in result.stdout
    assert "boxes: AP50 " in result.stdout
    data = json.loads((tmp_path / "f.json").read_text())
    assert tuple(data["columns"]) == COLUMNS
    first = data["columns"]["detector"]
    assert {key: data[key] for key in first} == first
    assert set(first["photos"]) == {"a", "b"}
    for column in data["columns"].values():
        assert set(column["mean"]) >= set(METRICS)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert photos_on(tmp_path / "p.html") == {"a", "b"}
    assert page.count("finished</th>") == page.count("no finish</th>") == 2


def test_a_preset_and_keys_reach_the_networks(
    truth: Path, tmp_path: Path, built: list[Config]
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("detector: {size: 960}")
    result = eyecut(truth, "--config", config, "--set", "detector.select=best")
    assert result.exit_code == 0, result.output
    assert [(one.detector.size, one.detector.select) for one in built] == [(960, "best")]


def test_rules_speak_of_what_a_run_would_deliver(
    truth: Path, built: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector's box, finished: the other columns may be better."""

    def build(config: Config) -> flow.Flow:
        return flow.Flow(FakeDetector(), FakeSegmenter(), config)

    assert eyecut(truth, "--fail-below", "iou=0.9").exit_code == 0
    monkeypatch.setattr(flow, "build", build)
    result = eyecut(truth, "--fail-below", "iou=0.9")
    assert result.exit_code == 1
    assert "mean iou 0.0000 < 0.9" in result.stdout


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (("--config", "nothere"), "nothere"),
        (("--set", "detector.sze=1"), "did you mean size"),
        (("--fail-below", "x=1"), "--fail-below"),
    ],
)
def test_no_network_is_built_for_what_cannot_work(
    truth: Path, built: list[Config], told: tuple[str, str], words: str
) -> None:
    result = eyecut(truth, *told)
    assert result.exit_code == 2
    assert words in result.stderr
    assert built == []


def test_truth_without_photos_needs_masks(tmp_path: Path, built: list[Config]) -> None:
    save(tmp_path / "truth/a/full.png", TOY.mask)
    result = eyecut(tmp_path / "truth")
    assert result.exit_code == 2
    assert "name PRED" in result.stderr


def test_missing_weights_have_status_2(truth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(config: Config) -> None:
        raise WeightsError("weights /gone/w.pt not found")

    monkeypatch.setattr(flow, "build", refuse)
    result = eyecut(truth)
    assert result.exit_code == 2
    assert "/gone/w.pt" in result.stderr


# --- with PRED and columns ---------------------------------------------------------------------


@pytest.fixture
def delivered(truth: Path, tmp_path: Path) -> Path:
    """The OUTPUT of a run over the photos of `truth`, with a setting of its own."""
    config = load_config("default", ["detector.select=best"])
    stages = flow.Flow(FakeDetector([(*TOY.box, 0.9, 0)]), FakeSegmenter(), config)
    batch.run(truth / "photos", tmp_path / "out", config, stages)
    return tmp_path / "out"


def columns_of(result: Result, file: Path) -> dict[str, dict[str, Any]]:
    assert result.exit_code == 0, result.output
    told: dict[str, dict[str, Any]] = json.loads(file.read_text()).get("columns", {})
    return told


def test_a_run_s_output_is_laid_beside_what_its_configuration_gives_now(
    truth: Path, delivered: Path, tmp_path: Path, built: list[Config]
) -> None:
    for mask in (delivered / "masks").rglob("a.png"):
        save(mask, HALF)
    result = eyecut(truth, delivered, "--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    found = columns_of(result, tmp_path / "f.json")
    assert [one.detector.select for one in built] == ["best"]
    assert tuple(found) == (DELIVERED, *COLUMNS)
    as_delivered, now = (found[name]["photos"] for name in (DELIVERED, "detector"))
    assert as_delivered["a"]["iou"] < 0.6 < 0.9 < now["a"]["iou"]
    for name in METRICS:
        assert as_delivered["b"][name] == pytest.approx(now["b"][name], abs=0.01)
    assert json.loads((tmp_path / "f.json").read_text())["photos"] == as_delivered
    page = html.unescape((tmp_path / "p.html").read_text("utf-8"))
    assert all(label in result.stdout and label in page for label in LABELS.values())


def test_rules_speak_of_what_was_delivered(
    truth: Path, delivered: Path, built: list[Config]
) -> None:
    for mask in (delivered / "masks").rglob("*.png"):
        save(mask, TOY.mask & False)
    result = eyecut(truth, delivered, "--fail-below", "iou=0.9")
    assert result.exit_code == 1
    assert "mean iou 0.0000 < 0.9" in result.stdout


@pytest.mark.parametrize(
    ("told", "sizes"),
    [
        ((), []),
        (("--no-columns",), []),
        (("--columns",), [352]),
        (("--config", "default"), [352]),
        (("--set", "detector.size=960"), [960]),
    ],
)
def test_masks_of_another_origin_have_columns_when_asked_for(
    truth: Path,
    pred: Path,
    tmp_path: Path,
    built: list[Config],
    told: tuple[str, ...],
    sizes: list[int],
) -> None:
    result = eyecut(truth, pred, *told, "--json", tmp_path / "f.json")
    found = columns_of(result, tmp_path / "f.json")
    assert [one.detector.size for one in built] == sizes
    assert tuple(found) == ((DELIVERED, *COLUMNS) if sizes else ())
    assert "odd: a prediction without truth" in result.stdout
    if sizes:
        assert found[DELIVERED]["unexpected"] == ["odd"]
        assert found[DELIVERED]["photos"]["b"]["iou"] < found["truth"]["photos"]["b"]["iou"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("config_hash", "0" * 64, "weights that are not here"),
        ("config", {"detector": {"weights": "/gone/w.pt"}}, "/gone/w.pt"),
        ("config", {"detector": {"older": 1}}, "not one of this version's"),
        ("config", None, "not one of this version's"),
    ],
)
def test_what_cannot_be_made_again_stands_alone_and_says_why(
    truth: Path, delivered: Path, built: list[Config], key: str, value: object, words: str
) -> None:
    file = delivered / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    result = eyecut(truth, delivered)
    assert result.exit_code == 0, result.output
    assert built == []
    said = next(line for line in result.stdout.splitlines() if "as delivered alone" in line)
    assert words in said and "--config" in said
    result = eyecut(truth, delivered, "--columns")
    assert result.exit_code == 2
    assert words in result.stderr
    assert eyecut(truth, delivered, "--config", "default").exit_code == 0
    assert len(built) == 1


def test_truth_without_photos_leaves_the_columns_out(
    tmp_path: Path, delivered: Path, built: list[Config]
) -> None:
    save(tmp_path / "masks_alone/a/full.png", TOY.mask)
    result = eyecut(tmp_path / "masks_alone", delivered)
    assert result.exit_code == 0, result.output
    assert "as delivered alone" in result.stdout and "no photo beside the truth of a" in (
        result.stdout
    )
    assert built == []
    assert eyecut(tmp_path / "masks_alone", delivered, "--columns").exit_code == 2


@pytest.mark.parametrize("more", [("--config", "default"), ("--set", "detector.size=960")])
def test_no_columns_have_no_configuration(
    truth: Path, pred: Path, built: list[Config], more: tuple[str, str]
) -> None:
    for told in ((truth, pred, "--no-columns", *more), (truth, "--no-columns")):
        result = eyecut(*told)
        assert result.exit_code == 2
        assert "--no-columns needs PRED" in result.stderr


# --- few photos, few labels --------------------------------------------------------------------


@pytest.mark.parametrize("lens", [False, True])
def test_one_photo_is_enough_with_lens_labels_or_without(
    tmp_path: Path, lens: bool, built: list[Config]
) -> None:
    save(tmp_path / "truth/a/full.png", TOY.mask)
    toy_set(tmp_path / "draw", {"image": [TOY]})
    (tmp_path / "draw/photos/image.png").rename(tmp_path / "truth/a/image.png")
    if lens:
        save(tmp_path / "truth/a/lens.png", TOY.lens)
    told = ("--json", tmp_path / "f.json", "--page", tmp_path / "p.html")
    result = eyecut(tmp_path / "truth", *told)
    assert result.exit_code == 0, result.output
    assert "mean of 1" in result.stdout
    data = json.loads((tmp_path / "f.json").read_text())
    for column in data["columns"].values():
        assert ({"frame", "lens"} <= set(column["mean"])) == lens
        low, high = column["intervals"]["iou"]
        assert low == high == column["mean"]["iou"]
    titles = {m.name: m.title for m in MEASURES}
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert (titles["frame"] in page) == lens
