"""Weights of a YOLO detector: reading without running code from the file, writing, building.

Our own format is a safetensors file: the float16 state dict, and in its metadata the layers (the
architecture YAML as JSON), class names and training size. `.pt` files of ultralytics are read with
torch's restricted unpickler. Either way the network is built anew from its YAML and takes over
nothing but tensors.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from detector import quiet  # noqa: F401  (before ultralytics)
from detector.card import CARD_NAME, read_card
from detector.errors import WeightsError
from detector.types import CLASS_NAMES, EYEGLASSES, LENS

_tasks = import_module("ultralytics.nn.tasks")  # untyped, so as Any

EMBEDDED = "embedded"
EMBEDDED_PATH = Path(__file__).parent / "weights" / "eyeglasses-yolo11n.safetensors"
FORMAT = "eyecut-detector-1"
_META = "eyecut"  # one key: safetensors writes several in any order, and so with any hash
_ALIASES = {
    **dict.fromkeys(("eyeglasses", "eyeglass", "glasses", "spectacles", "sunglasses"), EYEGLASSES),
    **dict.fromkeys(("lens", "lenses"), LENS),
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A detector's weights and what is needed to build its network.

    Attributes:
        architecture: name of the architecture YAML, such as "yolo11n.yaml".
        layers: content of that YAML, with "nc" and "scale" as built.
        names: class names of the network's own class ids.
        imgsz: side of the training pictures in pixels; 0 where unknown.
        state: state dict; empty for weights that are yet to be trained.
    """

    architecture: str
    layers: dict[str, Any]
    names: dict[int, str]
    imgsz: int = 0
    state: dict[str, torch.Tensor] = field(default_factory=dict)


def class_map(names: dict[int, str], source: str) -> dict[int, int]:
    """Our label for each of the network's classes that we know.

    Raises:
        WeightsError: if none of `names` means eyeglasses; `source` is named in the message.
    """
    known = {
        i: _ALIASES[n.strip().lower()] for i, n in names.items() if n.strip().lower() in _ALIASES
    }
    if EYEGLASSES not in known.values():
        listed = ", ".join(list(names.values())[:5])
        raise WeightsError(
            f"{source}: finds {listed} ... but no class 'eyeglasses'; "
            "train it first: scripts/train_detector.py --init FILE"
        )
    return known


def read_checkpoint(weights: Path | str) -> Checkpoint:
    """Read "embedded", our `.safetensors`, an ultralytics `.pt`, or an architecture `.yaml`.

    Raises:
        WeightsError: missing, altered, unsafe or foreign weights, with what to do about it.
    """
    if str(weights) == EMBEDDED:
        return _read_embedded()
    path = Path(weights)
    if path.suffix == ".yaml":
        return _read_architecture(path)
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such weights file; nothing is downloaded, so give the path of a .pt or "
            ".safetensors file, or 'yolo11n.yaml' to train from scratch"
        )
    if path.suffix == ".safetensors":
        return _read_own(path)
    if path.suffix == ".pt":
        return _read_pickle(path)
    raise WeightsError(f"{path}: weights end in .pt or .safetensors")


def _read_embedded() -> Checkpoint:
    card = EMBEDDED_PATH.with_name(CARD_NAME)
    if not EMBEDDED_PATH.is_file() or not card.is_file():
        raise WeightsError(
            f"{EMBEDDED_PATH}: the embedded weights or their {CARD_NAME} are missing; reinstall "
            "eyecut, or train them with scripts/train_detector.py"
        )
    remedy = "reinstall eyecut"
    _compare(EMBEDDED_PATH, read_card(card, remedy).get("sha256"), remedy)
    return _read_safetensors(EMBEDDED_PATH)


def _compare(path: Path, expected: object, remedy: str) -> None:
    """Raise WeightsError where a file's SHA-256 is not the one expected."""
    if expected != sha256(path):
        raise WeightsError(
            f"{path}: its SHA-256 is not the one in {CARD_NAME}, so the file was altered or cut "
            f"short; {remedy}"
        )


def _read_own(path: Path) -> Checkpoint:
    """A user's export; a card beside it that names it must be its own."""
    card = path.with_name(CARD_NAME)
    remedy = "export the weights again, or remove the card if it is old"
    told = read_card(card, remedy) if card.is_file() else {}
    if told.get("file") == path.name:
        _compare(path, told.get("sha256"), remedy)
    return _read_safetensors(path)


def is_detector(path: Path) -> bool:
    """Whether a file is a detector in our own format."""
    try:
        with safe_open(path, framework="pt") as file:
            return bool(_told(file).get("format") == FORMAT)
    except (SafetensorError, OSError, ValueError):
        return False


def _told(file: Any) -> dict[str, Any]:
    """What an open safetensors file says of itself in our format; empty for others."""
    told = json.loads((file.metadata() or {}).get(_META, "{}"))
    return told if isinstance(told, dict) else {}


def _read_safetensors(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            meta = _told(file)
            if meta.get("format") != FORMAT:
                raise WeightsError(
                    f"{path}: not exported by scripts/train_detector.py "
                    f"(format {meta.get('format')!r}, expected {FORMAT!r})"
                )
            return Checkpoint(
                architecture=meta["architecture"],
                layers=meta["layers"],
                names={int(i): name for i, name in meta["names"].items()},
                imgsz=meta["imgsz"],
                state={key: file.get_tensor(key) for key in file.keys()},  # noqa: SIM118
            )
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: damaged safetensors file ({error})") from error


def _read_architecture(path: Path) -> Checkpoint:
    try:
        layers = _tasks.yaml_model_load(path)
    except Exception as error:  # FileNotFoundError, YAML errors: ultralytics raises many kinds
        raise WeightsError(
            f"{path}: neither a file nor an architecture of ultralytics such as yolo11n.yaml "
            f"({error})"
        ) from error
    return Checkpoint(path.name, {**layers, "yaml_file": path.name}, dict(CLASS_NAMES))


def _read_pickle(path: Path) -> Checkpoint:
    if not _tasks._SafeLoad.SUPPORTED:
        raise WeightsError(f"{path}: reading .pt files safely needs torch 2.6 or newer")
    try:
        content, _ = _tasks.torch_safe_load(path, safe_only=True)
        model = content.get("ema") or content["model"]
        layers, names = dict(model.yaml), dict(model.names)
        state = {key: value.cpu() for key, value in model.state_dict().items()}
        imgsz = int((content.get("train_args") or {}).get("imgsz", 0))
    except Exception as error:  # TypeError for refused classes; a damaged file raises anything
        raise WeightsError(
            f"{path}: not a YOLO detector's checkpoint, or one that would run code when opened, "
            "and so refused; export it again with ultralytics, or use our .safetensors"
        ) from error
    name = Path(str(layers.get("yaml_file", "custom.yaml"))).name
    return Checkpoint(name, {**layers, "yaml_file": name}, names, imgsz, state)


def build(checkpoint: Checkpoint, source: str = "weights") -> torch.nn.Module:
    """The network of a checkpoint: float32, on the CPU, in evaluation mode, with its `names`.

    Raises:
        WeightsError: if the tensors do not fit the layers; `source` is named in the message.
    """
    try:
        model: torch.nn.Module = _tasks.DetectionModel(
            dict(checkpoint.layers), nc=len(checkpoint.names), verbose=False
        )
        model.names = dict(checkpoint.names)  # type: ignore[assignment]
        if checkpoint.state:
            model.load_state_dict({k: v.float() for k, v in checkpoint.state.items()})
    except Exception as error:  # KeyError, RuntimeError, TypeError: a wrong YAML fails anywhere
        raise WeightsError(
            f"{source}: its tensors do not fit its layers ({checkpoint.architecture}), or its "
            "layers are unknown to this version of ultralytics"
        ) from error
    return model.eval()


def write_safetensors(checkpoint: Checkpoint, path: Path) -> str:
    """Write a checkpoint in our format, whole or not at all; returns the file's SHA-256.

    Floating-point tensors are stored as float16, clipped to its range.
    """
    limit = torch.finfo(torch.float16).max
    state = {
        key: value.float().clamp(-limit, limit).half().contiguous()
        if value.is_floating_point()
        else value.contiguous()
        for key, value in checkpoint.state.items()
    }
    meta = {
        "format": FORMAT,
        "architecture": checkpoint.architecture,
        "layers": checkpoint.layers,
        "names": checkpoint.names,
        "imgsz": checkpoint.imgsz,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(save(state, metadata={_META: json.dumps(meta)}))
    os.replace(partial, path)
    return sha256(path)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
