"""Which eyecut, which libraries and which weights a result came from."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import WeightsError

LIBRARIES = (
    "numpy",
    "opencv-python",
    "pillow",
    "pymatting",
    "segment-anything",
    "torch",
    "torchvision",
    "ultralytics",
)
_TOP = Path(__file__).resolve().parent


def eyecut_version() -> str:
    """Return eyecut's version; "0+checkout" where it runs without being installed."""
    return _version("eyecut") or "0+checkout"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    found = {name: _version(name) for name in LIBRARIES}
    known = {name: value for name, value in found.items() if value is not None}
    return {"eyecut": eyecut_version(), "python": platform.python_version(), **known}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def weights_hashes(config: Config) -> dict[str, str]:
    """Return the SHA-256 of the weights that `config` names, by stage.

    Raises:
        WeightsError: a file that is named does not exist or cannot be read.
    """
    embedded = {
        "detector": _TOP.parent / "detector" / "weights",
        "segmenter": _TOP / "segmenter" / "weights",
        "edges": _TOP / "refine" / "weights",
    }
    told = {"detector": config.detector.weights, "segmenter": config.segmenter.weights}
    if config.refine.edges is not None:
        told["edges"] = config.refine.edges
    return {stage: _hash(stage, weights, embedded[stage]) for stage, weights in told.items()}


def _hash(stage: str, weights: str, embedded: Path) -> str:
    """Return the hash of one file, or for several a hash of their hashes."""
    files = sorted(embedded.glob("*.safetensors")) if weights == "embedded" else [Path(weights)]
    hashes = [_file_hash(path, stage) for path in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _file_hash(path: Path, stage: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{stage}: weights {path} cannot be read: {error.strerror}") from error
