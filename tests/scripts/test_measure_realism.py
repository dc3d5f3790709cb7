"""The script compares folders, finds what is around the glasses, and writes where it is told to."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.types import Detections
from pipeline import flow
from scripts_under_test import ROOT, script

MODULE = script("measure_realism")
GLASSES = np.s_[40:80, 40:120]


class Knowing:
    """A detector that knows where `draw` puts the glasses."""

    def detect(self, rgb: np.ndarray) -> Detections:
        return Detections.of(np.array([[40, 40, 120, 80]]), np.array([0.9]), np.array([0]))


def draw(seed: int, blur: float) -> np.ndarray:
    """Grey paper, and on it a patch of dark checks, soft or sharp, for glasses."""
    rng = np.random.default_rng(seed)
    picture = np.full((120, 160, 3), rng.integers(120, 200), np.uint8)
    checks = np.indices((40, 80)).sum(axis=0) // 8 % 2 * rng.integers(60, 110)
    picture[GLASSES] -= checks[..., None].astype(np.uint8)
    noisy = picture + rng.normal(0, 1, picture.shape)
    soft = cv2.GaussianBlur(noisy, (0, 0), blur) if blur else noisy
    return np.clip(soft, 0, 255).astype(np.uint8)


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scenes with masks, tagged in turns, and photos without labels."""
    monkeypatch.setitem(flow.DETECTORS, "yolo", lambda config: Knowing())
    for folder in ("rendered/images", "rendered/masks", "real"):
        (tmp_path / folder).mkdir(parents=True)
    lines = []
    for index in range(12):
        mask = np.zeros((120, 160, 3), np.uint8)
        mask[GLASSES] = 0, 0, 255
        cv2.imwrite(str(tmp_path / f"rendered/images/{index}.png"), draw(index, 2.0))
        cv2.imwrite(str(tmp_path / f"rendered/masks/{index}_0.png"), mask)
        cv2.imwrite(str(tmp_path / f"real/{index}.png"), draw(100 + index, 0.0))
        line = {"file": f"images/{index}.png", "height": 120, "width": 160, "glasses": [{}]}
        lines.append(json.dumps({**line, "tags": {"set": ("white", "table")[index % 2]}}))
    (tmp_path / "rendered/scenes.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_blurred_renders_are_told_by_their_blur(sets: Path) -> None:
    doc, figures = sets / "doc.md", sets / "figures.json"
    doc.write_text(f"a\n{MODULE.begin('all')}\nold\n{MODULE.END}\nb\n")
    told = [str(sets / "rendered"), str(sets / "real"), "--doc", str(doc), "--json", str(figures)]
    assert MODULE.main(told) == 0
    for view in json.loads(figures.read_text()).values():
        assert view["counts"] == [12, 12]
        assert view["gaps"]["blur"]["auc"] > 0.95
        assert view["gaps"]["all together"]["auc"] > 0.9
    page = doc.read_text()
    assert "| blur | " in page
    assert "old" not in page
    assert page.startswith("a\n") and page.endswith("b\n")


def test_scenes_of_one_tag(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = [str(sets / "rendered"), str(sets / "real")]
    assert MODULE.main([*told, "--tag", "background=white"]) == 0
    assert "Whole 6 rendered and 12 real photos" in capsys.readouterr().out
    assert MODULE.main([*told, "--tag", "background=moon"]) == 2
    assert "tagged background=moon" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["nothing", "rendered"])
def test_no_photos_and_damaged_labels_end_with_status_two(
    sets: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (sets / "nothing").mkdir()
    (sets / "rendered/masks/3_0.png").unlink()
    assert MODULE.main([str(sets / "real"), str(sets / folder)]) == 2
    assert str(sets / folder) in capsys.readouterr().err


@pytest.mark.parametrize("section", ["all", "white"])
def test_the_data_card_has_the_markers(section: str) -> None:
    card = ROOT / "datasets/failures.md"
    text = script("markers").replace_between(card, MODULE.begin(section), MODULE.END, "anew")
    assert "anew" in text
