"""Which device a network runs on."""

from __future__ import annotations

import torch

from pipeline.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """`auto` is the first CUDA GPU where there is one, else the processor.

    Raises:
        ConfigError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"segmenter.device {name!r} is no device: {error}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"segmenter.device {name!r}: this machine has no usable CUDA GPU")
    return device
