"""The script fits the scores of the configured detector and tells how far off they were."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.types import Detections
from pipeline import flow
from scripts_under_test import script

MODULE = script("calibrate_detector")


class Modest:
    """Always right at 0.4, always wrong at 0.1, and now and then the other way round."""

    def __init__(self) -> None:
        self.count = 0

    def detect(self, rgb: np.ndarray) -> Detections:
        self.count += 1
        right, wrong = [20, 10, 80, 40], [0, 45, 90, 50]
        boxes = [right, wrong] if self.count % 9 else [wrong, right]
        return Detections.of(np.array(boxes), np.array([0.4, 0.1]), np.array([0, 0]))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("images", "labels"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for index in range(40):
        cv2.imwrite(str(tmp_path / f"set/images/{index}.png"), np.full((50, 100, 3), 90, np.uint8))
        (tmp_path / f"set/labels/{index}.txt").write_text("0 0.5 0.5 0.6 0.6\n")
    return tmp_path / "set"


def test_modest_scores_are_raised(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(flow.DETECTORS, "yolo", lambda config: Modest())
    doc = tmp_path / "doc.md"
    doc.write_text(f"a\n{MODULE.BEGIN}\n{MODULE.END}\nb\n")
    assert MODULE.main([str(data), "--doc", str(doc)]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("detector.calibration: [")
    rows = [row.split("|") for row in doc.read_text().splitlines() if row.startswith("| all ")]
    _, _, number, right, before, after, _ = rows[0]
    assert int(number) == 80
    assert float(right) == 0.5
    assert float(before) > 0.2
    assert float(after) < 0.1


def test_data_that_is_none_ends_with_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert MODULE.main([str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err
