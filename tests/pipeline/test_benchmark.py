"""The benchmark measures what it says, each case in a process of its own."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.benchmark.batches import Batched
from pipeline.benchmark.case import STAGES, Case, Outcome, Spread, apart, enlarged
from pipeline.benchmark.models import Timed, random_checkpoint
from pipeline.benchmark.rivals import Rival
from pipeline.errors import ConfigError, WeightsError
from pipeline.images import write_image
from pipeline.types import Prompt
from scripts_under_test import script
from toys import FakeSegmenter, draw_toy

CASE = Case(Path("somewhere/photo.jpg"), runs=3)


def outcome(seconds: float = 1.0, peak: float = 900.0, pairs: int = 1) -> Outcome:
    spread = {stage: Spread(seconds / 6, 0.1, 0.2) for stage in STAGES}
    total = {"total": Spread(seconds, 0.9, 1.1)}
    return Outcome(CASE, 4000, 3000, "compact", pairs, 2.5, {**spread, **total}, 0.9, peak)


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
    found = list(script("benchmark").cases(options, tmp_path))
    assert len(set(found)) == 8
    assert {case.overrides for case in found} == {(), ("segmenter.mirror=true",)}


def test_other_models_are_measured_once_with_the_weights_named_or_random_ones(
    tmp_path: Path,
) -> None:
    models = ("--models", "compact", "vit_b", "mobile_sam=weights/m.pt")
    options = options_of(tmp_path, "--megapixels", "1", "4", "--photos", "3", "5", *models)
    first, *_, vit_b, mobile_sam = script("benchmark").cases(options, tmp_path / "made")
    assert len(list(script("benchmark").cases(options, tmp_path))) == 4 + 1 + 1
    assert (first.model, first.weights, first.random) == ("compact", "embedded", False)
    made = str(tmp_path / "made" / "vit_b.pt")
    assert (vit_b.model, vit_b.weights, vit_b.random) == ("vit_b", made, True)
    assert (vit_b.megapixels, vit_b.runs) == (1, 3)
    assert (mobile_sam.weights, mobile_sam.random) == ("weights/m.pt", False)
    assert vit_b.told[:3] == [
        "run.threads=2", "segmenter.kind=vit_b", f"segmenter.weights={made}"
    ]  # fmt: skip


def test_every_batch_is_measured_on_every_number_of_threads(tmp_path: Path) -> None:
    options = options_of(tmp_path, "--threads", "1", "2", "--batch", "1", "4", "--photos", "3", "9")
    found = list(script("benchmark").batches(options))
    assert [(c.threads, c.batch, c.runs) for c in found] == [
        (1, 1, 3), (1, 4, 3), (2, 1, 3), (2, 4, 3)
    ]  # fmt: skip


def test_kinds_that_cannot_be_random_are_told(tmp_path: Path) -> None:
    for kind in ("sam3", "compact", "no_such"):
        with pytest.raises(ConfigError, match=f"{kind}.*vit_b"):
            random_checkpoint(kind, tmp_path / "x.pt")


def test_a_model_of_random_weights_takes_its_time_and_hands_on_a_sound_mask() -> None:
    toy = draw_toy()[0]
    slow, sound = FakeSegmenter(masks=[toy.mask & False]), FakeSegmenter()
    timed = Timed(slow, sound)
    prompts = [Prompt(box=np.float32(toy.box))]
    answers = [timed.segment(toy.photo(), prompts) for _ in range(3)]
    assert all(one is answers[0] for one in answers)
    assert (answers[0].masks[0] == toy.mask).mean() > 0.99
    assert (len(slow.prompts), len(sound.prompts)) == (3, 1)


def test_figures_go_to_json_and_tables_without_the_photos_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("benchmark")
    rival = Rival("GrabCut", CASE, Spread(4.0, 3.0, 5.0), 1000.0)
    secret = replace(CASE, model="vit_b", weights="somewhere/random.pt", random=True)
    other = replace(outcome(), case=secret, model="vit_b")
    batched = Batched(replace(CASE, batch=4), Spread(0.05, 0.04, 0.06), Spread(1, 1, 1), 800.0)
    monkeypatch.setattr(module, "measure", lambda _: ([outcome(), other], [batched], [rival]))
    argv = ["--json", str(tmp_path / "a" / "b.json"), "--markdown", str(tmp_path / "b.md")]
    assert module.main([*argv, "--photo", str(tmp_path / "x.jpg")]) == 0
    told: dict[str, Any] = json.loads((tmp_path / "a" / "b.json").read_text())
    assert told["cases"][0]["seconds"]["total"]["median"] == 1.0
    assert told["rivals"][0]["name"] == "GrabCut"
    text = (tmp_path / "b.md").read_text()
    assert told["processor"] and f"Measured on: {told['processor']}." in text
    assert "somewhere" not in text + json.dumps(told)
    assert "| compact | 4000 x 3000 | 2 | 3 | default |" in text and "4.00 (3.00-5.00)" in text
    assert "| vit_b (random weights) | 4000 x 3000 |" in text
    assert "| 4 | 2 | 0.050 (0.040-0.060) | 1.000 (1.000-1.000) | 800 MB |" in text


@pytest.mark.slow
def test_the_command_measures_the_flow_and_the_networks_in_batches(tmp_path: Path) -> None:
    argv = ["--megapixels", "0", "--photos", "1", "--batch", "2", "--set", "output.report=false"]
    files = ["--json", str(tmp_path / "b.json"), "--markdown", str(tmp_path / "b.md")]
    assert script("benchmark").main([*argv, *files]) == 0
    told = json.loads((tmp_path / "b.json").read_text())
    (case,), (batch,) = told["cases"], told["batches"]
    assert case["pairs"] == 1 and case["model"] == "compact" and case["load"] > 0
    assert case["seconds"]["segment"]["median"] > 0 and case["case"]["weights"] == "embedded"
    assert batch["case"]["batch"] == 2
    assert 0 < batch["detect"]["low"] <= batch["segment"]["high"] < 60
    text = (tmp_path / "b.md").read_text()
    assert "| compact | " in text and "| 2 | 2 | " in text


def options_of(folder: Path, *argv: str) -> Any:
    write_image(folder / "photo.png", np.zeros((4, 4, 3), np.uint8))
    return script("benchmark").parse(["--photo", str(folder / "photo.png"), *argv])
