"""Truth and predictions are found in every layout; reports and rules say what holds."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.table import Table

from pipeline.errors import EvaluationError, ValidationError
from pipeline.evaluation import METRICS, Report, Row, Rule, evaluate, parse_rule
from pipeline.evaluation.readers import find_truth
from pipeline.evaluation.result import columns_table
from pipeline.images import write_image

SIZE = (40, 60)


def mask(left: int = 10, width: int = 30) -> np.ndarray:
    result = np.zeros(SIZE, bool)
    result[10:30, left : left + width] = True
    return result


def save(path: Path, mask: np.ndarray) -> None:
    write_image(path, mask * np.uint8(255))


def labelled(root: Path) -> Path:
    save(root / "one" / "full.png", mask())
    save(root / "two" / "full.png", mask())
    save(root / "two" / "lens.png", mask(20, 5))
    (root / "notes.txt").write_text("x")
    return root


def rendered(root: Path) -> Path:
    """Scene 1: two instances of frame and lens; scene 2: no glasses."""
    for index, left in enumerate((10, 25)):
        frame, lens = mask(left, 5), mask(left + 5, 10)
        picture = np.dstack([frame, lens, frame & False]) * np.uint8(255)
        write_image(root / "masks" / f"000001_{index}.png", picture)
    write_image(root / "images" / "000002.jpg", np.zeros((*SIZE, 3), np.uint8))
    return root


def coco(root: Path) -> Path:
    def rle(m: np.ndarray) -> dict[str, object]:
        code = coco_mask.encode(np.asfortranarray(m.astype(np.uint8)))
        return {"size": code["size"], "counts": code["counts"].decode()}

    def note(index: int, kind: int, m: np.ndarray) -> dict[str, object]:
        return {
            "id": index, "image_id": 1, "category_id": kind, "segmentation": rle(m),
            "area": int(m.sum()), "bbox": [0, 0, 1, 1], "iscrowd": 0,
        }  # fmt: skip

    data = {
        "images": [
            {"id": 1, "file_name": "images/000001.jpg", "height": SIZE[0], "width": SIZE[1]},
            {"id": 2, "file_name": "images/000002.jpg", "height": SIZE[0], "width": SIZE[1]},
        ],
        "categories": [{"id": 1, "name": "eyeglasses"}, {"id": 2, "name": "lens"}],
        "annotations": [note(1, 1, mask(10, 15)), note(2, 1, mask(25, 15)), note(3, 2, mask(0, 3))],
    }
    path = root / "coco.json"
    root.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("build", [rendered, coco])
@pytest.mark.parametrize("place", ["000001.png", "masks/000001.png", "masks/images/000001.png"])
def test_instances_count_together_and_empty_scenes_not(
    tmp_path: Path, build: object, place: str
) -> None:
    assert callable(build)
    truth = build(tmp_path / "truth")
    save(tmp_path / "pred" / place, mask())
    report = evaluate(truth, tmp_path / "pred")
    assert [(row.name, row.found) for row in report.rows] == [("000001", True)]
    assert report.mean["iou"] == report.mean["boundary"] == report.mean["tight"] == 1.0


@pytest.mark.parametrize(
    "place", ["one.png", "one/image.png", "masks/one.png", "masks/one/image.png"]
)
def test_predictions_are_found(tmp_path: Path, place: str) -> None:
    truth = labelled(tmp_path / "truth")
    save(tmp_path / "pred" / place, mask())
    seen: list[tuple[int, int]] = []
    report = evaluate(
        truth, tmp_path / "pred", progress=lambda done, all_: seen.append((done, all_))
    )
    assert [row.found for row in report.rows] == [True, False]
    assert [row.scores["iou"] for row in report.rows] == [1.0, 0.0]
    assert report.mean["iou"] == 0.5
    assert report.worst["iou"] == 0.0
    assert seen == [(1, 2), (2, 2)]


def test_another_size_names_the_file(tmp_path: Path) -> None:
    save(tmp_path / "pred" / "one.png", mask()[:20])
    with pytest.raises(EvaluationError, match=r"one\.png is 60 x 20, its truth 60 x 40"):
        evaluate(labelled(tmp_path / "truth"), tmp_path / "pred")


def test_a_damaged_prediction_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "pred").mkdir()
    (tmp_path / "pred" / "two.png").write_bytes(b"no picture")
    with pytest.raises(EvaluationError, match=r"two\.png"):
        evaluate(labelled(tmp_path / "truth"), tmp_path / "pred")


def test_a_grey_instance_is_a_pair_whose_lenses_are_not_told(tmp_path: Path) -> None:
    save(tmp_path / "masks" / "7_0.png", mask())
    (truth,) = find_truth(tmp_path)
    labels = truth.read()
    assert (labels.glasses == mask()).all()
    assert labels.lens is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"images": 3}'])
def test_a_damaged_coco_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(EvaluationError, match=r"bad\.json"):
        evaluate(path, tmp_path)


def test_missing_folders_are_named(tmp_path: Path) -> None:
    truth = labelled(tmp_path / "truth")
    with pytest.raises(EvaluationError, match="nowhere"):
        evaluate(tmp_path / "nowhere", tmp_path)
    with pytest.raises(EvaluationError, match="nowhere"):
        evaluate(truth, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"full\.png"):
        evaluate(tmp_path / "empty", truth)


def test_only_empty_truth_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "truth" / "one" / "full.png", mask() & False)
    with pytest.raises(EvaluationError, match="no photo with glasses"):
        evaluate(tmp_path / "truth", tmp_path)


def test_the_report_reads_as_table_and_json(tmp_path: Path) -> None:
    save(tmp_path / "pred" / "one.png", mask())
    report = evaluate(labelled(tmp_path / "truth"), tmp_path / "pred")
    data = json.loads(report.to_json())
    assert data["mean"] == report.mean
    assert data["worst"] == report.worst
    assert data["photos"]["two"]["found"] == 0.0
    assert set(data["photos"]["one"]) >= {*METRICS, "found"}
    console = Console(width=120, record=True, quiet=False, file=(tmp_path / "log").open("w"))
    console.print(report.to_table())
    text = console.export_text()
    for words in ("mean of 2", "worst", "two (no prediction)", "0.5000", *METRICS):
        assert words in text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("iou=0.94", Rule("iou", 0.94)),
        ("min:tight=1", Rule("tight", 1.0, worst=True)),
        (" thin = 0.5 ", Rule("thin", 0.5)),
        ("dice=0.5", Rule("dice", 0.5)),
    ],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    ["", "iou", "iou=", "iou=x", "iou=nan", "iou=2", "max:iou=1", "roughness=0.5", "iou=-1", "=1"],
)
def test_wrong_rules_are_refused(text: str) -> None:
    with pytest.raises(EvaluationError, match="--fail-below"):
        parse_rule(text)


def test_rules_name_what_falls_short(tmp_path: Path) -> None:
    save(tmp_path / "pred" / "one.png", mask())
    report = evaluate(labelled(tmp_path / "truth"), tmp_path / "pred")
    rules = [Rule("iou", 0.4), Rule("iou", 0.6), Rule("iou", 0.1, worst=True)]
    assert report.failures(rules) == ["mean iou 0.5000 < 0.6", "worst iou 0.0000 < 0.1"]


def shown(table: Table) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def cells(text: str, start: str) -> list[str]:
    """The cells of the row that starts with `start`."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"│ {start} "))
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_tables_show_a_dash_where_a_figure_is_missing() -> None:
    report = Report((Row("a", {"iou": 0.5}, True), Row("b", {"thin": 0.25}, True)))
    text = shown(report.to_table())
    assert cells(text, "a") == ["a", "0.5000", "-", "-", "-", "-"]
    for name in ("mean of 2", "95 % from", "to", "worst"):
        assert cells(text, name)[1:] == ["0.5000", "-", "0.2500", "-", "-"]
    whole = Report((Row("a", dict.fromkeys(METRICS, 1.0), True),))
    text = shown(columns_table({"one": whole, "two": report}))
    assert cells(text, "one")[1:] == ["1.0000"] * 5
    assert cells(text, "two")[1:] == ["0.5000", "-", "0.2500", "-", "-"]


def test_a_table_ends_after_the_worst_photos() -> None:
    report = Report(tuple(Row(f"p{n}", {"iou": n / 10}, True) for n in range(9, 0, -1)))
    text = shown(report.to_table(3))
    assert [name for name in "123456789" if f"p{name}" in text] == ["1", "2", "3"]
    assert "... and 6 better ones" in text
    assert "better ones" not in shown(report.to_table(9))


def test_a_rule_for_a_figure_that_no_photo_has_is_an_error() -> None:
    report = Report((Row("a", {"iou": 0.5}, True),))
    for rule in (Rule("thin", 0.0), Rule("thin", 0.0, worst=True)):
        with pytest.raises(EvaluationError, match="thin=0: no photo has this figure"):
            report.failures([rule])


def test_the_worst_of_a_figure_minds_its_direction() -> None:
    rows = [Row(str(n), {"iou": n / 4, "roughness": n / 4}, True) for n in range(5)]
    report = Report(tuple(rows))
    assert report.worst == {"iou": 0.0, "roughness": 1.0}
    assert report.mean == {"iou": 0.5, "roughness": 0.5}


def thick(thin: float, thinness: float) -> Row:
    return Row("thick", {"thin": thin}, True, properties={"thinness": thinness})


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (Report((Row("a", {"iou": 1}, True),)), ()),
        (Report((Row("a", {"iou": 0}, False),)), ("no prediction for 1 of 1 photos",)),
        (Report((Row("a", {"iou": 1}, True),), {"b": True, "c": False}), ("for 1 of 2 without",)),
        (
            Report(tuple(Row(str(n), {"iou": n / 4}, True, quality=n / 8) for n in range(4))),
            ("own guess with the IoU: 1.00",),
        ),
        (Report(tuple(Row(str(n), {}, True, quality=n / 8) for n in range(4))), ()),
        (
            Report((*(thick(n / 4, n / 1000) for n in range(4)), Row("x", {"thin": 1}, True))),
            ("than 0.1% of the glasses is thin; the mean of the others is 0.5",),
        ),
        (Report((thick(1, 0.5),)), ()),
        (Report((thick(0, 0),)), ()),
    ],
)
def test_notes_say_what_the_figures_do_not(report: Report, words: tuple[str, ...]) -> None:
    assert len(report.notes) == len(words)
    for note, word in zip(report.notes, words, strict=True):
        assert word in note


def test_a_report_needs_a_photo_with_glasses() -> None:
    with pytest.raises(ValidationError, match="at least one photo"):
        Report((), {"a": True})
