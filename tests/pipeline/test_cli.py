from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pipeline import cli, flow
from pipeline.config import Config
from pipeline.errors import WeightsError
from toys import FakeFlow, draw_toy


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(draw_toy()[0].rgb).save(folder / name)
    return folder


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    fake = FakeFlow(draw_toy()[0])
    monkeypatch.setattr(flow, "build", lambda config: fake)
    return fake


def eyecut(*told: object) -> Result:
    return CliRunner().invoke(cli.app, [str(one) for one in told])


def test_a_run_ends_with_a_summary_and_status_0(photos: Path, tmp_path: Path) -> None:
    result = eyecut("run", photos, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "2 cut out" in result.stdout
    assert "index.html" in result.stdout
    again = eyecut("run", photos, tmp_path / "out")
    assert again.exit_code == 0
    assert "2 done before" in again.stdout


def test_options_reach_the_run(photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("output: {report: false}")
    told = ("--config", config, "--set", "output.format=png", "--set", "run.prefetch=0")
    result = eyecut("run", photos, tmp_path / "out", *told, "--limit", 1)
    assert result.exit_code == 0, result.output
    assert "1 left for the next run" in result.stdout
    assert not (tmp_path / "out/report").exists()
    assert eyecut("run", photos, tmp_path / "out").exit_code == 2
    assert eyecut("run", photos, tmp_path / "out", "--force").exit_code == 0


def test_a_failed_photo_is_named_and_status_is_1(photos: Path, tmp_path: Path) -> None:
    (photos / "bad[1].jpg").write_bytes(b"no picture")
    result = eyecut("run", photos, tmp_path / "out")
    assert result.exit_code == 1
    assert re.search(r"bad\[1\]\.jpg: failed: .*picture", result.stdout)
    assert "2 cut out" in result.stdout
    assert "1 failed" in result.stdout


def test_no_glasses_is_no_failure(photos: Path, tmp_path: Path, fake_networks: FakeFlow) -> None:
    fake_networks.glasses = False
    result = eyecut("run", photos, tmp_path / "out")
    assert result.exit_code == 0
    assert "2 without glasses" in result.stdout


@pytest.mark.parametrize(
    ("source", "output", "told", "words"),
    [
        ("gone", "out", [], "does not exist"),
        ("in", "in/out", [], "inside the input"),
        ("in", "out", ["--config", "nothere"], "nothere"),
        ("in", "out", ["--set", "detector.sze=1"], "did you mean size"),
        ("in", "out", ["--limit", "0"], "greater than or equal to 1"),
    ],
)
def test_what_cannot_start_is_named_with_status_2(
    photos: Path, tmp_path: Path, source: str, output: str, told: list[str], words: str
) -> None:
    result = eyecut("run", tmp_path / source, tmp_path / output, *told)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / output).exists()


def test_missing_weights_have_status_2(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(config: Config) -> None:
        raise WeightsError("weights /gone/w.pt not found")

    monkeypatch.setattr(flow, "build", refuse)
    result = eyecut("run", photos, tmp_path / "out")
    assert result.exit_code == 2
    assert "/gone/w.pt" in result.stderr
    assert not (tmp_path / "out").exists()


def test_version_is_told() -> None:
    result = eyecut("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"eyecut \d+\S*\n", result.stdout)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    mask = draw_toy()[0].mask
    (tmp_path / "truth/a").mkdir(parents=True)
    (tmp_path / "pred").mkdir()
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "truth/a/full.png")
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "pred/a.png")
    return tmp_path / "truth"


def test_evaluate_prints_figures_and_writes_json(truth: Path, tmp_path: Path) -> None:
    result = eyecut("evaluate", truth, tmp_path / "pred", "--json", tmp_path / "f.json")
    assert result.exit_code == 0, result.output
    assert "1.0000" in result.stdout
    assert json.loads((tmp_path / "f.json").read_text())["mean"]["iou"] == 1.0


@pytest.mark.parametrize(
    ("rules", "status"),
    [(["iou=0.9", "min:tight=0.9"], 0), (["iou=0.9", "boundary=1"], 0), (["nonsense=1"], 2)],
)
def test_evaluate_keeps_rules(truth: Path, tmp_path: Path, rules: list[str], status: int) -> None:
    told = [word for rule in rules for word in ("--fail-below", rule)]
    assert eyecut("evaluate", truth, tmp_path / "pred", *told).exit_code == status


def test_evaluate_fails_below_a_rule_and_says_which(truth: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros(draw_toy()[0].mask.shape, np.uint8)).save(tmp_path / "pred/a.png")
    result = eyecut("evaluate", truth, tmp_path / "pred", "--fail-below", "iou=0.5")
    assert result.exit_code == 1
    assert re.search(r"iou 0\.0000 < 0\.5", result.stdout)


def test_evaluate_without_truth_has_status_2(tmp_path: Path) -> None:
    result = eyecut("evaluate", tmp_path / "gone", tmp_path)
    assert result.exit_code == 2
    assert "gone" in result.stderr


def test_a_canvas_has_an_option_of_its_own(photos: Path, tmp_path: Path) -> None:
    result = eyecut("run", photos, tmp_path / "out", "--canvas", "zalando")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out/cutouts/a.jpg") as image:
        assert image.size == (1801, 2600)
    changed = ("--canvas", "zalando", "--set", "canvas.preset.size=[900, 1300]")
    assert eyecut("run", photos, tmp_path / "other", *changed).exit_code == 0
    with Image.open(tmp_path / "other/cutouts/a.jpg") as image:
        assert image.size == (900, 1300)
    wrong = eyecut("run", photos, tmp_path / "out", "--canvas", "amazn")
    assert wrong.exit_code == 2
    assert "amazon" in wrong.stderr


def test_pictures_that_are_not_fit_are_counted_and_named(photos: Path, tmp_path: Path) -> None:
    result = eyecut("run", photos, tmp_path / "out", "--canvas", "amazon")
    assert result.exit_code == 0, result.output
    assert "2 of them to review, 2 not fit for the canvas" in result.stdout
    for name in ("a.png", "b.png"):
        assert re.search(rf"{name}: review: the glasses take up .*not 85 to", result.stdout)
