"""What every detector promises, checked on each adapter; a new adapter joins ADAPTERS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.errors import ImageError
from detector.types import CLASS_NAMES, Detections, Detector, check_photo


class DarkestRegion:
    """The fake: a box around everything that is darker than its surroundings."""

    def detect(self, rgb: np.ndarray) -> Detections:
        check_photo(rgb)
        rows, columns = np.nonzero(rgb.max(axis=2) < 80)
        if not len(rows):
            return Detections.none()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Detections.of(np.array([box], float), np.array([0.9]), np.array([0]))


@pytest.fixture(scope="module")
def yolo_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained weights: the contract holds whatever a network finds."""
    import torch

    from detector.checkpoint import Checkpoint, build, read_checkpoint, write_safetensors

    torch.manual_seed(3)
    start = read_checkpoint("yolo11n.yaml")
    model = build(start)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    state = model.state_dict()
    write_safetensors(Checkpoint(start.architecture, start.layers, start.names, 64, state), path)
    return path


def _fake(_: Callable[[], Path]) -> Detector:
    return DarkestRegion()


def _yolo(weights: Callable[[], Path]) -> Detector:
    from detector.predict import YoloDetector

    return YoloDetector(weights(), size=96, confidence=0.0)


def _several(weights: Callable[[], Path]) -> Detector:
    from detector.looks import several
    from detector.predict import YoloDetector

    network = YoloDetector(weights(), size=96, confidence=0.0)
    return several(network, 96, (0.7, 1.0, 1.4), confidence=0.0)


def _turning(_: Callable[[], Path]) -> Detector:
    from detector.turns import Turning

    return Turning(DarkestRegion(), (90, 30))


ADAPTERS = {"fake": _fake, "yolo": _yolo, "several": _several, "turning": _turning}


@pytest.fixture(scope="module", params=ADAPTERS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return ADAPTERS[request.param](lambda: request.getfixturevalue("yolo_weights"))


SIZES = [(1, 1), (1, 300), (300, 1), (31, 33), (96, 96), (200, 317)]


def photo(size: tuple[int, int]) -> np.ndarray:
    rgb = np.full((*size, 3), 230, np.uint8)
    middle = (size[1] // 2, size[0] // 2)
    cv2.ellipse(rgb, middle, (size[1] // 3, size[0] // 4), 0, 0, 360, (10, 10, 20), 2)
    return rgb


@pytest.mark.parametrize("size", SIZES)
def test_any_size_gives_valid_boxes_within_the_photo(
    detector: Detector, size: tuple[int, int]
) -> None:
    found = detector.detect(photo(size))
    assert isinstance(found, Detections)
    assert (found.boxes >= 0).all()
    assert (found.boxes[:, [0, 2]] <= size[1]).all()
    assert (found.boxes[:, [1, 3]] <= size[0]).all()
    assert set(found.labels.tolist()) <= set(CLASS_NAMES)


def test_best_comes_first(detector: Detector) -> None:
    scores = detector.detect(photo((96, 128))).scores
    assert len(scores)
    assert (np.diff(scores) <= 0).all()


def test_the_photo_is_left_as_it_was_and_the_answer_repeats(detector: Detector) -> None:
    rgb = photo((120, 90))
    before = rgb.copy()
    first, second = detector.detect(rgb), detector.detect(rgb)
    np.testing.assert_array_equal(rgb, before)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_views_and_mirrored_arrays_are_photos_too(detector: Detector) -> None:
    rgb = photo((90, 120))
    mirrored = rgb[:, ::-1]
    expected = detector.detect(np.ascontiguousarray(mirrored))
    np.testing.assert_array_equal(detector.detect(mirrored).boxes, expected.boxes)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
    ids=["grey", "rgba", "float", "empty"],
)
def test_what_is_no_photo_is_refused(detector: Detector, bad: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"photo: expected uint8 \(H, W, 3\)"):
        detector.detect(bad)


def test_the_adapters_satisfy_the_protocol(detector: Detector) -> None:
    assert isinstance(detector, Detector)
