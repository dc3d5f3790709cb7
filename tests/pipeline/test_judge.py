"""Photos are judged in order, a few at a time, and nothing that goes wrong is passed over."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.errors import EvaluationError, ValidationError
from pipeline.evaluation import Report, evaluate, evaluate_flow, judge
from pipeline.evaluation.judge import MOST_THREADS, Judged
from pipeline.evaluation.truth import Prediction, Truth, TruthMasks, box_around
from pipeline.flow import Flow
from pipeline.images import write_image
from pipeline.types import Record
from toys import FakeDetector, FakeSegmenter, Toy, draw_toy
from truth_sets import GLASSES, LAYOUTS, NAME, SIZE, put, save, toy_set

BLANK = np.zeros(SIZE, bool)


def masks(root: Path, named: dict[str, Any]) -> Path:
    for name, mask in named.items():
        save(root / f"{name}.png", mask)
    return root


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    return lambda count: monkeypatch.setattr(os, "cpu_count", lambda: count)


# --- what counts -------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_found_missed_empty_and_unexpected_photos_count_in_every_layout(
    tmp_path: Path, layout: str
) -> None:
    kind = LAYOUTS[layout]
    truth = kind.build(tmp_path / "truth", [(NAME, True), ("b", True), ("c", False), ("d", False)])
    pred = masks(tmp_path / "pred", {NAME: GLASSES, "c": BLANK, "d": GLASSES, "odd": GLASSES})
    report = evaluate(truth, pred)
    rows = {row.name: row for row in report.rows}
    assert {name: row.found for name, row in rows.items()} == {"b": False, NAME: True}
    assert report.missed == ("b",)
    assert rows[NAME].scores["iou"] == 1 if kind.exact else rows[NAME].scores["iou"] > 0.85
    assert [rows["b"].scores[name] for name in ("iou", "recall", "thin")] == [0, 0, 0]
    assert "precision" not in rows["b"].scores
    assert report.mean["iou"] == pytest.approx(rows[NAME].scores["iou"] / 2)
    assert (report.empty, report.silent) == ({"c": True, "d": False}, 0.5)
    assert report.unexpected == ("odd",)
    assert report.boxes == {}


@pytest.mark.parametrize(
    ("quality", "lowest"),
    [((0.9, 0.25, 0.75), 0.25), ((0.5,), 0.5), ((), None), (None, None)],
)
def test_the_quality_of_a_photo_is_that_of_its_worst_pair(
    quality: tuple[float, ...] | None, lowest: float | None
) -> None:
    told = None if quality is None else np.array(quality, np.float32)
    want = TruthMasks(GLASSES, box_around(GLASSES))
    judged = judge.judge(Truth("a", lambda: want), want, Prediction(GLASSES, quality=told))
    assert judged.row is not None
    assert judged.row.quality == lowest
    assert judged.row.found


def output_of_a_run(root: Path) -> Path:
    """One photo cut out, one that failed and one without glasses."""
    (box,) = box_around(GLASSES).tolist()
    save(root / "masks/a.png", GLASSES)
    records = [
        Record("a.jpg", "done", (tuple(box),), (0.9,), (0.8,), outputs={"mask": "masks/a.png"}),
        Record("b.jpg", "failed", error="unreadable"),
        Record("c.jpg", "no_glasses"),
    ]
    put(root / "manifest.jsonl", "".join(record.to_json() + "\n" for record in records))
    return root


def test_photos_that_a_run_missed_count_for_its_boxes_too(tmp_path: Path) -> None:
    truth = masks(tmp_path / "truth", {f"{name}/full": GLASSES for name in "abcd"})
    report = evaluate(truth, output_of_a_run(tmp_path / "out"))
    assert report.missed == ("b", "d")
    assert [row.quality for row in report.rows] == [pytest.approx(0.8), None, None, None]
    assert report.boxes["recall"] == pytest.approx(1 / 4)
    assert report.boxes["AP50"] == pytest.approx(0.25, abs=0.01)


def test_a_run_delivers_mattes_even_where_they_are_hard(tmp_path: Path) -> None:
    write_image(tmp_path / "truth/a/full.png", GLASSES * np.uint8(230))
    report = evaluate(tmp_path / "truth", output_of_a_run(tmp_path / "out"))
    assert report.mean["alpha_mae"] == pytest.approx(GLASSES.mean() * 25 / 255, rel=1e-3)


def test_photos_are_measured_where_the_data_set_has_them(tmp_path: Path) -> None:
    toy = draw_toy()[0]
    with_photo = toy_set(tmp_path / "with", {"a": [toy]})
    without = masks(tmp_path / "without", {"a/full": toy.mask})
    pred = masks(tmp_path / "pred", {"a": toy.mask})
    seen: list[Judged] = []
    (row,) = evaluate(with_photo, pred, watch=seen.append).rows
    assert row.properties["scale"] == pytest.approx(115 / 200)
    (row,) = evaluate(without, pred, watch=seen.append).rows
    assert row.properties == {}
    assert [one.rgb is None for one in seen] == [False, True]


# --- order and threads -------------------------------------------------------------------------


class Slow:
    """Truths that count how many were read and still live, and take their time unevenly."""

    def __init__(self, count: int, seconds: float = 0.0, broken: int | None = None) -> None:
        self.read, self.most, self.alive, self.broken = 0, 0, 0, broken
        self._lock = threading.Lock()
        self._seconds = seconds
        self.truths = [Truth(f"{n:03}", lambda n=n: self._read(n)) for n in range(count)]

    def _read(self, number: int) -> TruthMasks:
        time.sleep(self._seconds * (number * 7 % 5))
        if number == self.broken:
            raise EvaluationError(f"{number:03}.png is damaged")
        glasses = np.roll(GLASSES, number, axis=1)
        with self._lock:
            self.read += 1
            self.alive += 1
            self.most = max(self.most, self.alive)
        weakref.finalize(glasses, self._gone)
        return TruthMasks(glasses, box_around(glasses))

    def _gone(self) -> None:
        with self._lock:
            self.alive -= 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Slow]:
    def make(*told: Any, **more: Any) -> Slow:
        made = Slow(*told, **more)
        monkeypatch.setattr(judge, "find_truth", lambda root: made.truths)
        return made

    (tmp_path / "pred").mkdir()
    return make


@pytest.mark.parametrize("count", [None, 1, 2, 5, 64])
def test_order_and_figures_do_not_depend_on_the_number_of_threads(
    tmp_path: Path,
    cores: Callable[[int | None], None],
    slow: Callable[..., Slow],
    count: int | None,
) -> None:
    made = slow(20, 0.001)
    masks(tmp_path / "pred", {one.name: GLASSES for one in made.truths[:15]})
    cores(count)
    seen: list[str] = []
    told: list[tuple[int, int]] = []
    report = evaluate(
        tmp_path,
        tmp_path / "pred",
        watch=lambda one: seen.append(one.name),
        progress=lambda *numbers: told.append(numbers),
    )
    names = [one.name for one in made.truths]
    assert [row.name for row in report.rows] == seen == names
    assert told == [(number, 20) for number in range(1, 21)]
    cores(3)
    assert evaluate(tmp_path, tmp_path / "pred") == report


@pytest.mark.parametrize(("count", "ahead"), [(1, 2), (3, 4), (64, MOST_THREADS + 1)])
def test_only_a_few_photos_are_read_ahead_and_none_is_kept(
    tmp_path: Path,
    cores: Callable[[int | None], None],
    slow: Callable[..., Slow],
    count: int,
    ahead: int,
) -> None:
    made = slow(30)
    cores(count)
    most, done = 0, 0

    def watch(judged: Judged) -> None:
        nonlocal most, done
        time.sleep(0.002)  # the threads would run away if they could
        most, done = max(most, made.read - done), done + 1

    evaluate(tmp_path, tmp_path / "pred", watch=watch)
    assert made.read == done == 30
    assert most <= ahead
    assert made.most <= ahead + 1  # and the one that was handed over


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.usefixtures("no_thread_is_left")
@pytest.mark.parametrize("broken", [0, 7, 39])
def test_an_error_in_one_file_stops_with_its_name(
    tmp_path: Path,
    cores: Callable[[int | None], None],
    slow: Callable[..., Slow],
    broken: int,
) -> None:
    cores(4)
    made = slow(40, broken=broken)
    seen: list[str] = []
    with pytest.raises(EvaluationError, match=f"{broken:03}.png is damaged"):
        evaluate(tmp_path, tmp_path / "pred", watch=lambda one: seen.append(one.name))
    assert seen == [one.name for one in made.truths[:broken]]
    assert made.read <= broken + 5


@pytest.mark.usefixtures("no_thread_is_left")
def test_an_error_of_the_watcher_ends_the_threads(
    tmp_path: Path, slow: Callable[..., Slow], cores: Callable[[int | None], None]
) -> None:
    cores(4)
    made = slow(40)

    def refuse(judged: Judged) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        evaluate(tmp_path, tmp_path / "pred", watch=refuse)
    assert caught.tb is not None  # which holds on to the frames, and so to what runs in them
    assert made.read <= 6


@pytest.mark.parametrize("damaged", ["photos/b.png", "masks/b.png", "pred/b.png"])
def test_a_damaged_file_of_any_kind_is_named(tmp_path: Path, damaged: str) -> None:
    toy = draw_toy()[0]
    toy_set(tmp_path, {name: [toy] for name in "abc"})
    masks(tmp_path / "pred", {name: toy.mask for name in "abc"})
    whole = (tmp_path / damaged).read_bytes()
    (tmp_path / damaged).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EvaluationError, match=damaged):
        evaluate(tmp_path, tmp_path / "pred")


# --- what the stages answer --------------------------------------------------------------------


def stages(toy: Toy) -> tuple[Flow, FakeDetector]:
    detector = FakeDetector([(*toy.box, 0.9, 0)])
    return Flow(detector, FakeSegmenter(), load_config("default")), detector


def test_each_photo_is_answered_once_and_watched_in_the_first_column(tmp_path: Path) -> None:
    toy = draw_toy()[0]
    truth = toy_set(tmp_path, {"a": [toy], "b": [], "c": [toy]})
    flow, detector = stages(toy)
    seen: list[Judged] = []
    told: list[tuple[int, int]] = []
    reports = evaluate_flow(
        truth, flow, watch=seen.append, progress=lambda *numbers: told.append(numbers)
    )
    assert detector.calls == 3
    assert [one.name for one in seen] == ["a", "b", "c"]
    assert seen[0].prediction.boxes is not None
    assert told == [(1, 3), (2, 3), (3, 3)]
    for report in reports.values():
        assert [row.name for row in report.rows] == ["a", "c"]
        assert [row.properties["scale"] for row in report.rows] == [pytest.approx(115 / 200)] * 2
        assert report.missed == ()
    assert reports["detector"].empty == {"b": True}


def test_boxes_have_figures_in_the_columns_of_the_detector_alone(tmp_path: Path) -> None:
    toy = draw_toy()[0]
    reports = evaluate_flow(toy_set(tmp_path, {"a": [toy]}), stages(toy)[0])
    assert {name: bool(one.boxes) for name, one in reports.items()} == {
        "detector": True, "truth": False, "detector raw": True, "truth raw": False,
    }  # fmt: skip
    assert reports["detector"].boxes["AP50"] == pytest.approx(1)


def test_without_photos_no_stage_is_asked(tmp_path: Path) -> None:
    toy = draw_toy()[0]
    save(tmp_path / "a/full.png", toy.mask)
    toy_set(tmp_path, {})
    flow, detector = stages(toy)
    with pytest.raises(EvaluationError, match=r"no photo beside the truth of a; name PRED"):
        evaluate_flow(tmp_path, flow)
    assert detector.calls == 0


def test_a_set_without_glasses_has_no_figures(tmp_path: Path) -> None:
    toy = draw_toy()[0]
    with pytest.raises(EvaluationError, match="no photo with glasses"):
        evaluate_flow(toy_set(tmp_path, {"a": [], "b": []}), stages(toy)[0])


def test_the_photo_is_named_on_which_a_stage_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = draw_toy()[0]
    truth = toy_set(tmp_path, {"a": [toy], "b": [toy]})
    flow, detector = stages(toy)
    whole = flow.mark

    def mark(*told: Any) -> Any:
        if detector.calls == 2:
            raise ValidationError("Masks.quality must lie in [0, 1]")
        return whole(*told)

    monkeypatch.setattr(flow, "mark", mark)
    with pytest.raises(EvaluationError, match=r"photos/b\.png: Masks\.quality"):
        evaluate_flow(truth, flow)


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    toy = draw_toy()[0]
    truth = toy_set(tmp_path, {"a": [toy], "b": [toy]})
    path = truth / "photos/b.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(EvaluationError, match=r"photos/b\.png"):
        evaluate_flow(truth, stages(toy)[0])


def test_a_report_is_the_same_whether_it_was_asked_before(tmp_path: Path) -> None:
    truth = masks(tmp_path / "truth", {"a/full": GLASSES, "b/full": GLASSES})
    report = evaluate(truth, masks(tmp_path / "pred", {"a": GLASSES}))
    fresh = replace(report)
    assert report.intervals() == report.intervals()
    report.intervals().clear()
    assert report.mean == fresh.mean != {}
    assert isinstance(fresh, Report) and fresh == report
