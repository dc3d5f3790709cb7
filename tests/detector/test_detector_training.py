"""Training runs on the toy world, small enough to take seconds."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")

from detector import checkpoint, training  # noqa: E402
from detector.card import CARD_NAME  # noqa: E402
from detector.config import TrainingConfig, load_training_config  # noqa: E402
from detector.errors import DatasetError, TrainingError, WeightsError  # noqa: E402
from detector.predict import YoloDetector  # noqa: E402
from detector.trainer import Budget  # noqa: E402

SMALL = ["imgsz=32", "workers=0", "batch=8", "cache=none", "val_period=2"]
ROOT = Path(__file__).parents[2]


def small(*overrides: str) -> TrainingConfig:
    return load_training_config(None, [*SMALL, *overrides])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, toy_dataset: Path) -> Path:
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    lines: list[str] = []
    data = [toy_dataset, toy_dataset]
    training.train(data, "yolo11n.yaml", small("epochs=1"), folder, report=lines.append)
    assert any(line.startswith("epoch 1 of 1") for line in lines)
    return folder


@pytest.mark.slow
def test_the_export_can_be_used_and_its_card_tells_of_it(run: Path) -> None:
    weights = run / "export" / "eyeglasses-yolo11n.safetensors"
    card = json.loads((run / "export" / CARD_NAME).read_text())
    assert card["sha256"] == checkpoint.sha256(weights)
    assert (card["epochs"], card["seed"], card["imgsz"], card["init"]) == (1, 0, 32, "yolo11n.yaml")
    assert card["data"][0]["name"] == "toy"
    assert card["data"][0]["train"] + card["data"][0]["val"] == 24
    assert [data["times"] for data in card["data"]] == [2]
    assert {"AP50 mean", "recall all"} <= card["figures"].keys()
    assert "ultralytics" in card["packages"]
    text = (run / "export" / "model_card.md").read_text()
    assert card["sha256"] in text and "| toy (2 times) |" in text
    assert str(run.parent) not in text + json.dumps(card)
    YoloDetector(weights, size=None).detect(np.zeros((50, 60, 3), np.uint8))


def test_a_run_knows_the_weights_it_started_from_by_their_hash(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(b"weights")
    digest = checkpoint.sha256(path)[:12]
    assert training._origin(path) == f"last.pt, SHA-256 {digest}"
    assert training._origin("yolo11n.yaml") == "yolo11n.yaml"
    assert checkpoint.sha256(checkpoint.EMBEDDED_PATH)[:12] in training._origin("embedded")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(run: Path, tmp_path: Path, toy_dataset: Path) -> None:
    digests = [json.loads((run / "export" / CARD_NAME).read_text())["sha256"]]
    for seed in (0, 1):
        config = small("epochs=1", f"seed={seed}")
        folder = tmp_path / str(seed)
        data = [toy_dataset, toy_dataset]
        path = training.train(data, "yolo11n.yaml", config, folder, report=lambda _: None)
        digests.append(checkpoint.sha256(path))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.slow
def test_installed_weights_serve_as_the_embedded_ones(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = run / "export" / "eyeglasses-yolo11n.safetensors"
    training.install(weights, tmp_path / "weights")
    monkeypatch.setattr(checkpoint, "EMBEDDED_PATH", tmp_path / "weights" / weights.name)
    assert YoloDetector("embedded", size=None).size == 32


@pytest.mark.slow
def test_a_run_goes_on_where_it_stopped_also_in_another_place(run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(run, tmp_path / "moved")
    with pytest.raises(TrainingError, match=r"all 1 epochs are done; give it --minutes"):
        training.resume(run)
    before = json.loads((run / "progress.json").read_text())
    lines: list[str] = []
    training.resume(run, minutes=0.01, report=lines.append)
    after = json.loads((run / "progress.json").read_text())
    assert after["epochs"] > before["epochs"]
    assert after["seconds"] > before["seconds"]
    assert not any(line.startswith("epoch 1 ") for line in lines)


@pytest.mark.slow
def test_a_run_with_muon_goes_on_where_it_stopped(tmp_path: Path, toy_dataset: Path) -> None:
    config = small("epochs=1", "optimizer=Muon")
    training.train([toy_dataset], "yolo11n.yaml", config, tmp_path / "run", report=lambda _: None)
    training.resume(tmp_path / "run", minutes=0.01, report=lambda _: None)
    assert json.loads((tmp_path / "run" / "progress.json").read_text())["epochs"] > 1


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_norms_keep_their_statistics_and_the_rest_learns(
    frozen: bool, run: Path, tmp_path: Path, toy_dataset: Path
) -> None:
    start = run / "export" / "eyeglasses-yolo11n.safetensors"
    config = small("epochs=1", f"frozen_norms={frozen}")
    training.train([toy_dataset], str(start), config, tmp_path / "run", report=lambda _: None)
    before, after = (
        checkpoint.read_checkpoint(file).state
        for file in (start, tmp_path / "run" / "export" / start.name)
    )
    assert before and after
    statistics = {name for name in before if name.endswith(("running_mean", "running_var"))}
    learned = {name for name in before if name.endswith("conv.weight")}
    assert statistics
    assert all(before[name].equal(after[name]) for name in statistics) == frozen
    assert not all(before[name].equal(after[name]) for name in learned)


@pytest.mark.slow
def test_weights_of_ours_and_of_ultralytics_are_a_start(
    run: Path, tmp_path: Path, toy_dataset: Path
) -> None:
    exported = run / "export" / "eyeglasses-yolo11n.safetensors"
    for init in (exported, run / "weights" / "last.pt"):
        folder = tmp_path / init.suffix[1:]
        # A learning rate of next to nothing: what comes out is what went in.
        config = small("epochs=1", "lr0=1e-12", "weight_decay=0")
        path = training.train([toy_dataset], init, config, folder, report=lambda _: None)
        before, after = (checkpoint.read_checkpoint(p).state for p in (init, path))
        weights = [key for key in before if key.endswith("conv.weight")]
        for key in weights:
            torch.testing.assert_close(
                after[key].float(), before[key].float(), rtol=2e-3, atol=1e-4
            )


@pytest.mark.slow
def test_a_run_without_a_finished_epoch_cannot_go_on(run: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    for act in (training.resume, training.export):
        with pytest.raises(TrainingError, match=r"no run\.json"):
            act(tmp_path)
    (tmp_path / "run.json").write_text((run / "run.json").read_text())
    for act in (training.resume, training.export):
        with pytest.raises(TrainingError, match="no epoch was finished"):
            act(tmp_path)


def test_what_cannot_start_says_so_and_leaves_no_folder(tmp_path: Path, toy_dataset: Path) -> None:
    folder = tmp_path / "run"
    for data, init, minutes, error, message in (
        (tmp_path / "none", "yolo11n.yaml", None, DatasetError, "neither"),
        (toy_dataset, "yolo11n.pt", None, WeightsError, "no such weights"),
        (toy_dataset, "yolo11n.yaml", 0.0, TrainingError, "--minutes 0"),
    ):
        with pytest.raises(error, match=message):
            training.train([data], init, small(), folder, minutes)
    assert not folder.exists()


def test_a_folder_with_a_run_is_not_overwritten(tmp_path: Path, toy_dataset: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(TrainingError, match="holds a run already; continue it with --resume"):
        training.train([toy_dataset], "yolo11n.yaml", small(), tmp_path)


@pytest.mark.parametrize(
    ("budget", "epochs_done", "expected"),
    [
        (Budget(10), 2.5, 0.25),
        (Budget(10), 20, 1.0),
        (Budget(10, seconds=100, started=0.0), 0, 0.5),
        (Budget(10, seconds=40, started=0.0), 0, 1.0),
        (Budget(10, seconds=100, spent=150, started=0.0), 0, 0.8),
    ],
)
def test_progress_follows_the_clock_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, budget: Budget, epochs_done: float, expected: float
) -> None:
    monkeypatch.setattr("detector.trainer.time.monotonic", lambda: 50.0)
    assert budget.progress(epochs_done) == pytest.approx(expected)
    assert budget.over == (budget.seconds == 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--data and --run are needed"),
        (["--data", "nowhere", "--run", "r"], "nowhere: neither a dataset folder"),
        (["--data", "d", "--run", "r", "--set", "speed=9"], "speed: extra inputs"),
        (["--resume", "nowhere"], "nowhere: no run.json"),
        (["--resume", "r", "--set", "imgsz=64"], "a resumed run keeps its settings"),
        (["--export-only", "nowhere"], "nowhere: no run.json"),
    ],
)
def test_the_script_says_in_one_line_why_it_cannot_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train_detector.py", *arguments])
    monkeypatch.setattr("sys.path", sys.path[:])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "scripts" / "train_detector.py"), run_name="__main__")
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert message in said.err
    assert said.err.count("\n") == 1
