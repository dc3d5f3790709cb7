"""The mean of several detectors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("albumentations", reason="albumentations comes with the 'train' extra")

from detector.averaging import mean_of  # noqa: E402
from detector.card import CARD_NAME, write_card  # noqa: E402
from detector.checkpoint import (  # noqa: E402
    Checkpoint,
    build,
    is_detector,
    read_checkpoint,
    write_safetensors,
)
from detector.config import TrainingConfig  # noqa: E402
from detector.errors import TrainingError  # noqa: E402
from scripts_under_test import script as load_script  # noqa: E402

FILE = "eyeglasses-yolo11n.safetensors"


def drawn(seed: int) -> Checkpoint:
    """Random weights of the nano network."""
    torch.manual_seed(seed)
    blank = read_checkpoint("yolo11n.yaml")
    return replace(blank, imgsz=32, state=build(blank).state_dict())


def exported(folder: Path, seed: int) -> Path:
    digest = write_safetensors(drawn(seed), folder / FILE)
    data = {"name": f"d{seed}", "fingerprint": str(seed), "train": 1, "val": 1}
    card = {
        "file": FILE,
        "sha256": digest,
        "architecture": "yolo11n.yaml",
        "parameters": 1,
        "classes": ["eyeglasses", "lens"],
        "imgsz": 32,
        "init": "yolo11n.yaml",
        "seed": seed,
        "config": TrainingConfig(imgsz=32).model_dump(),
        "epochs": 1,
        "minutes": 1.0,
        "device": "cpu",
        "commit": None,
        "packages": {},
        "data": [data | {"seeds": None, "credits": [f"thanks {seed}"]}],
        "figures": {},
    }
    write_card(card, folder)
    return folder / FILE


def test_every_weight_is_the_mean() -> None:
    one, two = drawn(1), drawn(2)
    mean = mean_of([one, two])
    for name, value in mean.state.items():
        if value.is_floating_point():
            assert torch.allclose(value, (one.state[name] + two.state[name]) / 2, atol=1e-6), name
    build(mean)


def test_networks_of_other_layers_have_no_mean() -> None:
    other = replace(drawn(2), names={0: "eyeglasses"})
    with pytest.raises(TrainingError, match="different layers"):
        mean_of([drawn(1), other])


@pytest.mark.slow
def test_the_mean_is_measured_and_its_card_names_all(tmp_path: Path, toy_dataset: Path) -> None:
    files = [exported(tmp_path / str(seed), seed) for seed in (1, 2)]
    average = load_script("average_weights").main
    out, before = tmp_path / "mean", exported(tmp_path / "0", 0)
    told = ["--val", str(toy_dataset), "--before", str(before)]
    assert average([str(out), *map(str, files), *told]) == 0
    card = json.loads((out / CARD_NAME).read_text())
    hashes = [json.loads(file.with_name(CARD_NAME).read_text())["sha256"][:12] for file in files]
    assert card["averaged"] == hashes
    assert [data["name"] for data in card["data"]] == ["d0", "d1", "d2"]
    assert card["figures"]["pictures"] == 24
    text = (out / "model_card.md").read_text()
    assert all(word in text for word in (*hashes, "thanks 0", "thanks 2"))
    read_checkpoint(out / FILE)  # the card's hash is the file's


def test_what_cannot_be_averaged_is_refused(
    tmp_path: Path, toy_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (exported(tmp_path / str(seed), seed) for seed in (1, 2))
    average, val = load_script("average_weights").main, ["--val", str(toy_dataset)]
    assert average([str(tmp_path / "mean"), str(one), *val]) == 2
    assert average([str(two.parent), str(one), str(two), *val]) == 2
    assert "overwritten" in capsys.readouterr().err
    one.with_name(CARD_NAME).unlink()
    assert average([str(tmp_path / "mean"), str(one), str(two), *val]) == 2
    assert CARD_NAME in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_a_detector_is_told_from_other_files(tmp_path: Path) -> None:
    assert is_detector(exported(tmp_path / "1", 1))
    other = tmp_path / "x.safetensors"
    other.write_bytes(b"no")
    assert not is_detector(other)
    assert not is_detector(tmp_path / "missing.safetensors")
