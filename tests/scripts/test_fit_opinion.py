"""The script fits how much the segmenter's word counts and tells what it is worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.types import Detections
from pipeline import flow
from pipeline.config import Config
from pipeline.types import Masks, Photo, Prompt
from scripts_under_test import script

MODULE = script("fit_opinion")
PICTURES = 40


class Unsure:
    """Finds the same box in every picture, in bright ones a little surer; never sure."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def detect(self, rgb: np.ndarray) -> Detections:
        score = self.rng.uniform(0.35, 0.45) + 0.04 * (rgb.mean() > 128)
        return Detections.of(np.array([[20, 10, 80, 40]]), np.array([score]), np.array([0]))


class Knows:
    """Expects a good mask in bright pictures alone."""

    def segment(self, photo: Photo, prompts: Sequence[Prompt]) -> Masks:
        quality = 0.95 if photo.rgb.mean() > 128 else 0.4
        masks = np.zeros((len(prompts), *photo.size), np.bool_)
        return Masks(masks, np.full(len(prompts), quality, np.float32))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Bright pictures show glasses, dark ones none."""
    for folder in ("images", "labels"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for index in range(PICTURES):
        bright = index % 4 < 2
        picture = np.full((50, 100, 3), 200 if bright else 50, np.uint8)
        cv2.imwrite(str(tmp_path / f"set/images/{index:02d}.png"), picture)
        row = "0 0.5 0.5 0.6 0.6\n" if bright else ""
        (tmp_path / f"set/labels/{index:02d}.txt").write_text(row)
    return tmp_path / "set"


def test_a_segmenter_that_knows_decides_where_the_detector_is_unsure(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Config] = []

    def build(config: Config) -> flow.Flow:
        asked.append(config)
        return flow.Flow(Unsure(), Knows(), config)

    monkeypatch.setattr(flow, "build", build)
    doc = tmp_path / "doc.md"
    doc.write_text(f"a\n{MODULE.BEGIN}\n{MODULE.END}\nb\n")
    assert MODULE.main([str(data), "--doc", str(doc)]) == 0
    assert asked[0].segmenter.opinion is None
    line = capsys.readouterr().out.splitlines()[0]
    _, quality, _ = json.loads(line.removeprefix("segmenter.opinion: "))
    assert quality > 1
    cells = [row.split("|") for row in doc.read_text().splitlines() if row.startswith("| ")]
    rows = {row[1].strip(): row[2:5] for row in cells}
    assert [float(cell) for cell in rows["the detector"]] == [0, 0, 1]
    assert [float(cell) for cell in rows["both networks"]] == [1, 0, 1]


def test_a_detector_that_knows_nothing_ends_with_status_two(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Wrong(Unsure):
        def detect(self, rgb: np.ndarray) -> Detections:
            score = 0.4 if rgb.mean() > 128 else 0.45
            return Detections.of(np.array([[20, 10, 80, 40]]), np.array([score]), np.array([0]))

    monkeypatch.setattr(flow, "build", lambda config: flow.Flow(Wrong(), Knows(), config))
    assert MODULE.main([str(data)]) == 2
    assert "positive slope of the score" in capsys.readouterr().err


def test_data_that_is_none_ends_with_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert MODULE.main([str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err
