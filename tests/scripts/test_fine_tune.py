"""Fine-tuning runs its steps in order, goes on where it stopped, and tells the gain."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import load_config
from scripts_under_test import script

MODULE = script("fine_tune")
FIGURES = {"iou": 0.5, "boundary": 0.4, "thin": 0.3, "gaps": 0.9, "tight": 0.8}


def figures(iou: float) -> str:
    mean = FIGURES | {"iou": iou}
    boxes = {"recall": 1.0, "AP50-95": 0.75}
    return json.dumps({"photos": {"a": {}, "b": {}}, "mean": mean, "worst": mean, "boxes": boxes})


class Commands:
    """Stands in for `subprocess.run`: notes what is asked and leaves what it would leave."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.asked: list[list[str]] = []
        self.fail_at = ""

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.asked.append(command[1:])
        text = " ".join(command)
        if self.fail_at and self.fail_at in text:
            return subprocess.CompletedProcess(command, 2)
        if "prepare_labels" in text:
            self.put(self.work / "labels/test/dataset.yaml", "")
        elif "--json" in command:
            path = Path(command[command.index("--json") + 1])
            self.put(path, figures(0.5 if path.stem == "before" else 0.9))
        elif "train_detector" in text:
            self.put(MODULE.weights_of(self.work)["detector"], "")
        return subprocess.CompletedProcess(command, 0)

    @staticmethod
    def put(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def names(self) -> list[str]:
        return [Path(c[0]).stem if c[0] != "-c" else c[2] for c in self.asked]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    fake = Commands(tmp_path / "work")
    monkeypatch.setattr(MODULE.subprocess, "run", fake)
    return fake


def test_it_measures_before_and_after(
    commands: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doc = tmp_path / "doc.md"
    doc.write_text(f"x\n{MODULE.BEGIN}\nold\n{MODULE.END}\ny\n")
    told = ["truth", str(tmp_path / "work"), "--group", "^(.*)_", "--doc", str(doc)]
    assert MODULE.main(told) == 0
    assert commands.names == [
        "prepare_labels", "evaluate", "train_detector", "train_segmenter", "evaluate",
    ]  # fmt: skip
    assert "| before | 2 | 0.500 (0.500) |" in capsys.readouterr().out
    text = doc.read_text()
    assert "| after | 2 | 0.900 (0.900) |" in text
    assert "old" not in text
    prepare, before, detector, segmenter, after = commands.asked
    assert prepare[-2:] == ["--group", "^(.*)_"]
    assert before[before.index("--config") + 1] == "default"
    config = after[after.index("--config") + 1]
    for command in (detector, segmenter):
        assert command[command.index("--init") + 1] == "embedded"
    told_weights = yaml.safe_load(Path(config).read_text())
    assert told_weights["segmenter"]["weights"].endswith("segmenter/compact.safetensors")
    assert load_config(config).detector.weights == told_weights["detector"]["weights"]


def test_it_goes_on_where_it_stopped(commands: Commands, tmp_path: Path) -> None:
    commands.fail_at = "train_segmenter"
    assert MODULE.main(["truth", str(tmp_path / "work")]) == 2
    assert commands.names[-1] == "train_segmenter"
    commands.put(tmp_path / "work/segmenter/checkpoint.pt", "")
    commands.asked, commands.fail_at = [], ""
    assert MODULE.main(["truth", str(tmp_path / "work")]) == 0
    assert commands.names == ["train_segmenter", "evaluate"]
    assert "--resume" in commands.asked[0]


def test_scenes_beside_the_photos_do_not_drown_them(commands: Commands, tmp_path: Path) -> None:
    told = ["truth", str(tmp_path / "work"), "--with", "scenes", "--repeat", "3"]
    assert MODULE.main(told) == 0
    for command in commands.asked[2:4]:
        data = command[command.index("--data") + 1 :][:4]
        # Steps run in the project's folder, so what was named from here is whole.
        assert data == [str(tmp_path / "work/labels/train")] * 3 + [str(Path("scenes").resolve())]
