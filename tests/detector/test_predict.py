from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from detector.checkpoint import EMBEDDED_PATH, Checkpoint, build, read_checkpoint, write_safetensors
from detector.errors import DetectorError
from detector.predict import YoloDetector


def weights_with_names(path: Path, names: dict[int, str]) -> Path:
    start = read_checkpoint("yolo11n.yaml")
    torch.manual_seed(1)
    model = build(Checkpoint("yolo11n.yaml", start.layers, names))
    state = model.state_dict()
    # Untrained scores lie near zero; raise them, each class to a level of its own.
    for key in (k for k in state if ".cv3." in k and k.endswith(".2.bias")):
        state[key] = torch.linspace(-1.0, 1.0, len(names))
    write_safetensors(Checkpoint("yolo11n.yaml", start.layers, names, 64, state), path)
    return path


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> YoloDetector:
    path = tmp_path_factory.mktemp("w") / "w.safetensors"
    return YoloDetector(weights_with_names(path, {0: "eyeglasses", 1: "lens"}), size=64)


def noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_batch_answers_as_single_photos_do(detector: YoloDetector) -> None:
    sizes = [(64, 64), (80, 40), (64, 64), (30, 90), (128, 128)]
    photos = [noise(h, w, i) for i, (h, w) in enumerate(sizes)]
    for rgb, found in zip(photos, detector.detect_batch(photos), strict=True):
        alone = detector.detect(rgb)
        np.testing.assert_array_equal(found.labels, alone.labels)
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=0.05)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-4)


def test_without_a_size_photos_are_looked_at_as_in_training(tmp_path: Path) -> None:
    path = weights_with_names(tmp_path / "w.safetensors", {0: "eyeglasses", 1: "lens"})
    assert YoloDetector(path).size == 64


def test_another_size_shares_the_network(detector: YoloDetector) -> None:
    twin = detector.at(96)
    assert (twin.size, detector.size) == (96, 64)
    assert len(twin.detect(noise(96, 96, 0)))


def test_no_photos_no_answers(detector: YoloDetector) -> None:
    assert detector.detect_batch([]) == []


def test_classes_of_other_names_and_order_become_ours(tmp_path: Path) -> None:
    names = {0: "cup", 1: "Lenses", 2: "Glasses"}
    other = YoloDetector(weights_with_names(tmp_path / "o.safetensors", names), size=64)
    found = other.detect(noise(64, 64, 0))
    assert set(found.labels.tolist()) == {0}  # "Glasses" has the best score everywhere


def test_weights_that_know_no_glasses_are_refused(tmp_path: Path) -> None:
    path = weights_with_names(tmp_path / "coco.safetensors", {0: "person", 1: "bicycle"})
    with pytest.raises(DetectorError, match=r"coco.*person.*no class 'eyeglasses'.*train"):
        YoloDetector(path)


def test_the_threshold_drops_boxes(detector: YoloDetector) -> None:
    loose = detector.detect(noise(64, 64, 0))
    detector_confidence, detector.confidence = detector.confidence, float(loose.scores.max())
    try:
        assert len(detector.detect(noise(64, 64, 0))) < len(loose)
    finally:
        detector.confidence = detector_confidence


@pytest.mark.parametrize(
    ("argument", "value"),
    [("size", 16), ("confidence", 1.5), ("iou", -0.1), ("device", "cuda:99"), ("device", "abacus")],
)
def test_arguments_out_of_range_are_named(
    detector: YoloDetector, tmp_path: Path, argument: str, value: object
) -> None:
    path = weights_with_names(tmp_path / "w.safetensors", {0: "eyeglasses", 1: "lens"})
    with pytest.raises(DetectorError, match=argument):
        YoloDetector(path, **{argument: value})  # type: ignore[arg-type]


@pytest.mark.skipif(not EMBEDDED_PATH.is_file(), reason="the embedded weights are not trained yet")
def test_embedded_weights_pass_their_check() -> None:
    assert len(YoloDetector(size=64, confidence=0.0).detect(noise(64, 64, 0)))
