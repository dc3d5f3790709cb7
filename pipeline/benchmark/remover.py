"""Any background remover's ONNX file: a picture in, a map of what stays out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.errors import ConfigError, WeightsError
from pipeline.types import Bytes, Floats

SIDE = 1024
"""Side that a model is given which leaves its size open, in pixels."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as most expect
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class Remover:
    """A network that takes one picture, (1, 3, H, W) or (1, H, W, 3), and gives a map first.

    Floating-point networks get the picture normalised by ImageNet's mean and deviation, those of
    whole numbers as it is. Sizes, where the file says them, are the file's.

    Raises:
        ConfigError: onnxruntime is not installed.
        WeightsError: the file is not such a network.
    """

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigError("--onnx needs onnxruntime: pip install onnxruntime") from error
        told = onnxruntime.SessionOptions()
        told.intra_op_num_threads = threads
        self._path = path
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), told, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises classes of its own, without a common root
            raise WeightsError(f"{path}: not an ONNX model ({error})") from error
        given = self._session.get_inputs()
        if len(given) != 1 or len(given[0].shape) != 4 or given[0].type not in _TYPES:
            shapes = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in given)
            raise WeightsError(f"{path}: not a model that takes one picture, but {shapes}")
        self._name, self._type = given[0].name, _TYPES[given[0].type]
        self._first = self._channels_first(given[0].shape)
        sides = given[0].shape[2:] if self._first else given[0].shape[1:3]
        self.size = self._side(sides[0]), self._side(sides[1])
        """(height, width) at which it looks at pictures."""

    def _channels_first(self, shape: list[Any]) -> bool:
        if shape[1] == 3 or shape[3] == 3:
            return bool(shape[1] == 3)
        raise WeightsError(f"{self._path}: expected a picture of three channels, not {shape}")

    @staticmethod
    def _side(told: Any) -> int:
        return told if isinstance(told, int) and told > 0 else SIDE

    def remove(self, rgb: Bytes) -> Floats:
        """What stays of uint8 (H, W, 3), as float32 (H, W) in [0, 1].

        A map that leaves [0, 1] is stretched to it, as U2-Net's authors do.

        Raises:
            WeightsError: the network fails, or its first answer is no map.
        """
        height, width = self.size
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        if self._type is not np.uint8:
            small = ((small / np.float32(255) - MEAN) / DEVIATION).astype(self._type)
        picture = small.transpose(2, 0, 1) if self._first else small
        try:
            answers = self._session.run(None, {self._name: np.ascontiguousarray(picture[None])})
        except Exception as error:  # as above
            raise WeightsError(f"{self._path}: fails on a picture ({error})") from error
        found = np.asarray(answers[0], np.float32).squeeze()
        if found.ndim != 2:
            raise WeightsError(f"{self._path}: answers with {answers[0].shape}, not with one map")
        low, high = float(found.min()), float(found.max())
        if low < 0 or high > 1:
            found = (found - low) / max(high - low, 1e-6)
        large = cv2.resize(found, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(large, np.float32)
