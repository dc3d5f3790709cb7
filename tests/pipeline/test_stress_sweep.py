"""A sweep measures each point once, survives bad photos and interruption, and says what it saw."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")

from pipeline import cli, flow  # noqa: E402
from pipeline.config import Config  # noqa: E402
from pipeline.errors import EvaluationError, OutputError  # noqa: E402
from pipeline.evaluation import readers  # noqa: E402
from pipeline.evaluation.truth import Prediction, Truth, TruthMasks, box_around  # noqa: E402
from pipeline.flow import Flow  # noqa: E402
from pipeline.images import write_image  # noqa: E402
from pipeline.stress.changes import CHANGES, Change  # noqa: E402
from pipeline.stress.points import POINTS, UNCHANGED, Points, open_points  # noqa: E402
from pipeline.stress.sweep import Swept, count_found, read_case, sweep  # noqa: E402
from pipeline.types import Floats, Photo, Prompt  # noqa: E402
from toys import FakeDetector, FakeSegmenter, draw_toy  # noqa: E402

TOY = draw_toy()[0]
FEW = [
    Change("exposure", "stops", 0, (-2, 0, 1)),
    Change("scale", "times", 1, (0.5, 1), moves=True, log=True),
]


def fake_answers(stages: Flow, photo: Photo, boxes: Floats) -> dict[str, Prediction]:
    """As `pipeline.evaluation.columns.answers` is promised to do it, without finish."""
    found = stages.detector.detect(photo.rgb)
    given = {}
    for name, which in (("detector", found.boxes), ("truth", boxes)):
        masks = stages.segmenter.segment(photo, [Prompt(box=box) for box in which]).masks
        mask = masks.any(axis=0) if len(masks) else np.zeros(photo.size, bool)
        scores = found.scores if name == "detector" else None
        given[name] = Prediction(mask, boxes=which, scores=scores)
        given[f"{name} raw"] = Prediction(mask)
    return given


@pytest.fixture(autouse=True)
def fake_columns(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Counts the calls of answers; `fault` makes it fail where it says so."""
    seen = SimpleNamespace(calls=0, fault=lambda photo, calls: None)

    def answers(stages: Flow, photo: Photo, boxes: Floats) -> dict[str, Prediction]:
        seen.calls += 1
        seen.fault(photo, seen.calls)
        return fake_answers(stages, photo, boxes)

    module = ModuleType("pipeline.evaluation.columns")
    module.answers = answers  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pipeline.evaluation.columns", module)
    return seen


@pytest.fixture(autouse=True)
def fake_plots(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    drawn: list[dict[str, Any]] = []

    @dataclass(frozen=True)
    class Series:
        label: str
        x: object
        y: object
        low: object
        high: object

    def curves_svg(
        title: str, xlabel: str, ylabel: str, series: Any, *, floor: Any, logx: bool
    ) -> str:
        drawn.append({"title": title, "xlabel": xlabel, "series": series, "logx": logx})
        return "<svg/>"

    module = ModuleType("pipeline.report.plots")
    module.Series, module.curves_svg = Series, curves_svg  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pipeline.report.plots", module)
    return drawn


def stages(found: bool = True) -> Any:
    return Flow(FakeDetector([(*TOY.box, 0.9, 0)] if found else []), FakeSegmenter(), Config())


def truth_of(folder: Path, name: str) -> Truth:
    path = folder / f"{name}.png"
    if not path.exists():
        write_image(path, TOY.rgb)
    return Truth(name, lambda: TruthMasks(TOY.mask, box_around(TOY.mask)), path)


@pytest.fixture
def truths(tmp_path: Path) -> list[Truth]:
    return [truth_of(tmp_path / "data", name) for name in ("a", "b", "c")]


def run(output: Path, truths: list[Truth], **told: Any) -> Swept:
    told = {"fingerprint": "f", **told}
    with open_points(output) as points:
        return sweep(truths, stages(), FEW, points, **told)


def test_every_photo_is_measured_at_every_strength_and_once_unchanged(
    tmp_path: Path, truths: list[Truth], fake_columns: SimpleNamespace
) -> None:
    swept = run(tmp_path / "out", truths)
    assert fake_columns.calls == len(swept.points) == 3 * (1 + 2 + 1)
    assert swept.photos == 3
    assert not swept.failures
    assert [p.change for p in swept.points[:4]] == [UNCHANGED, "exposure", "exposure", "scale"]
    first = swept.points[0]
    assert (first.pairs, first.found) == (1, 1)
    assert set(first.iou) == {"detector", "truth", "detector raw", "truth raw"}
    assert first.iou["truth"] > 0.95
    scaled = swept.points[3]  # the fake detector's box stays where it was; the glasses do not
    assert scaled.found == 0
    assert scaled.iou["truth"] > 0.8 > scaled.iou["detector"]


def test_a_second_sweep_measures_only_what_is_missing(
    tmp_path: Path, truths: list[Truth], fake_columns: SimpleNamespace
) -> None:
    first = run(tmp_path / "out", truths[:2])
    lines = (tmp_path / "out" / POINTS).read_bytes()
    again = run(tmp_path / "out", truths)
    assert fake_columns.calls == 12
    assert again.points[:8] == first.points
    assert (tmp_path / "out" / POINTS).read_bytes().startswith(lines)


@pytest.mark.parametrize("other", [{"fingerprint": "g"}, {"longest_side": 100}])
def test_another_configuration_or_size_is_measured_anew(
    tmp_path: Path, truths: list[Truth], fake_columns: SimpleNamespace, other: dict[str, Any]
) -> None:
    run(tmp_path / "out", truths[:1])
    run(tmp_path / "out", truths[:1], **other)
    assert fake_columns.calls == 8


def test_another_truth_is_measured_anew(
    tmp_path: Path, truths: list[Truth], fake_columns: SimpleNamespace
) -> None:
    run(tmp_path / "out", truths[:1])
    mask = TOY.mask.copy()
    mask[0, 0] = True
    changed = replace(truths[0], read=lambda: TruthMasks(mask, box_around(TOY.mask)))
    run(tmp_path / "out", [changed])
    assert fake_columns.calls == 8


def test_an_interrupted_sweep_goes_on_where_it_was(
    tmp_path: Path, truths: list[Truth], fake_columns: SimpleNamespace
) -> None:
    def stop(photo: Photo, calls: int) -> None:
        if calls == 6:
            raise KeyboardInterrupt

    fake_columns.fault = stop
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", truths)
    path = tmp_path / "out" / POINTS
    assert len(path.read_text().splitlines()) == 5
    path.write_bytes(path.read_bytes()[:-7])  # as a kill in the middle of a write leaves it
    fake_columns.fault = lambda photo, calls: None
    assert len(run(tmp_path / "out", truths).points) == 12
    assert fake_columns.calls == 6 + 8
    assert len(run(tmp_path / "out", truths).points) == 12
    assert fake_columns.calls == 6 + 8


def test_a_photo_that_cannot_be_processed_is_named_and_the_rest_goes_on(
    tmp_path: Path, truths: list[Truth], fake_columns: SimpleNamespace
) -> None:
    def fail(photo: Photo, calls: int) -> None:
        if photo.key == "b" and calls == 7:
            raise RuntimeError("boom")

    fake_columns.fault = fail
    (tmp_path / "data" / "c.png").write_bytes(b"no picture")
    lost = replace(truths[0], name="lost", photo=None)
    swept = run(tmp_path / "out", [*truths, lost])
    assert {point.photo for point in swept.points} == {"a"}
    assert swept.photos == 1
    assert "RuntimeError: boom" in swept.failures["b"]
    assert "c.png" in swept.failures["c"]
    assert "no photo" in swept.failures["lost"]


def test_nothing_that_can_be_processed_is_an_error_that_says_why(
    tmp_path: Path, truths: list[Truth]
) -> None:
    (tmp_path / "data" / "a.png").write_bytes(b"no picture")
    with pytest.raises(EvaluationError, match=r"could be processed.*a\.png"):
        run(tmp_path / "out", truths[:1])


def test_photos_without_glasses_do_not_count(tmp_path: Path, truths: list[Truth]) -> None:
    nothing = TruthMasks(np.zeros_like(TOY.mask), np.zeros((0, 4), np.float32))
    empty = replace(truths[0], name="empty", read=lambda: nothing)
    seen: list[tuple[str, int, int]] = []
    swept = run(tmp_path / "out", [empty, *truths], limit=2, watch=lambda *told: seen.append(told))
    assert [p.photo for p in swept.points] == ["a"] * 4 + ["b"] * 4
    assert seen[0] == ("a", 1, 8)
    assert seen[-1] == ("b", 8, 8)
    with pytest.raises(EvaluationError, match="no photo with glasses"):
        run(tmp_path / "other", [empty])


def test_glasses_too_small_to_be_left_are_not_asked_for(tmp_path: Path) -> None:
    mask = np.zeros(TOY.mask.shape, bool)
    mask[50, 60] = True
    path = tmp_path / "t.png"
    write_image(path, TOY.rgb)
    tiny = Truth("t", lambda: TruthMasks(mask, box_around(mask)), path)
    swept = run(tmp_path / "out", [tiny])
    assert swept.points[-1].change == "scale"
    assert (swept.points[-1].pairs, swept.points[-1].iou) == (0, {})


def test_large_photos_are_shrunk_and_others_kept(truths: list[Truth]) -> None:
    for side, size in ((0, (120, 200)), (1600, (120, 200)), (200, (120, 200)), (50, (30, 50))):
        case = read_case(truths[0], side)
        assert case is not None
        assert case.photo.size == case.truth.glasses.shape == size


def test_a_truth_of_another_size_names_the_photo(truths: list[Truth]) -> None:
    mask = TOY.mask[:60]
    other = replace(truths[0], read=lambda: TruthMasks(mask, box_around(mask)))
    with pytest.raises(EvaluationError, match=r"a\.png is 200 x 120, its truth 200 x 60"):
        read_case(other, 0)


@pytest.mark.parametrize(
    ("truth", "boxes", "found"),
    [
        ([], [], 0),
        ([(0, 0, 10, 10)], [], 0),
        ([], [(0, 0, 10, 10)], 0),
        ([(0, 0, 10, 10)], [(0, 0, 10, 5)], 1),
        ([(0, 0, 10, 10)], [(0, 0, 10, 4.9)], 0),
        ([(0, 0, 10, 10), (1, 0, 11, 10)], [(0, 0, 10, 10)], 1),
        # The first box fits both pairs, the second the first alone: both are found.
        ([(0, 0, 10, 10), (4, 0, 14, 10)], [(2, 0, 12, 10), (-4, 0, 8, 10)], 2),
    ],
)
def test_pairs_are_found_by_one_box_each(truth: Any, boxes: Any, found: int) -> None:
    def table(rows: Any) -> Floats:
        return np.array(rows, np.float32).reshape(-1, 4)

    assert count_found(table(truth), table(boxes)) == found


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "blur.svg").write_text("mine")
    with pytest.raises(OutputError, match="something else"), open_points(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["blur.svg"]


# The command


@pytest.fixture
def told(tmp_path: Path, truths: list[Truth], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    data = tmp_path / "data"
    from pipeline.stress import run as module

    monkeypatch.setattr(module, "find_truth", lambda root: truths)
    monkeypatch.setattr(flow, "build", lambda config: stages())
    yield data


def eyecut(*told: object) -> Result:
    return CliRunner().invoke(cli.app, ["stress", *map(str, told)])


def test_the_command_writes_curves_tables_and_plots(
    told: Path, tmp_path: Path, fake_plots: list[dict[str, Any]], fake_columns: SimpleNamespace
) -> None:
    output = tmp_path / "out"
    options = ("--changes", "exposure", "--changes", "blur", "--floor", 0.8)
    result = eyecut(told, output, *options)
    assert result.exit_code == 0, result.output
    assert "3 photos" in result.stdout
    assert "exposure" in result.stdout
    names = {path.name for path in output.iterdir()}
    assert names == {POINTS, "stress.json", "stress.md", "exposure.svg", "blur.svg"}
    data = json.loads((output / "stress.json").read_text())
    assert (data["floor"], data["photos"], data["failures"]) == (0.8, 3, {})
    exposure = data["changes"][0]
    assert exposure["columns"]["detector"]["strengths"] == list(CHANGES["exposure"].strengths)
    assert set(exposure["columns"]) == {"detector", "truth", "detector raw", "truth raw", "found"}
    # Light that doubles makes the fake segmenter, which knows dark from bright, miss the lenses.
    assert exposure["columns"]["truth"]["falls_below"]["up"] is not None
    assert [drawn["title"] for drawn in fake_plots] == ["exposure", "blur"]
    assert len(fake_plots[0]["series"]) == 3
    calls = fake_columns.calls
    assert eyecut(told, output, *options).exit_code == 0
    assert fake_columns.calls == calls


def test_a_failed_photo_is_named_and_status_is_1(told: Path, tmp_path: Path) -> None:
    (told / "b.png").write_bytes(b"no picture")
    result = eyecut(told, tmp_path / "out", "--changes", "jpeg")
    assert result.exit_code == 1
    assert "b: failed:" in result.stdout
    assert "2 photos, 1 failed" in result.stdout


def _no_albumentations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)


@pytest.mark.parametrize(
    ("options", "prepare", "words"),
    [
        (("--changes", "zoom"), None, "known: exposure"),
        (("--set", "detector.sise=3"), None, "unknown key"),
        ((), _no_albumentations, ".[train]"),
    ],
)
def test_what_cannot_start_says_why_and_leaves_nothing(
    told: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    prepare: Callable[[pytest.MonkeyPatch], None] | None,
    words: str,
) -> None:
    if prepare:
        prepare(monkeypatch)
    result = eyecut(told, tmp_path / "out", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_what_is_done(
    told: Path, tmp_path: Path, fake_columns: SimpleNamespace
) -> None:
    def stop(photo: Photo, calls: int) -> None:
        if calls == 3:
            raise KeyboardInterrupt

    fake_columns.fault = stop
    result = eyecut(told, tmp_path / "out", "--changes", "blur")
    assert result.exit_code == 130
    assert "run the same command again" in result.stderr
    with open_points(tmp_path / "out") as points:
        assert isinstance(points, Points)
        assert len(points.known) == 2


def test_missing_data_is_status_2(tmp_path: Path) -> None:
    result = eyecut(tmp_path / "nowhere", tmp_path / "out")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr
    assert readers  # the real reader says so
