"""Errors of the detector.

    DetectorError
    ├── DetectionsError   a Detections was built from arrays that do not fit
    ├── ImageError        the array handed to a detector is no RGB photo
    ├── WeightsError      weights missing, altered, unsafe or of another model
    ├── DatasetError      a detector dataset cannot be read
    └── TrainingError     a training run cannot start, resume or be exported

Each message names the file or the key and says what to do about it.
"""

from __future__ import annotations


class DetectorError(Exception):
    """Base of every error that `detector` raises on purpose."""


class DetectionsError(DetectorError, ValueError):
    """Arrays with the wrong shape, dtype or range."""


class ImageError(DetectorError, ValueError):
    """Not a uint8 (H, W, 3) RGB array."""


class WeightsError(DetectorError):
    """Weights that are missing, altered, unsafe to load or made for something else."""


class DatasetError(DetectorError):
    """A dataset folder, YAML or label file that cannot be used."""


class TrainingError(DetectorError):
    """A training configuration or run folder that cannot be used."""
