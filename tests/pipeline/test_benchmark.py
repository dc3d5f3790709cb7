"""The benchmark measures what it says, each case in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.benchmark.case import STAGES, Case, Outcome, Spread, apart, enlarged
from pipeline.benchmark.rivals import ONNX_SIDE, Rival, onnx
from pipeline.errors import ConfigError, WeightsError
from pipeline.images import write_image
from scripts_under_test import script
from toys import draw_toy

CASE = Case(Path("somewhere/photo.jpg"), runs=3)


def outcome(seconds: float = 1.0, peak: float = 900.0, pairs: int = 1) -> Outcome:
    spread = {stage: Spread(seconds / 6, 0.1, 0.2) for stage in STAGES}
    total = {"total": Spread(seconds, 0.9, 1.1)}
    return Outcome(CASE, 4000, 3000, pairs, {**spread, **total}, 0.9, peak)


def number_of_process(_: Case) -> tuple[int, str]:
    return os.getpid(), os.environ["OMP_NUM_THREADS"]


def fails(_: Case) -> None:
    raise WeightsError("no such weights")


def dies(_: Case) -> None:
    os._exit(3)


def test_spread_is_of_the_middle_and_the_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


@pytest.mark.parametrize("megapixels", [0.05, 0.5, 2])
def test_the_photo_is_brought_to_the_size_asked_for(megapixels: float) -> None:
    height, width = enlarged(draw_toy()[0].rgb, megapixels).shape[:2]
    assert height * width == pytest.approx(megapixels * 1e6, rel=0.01)
    assert width / height == pytest.approx(200 / 120, rel=0.01)


def test_no_size_leaves_the_photo() -> None:
    rgb = draw_toy()[0].rgb
    assert enlarged(rgb, 0) is rgb


@pytest.mark.slow
def test_a_case_has_a_process_and_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    first, second = (apart(number_of_process, replace(CASE, threads=n)) for n in (1, 2))
    assert len({os.getpid(), first[0], second[0]}) == 3
    assert (first[1], second[1]) == ("1", "2")
    assert os.environ["OMP_NUM_THREADS"] == "7"


@pytest.mark.slow
def test_errors_come_back_from_the_other_process() -> None:
    with pytest.raises(WeightsError, match="no such weights"):
        apart(fails, CASE)
    with pytest.raises(ConfigError, match="failed"):
        apart(dies, CASE)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (outcome(), []),
        (outcome(seconds=5.0), ["5.00 s"]),
        (outcome(peak=2500.0), ["2500 MB"]),
        (outcome(pairs=0), ["no glasses"]),
    ],
)
def test_what_is_over_a_limit_is_said(tmp_path: Path, made: Outcome, words: list[str]) -> None:
    options = options_of(tmp_path, "--max-seconds", "4", "--max-mb", "2000")
    found = script("benchmark").complaints([made], options)
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


def test_every_combination_is_a_case(tmp_path: Path) -> None:
    options = options_of(
        tmp_path, "--megapixels", "1", "4", "--threads", "1", "2", "--photos", "3",
        "--variant", "segmenter.mirror=true",
    )  # fmt: skip
    found = list(script("benchmark").cases(options))
    assert len(set(found)) == 8
    assert {case.overrides for case in found} == {(), ("segmenter.mirror=true",)}


def test_figures_go_to_json_and_tables_without_the_photos_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("benchmark")
    rival = Rival("GrabCut", CASE, Spread(4.0, 3.0, 5.0), 1000.0)
    monkeypatch.setattr(module, "measure", lambda _: ([outcome()], [rival]))
    argv = ["--json", str(tmp_path / "a" / "b.json"), "--markdown", str(tmp_path / "b.md")]
    assert module.main([*argv, "--photo", str(tmp_path / "x.jpg")]) == 0
    told: dict[str, Any] = json.loads((tmp_path / "a" / "b.json").read_text())
    assert told["cases"][0]["seconds"]["total"]["median"] == 1.0
    assert told["rivals"][0]["name"] == "GrabCut"
    text = (tmp_path / "b.md").read_text()
    assert "somewhere" not in text + json.dumps(told)
    assert "| 4000 x 3000 | 2 | 3 | default |" in text and "4.00 (3.00-5.00)" in text


class FakeOnnx:
    """onnxruntime with one model, which wants pictures of 32 x 48."""

    def __init__(self, shapes: list[list[object]]) -> None:
        self.shapes = shapes
        self.seen: list[tuple[int, ...]] = []
        self.SessionOptions = SimpleNamespace

    def InferenceSession(self, path: str, options: Any, providers: list[str]) -> Any:  # noqa: N802
        assert options.intra_op_num_threads == CASE.threads
        inputs = [SimpleNamespace(name="x", shape=shape) for shape in self.shapes]
        return SimpleNamespace(get_inputs=lambda: inputs, run=self.run)

    def run(self, wanted: None, told: dict[str, np.ndarray]) -> None:
        assert told["x"].dtype == np.float32 and 0 <= told["x"].min() <= told["x"].max() <= 1
        self.seen.append(told["x"].shape)


@pytest.mark.parametrize(
    ("shape", "seen"),
    [([1, 3, 32, 48], (1, 3, 32, 48)), (["n", 3, "h", "w"], (1, 3, ONNX_SIDE, ONNX_SIDE))],
)
def test_a_named_onnx_model_is_run_at_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: list[object], seen: tuple[int, ...]
) -> None:
    fake = FakeOnnx([shape])
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)  # type: ignore[arg-type]
    monkeypatch.setattr("pipeline.benchmark.rivals.bind", lambda threads: None)
    write_image(tmp_path / "photo.png", draw_toy()[0].rgb)
    rival = onnx(Path("other.onnx"), replace(CASE, photo=tmp_path / "photo.png"))
    assert rival.name == "other.onnx" and fake.seen == [seen] * (CASE.runs + 1)


def test_what_takes_two_pictures_is_no_background_remover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeOnnx([[1, 3, 8, 8], [1, 3, 8, 8]])
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)  # type: ignore[arg-type]
    monkeypatch.setattr("pipeline.benchmark.rivals.bind", lambda threads: None)
    with pytest.raises(WeightsError, match=r"two\.onnx"):
        onnx(Path("two.onnx"), CASE)


def test_without_onnxruntime_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="pip install onnxruntime"):
        onnx(Path("other.onnx"), CASE)


def options_of(folder: Path, *argv: str) -> Any:
    write_image(folder / "photo.png", np.zeros((4, 4, 3), np.uint8))
    return script("benchmark").parse(["--photo", str(folder / "photo.png"), *argv])
