from __future__ import annotations

from pathlib import Path

import pytest

from detector.config import TrainingConfig, load_training_config
from detector.errors import TrainingError

SHIPPED = Path(__file__).parents[2] / "configs" / "train_detector.yaml"


def test_the_shipped_file_says_what_the_defaults_say() -> None:
    assert load_training_config(SHIPPED) == TrainingConfig()


def test_overrides_reach_nested_keys_and_keep_the_rest() -> None:
    config = load_training_config(SHIPPED, ["imgsz=320", "augmentation.mosaic=0"])
    assert (config.imgsz, config.augmentation.mosaic) == (320, 0)
    assert config.augmentation.lighting == TrainingConfig().augmentation.lighting


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("imgzs=320", r"imgzs: extra inputs are not permitted"),
        ("augmentation.rain=1", r"augmentation\.rain: extra"),
        ("imgsz=300", "imgsz: .*multiple of 32"),
        ("augmentation.flip=2", r"augmentation\.flip: .*less than or equal to 1"),
        ("batch=many", "batch: .*integer"),
        ("imgsz.deep=1", "imgsz"),
        ("imgsz", "expected key=value"),
    ],
)
def test_bad_overrides_are_named(override: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        load_training_config(SHIPPED, [override])


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nowhere.yaml"):
        load_training_config(tmp_path / "nowhere.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(TrainingError, match="list.yaml: expected keys"):
        load_training_config(tmp_path / "list.yaml")
