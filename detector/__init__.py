"""Where are the glasses: YOLO training, export and prediction.

`import detector` loads neither torch nor ultralytics; `detector.predict` does.
"""

from __future__ import annotations

from detector.errors import DatasetError, DetectorError, ImageError, TrainingError, WeightsError
from detector.types import CLASS_NAMES, EYEGLASSES, LENS, Detections, Detector

__all__ = [
    "CLASS_NAMES",
    "EYEGLASSES",
    "LENS",
    "DatasetError",
    "Detections",
    "Detector",
    "DetectorError",
    "ImageError",
    "TrainingError",
    "WeightsError",
]
