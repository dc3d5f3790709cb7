"""The compact segmenter's weights: one safetensors file in half precision, and its card.

The file carries the architecture; the card beside it (`model_card.json`) carries the file's
SHA-256, which is checked on load, as that of the edge network's file is.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pipeline.errors import WeightsError
from pipeline.segmenter.compact import CompactSam
from pipeline.segmenter.encoder import CompactConfig

FORMAT = "eyecut-compact-3"
WITHOUT_HINTS = "eyecut-compact-2"  # from before the image encoder heard of prompts; zeros do so
_META = "eyecut"  # one key: safetensors writes several in any order, and so with any hash
CARD = "model_card.json"
EMBEDDED = Path(__file__).parent / "weights" / "compact.safetensors"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_compact(model: CompactSam, path: Path) -> str:
    """Write weights in float16 (running statistics in float32) and return the SHA-256."""
    tensors = {}
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        keep = name.endswith(("running_mean", "running_var"))
        value = value.detach().cpu()
        tensors[name] = (value.float() if keep else value.half()).contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"format": FORMAT, "config": model.config.to_dict()}
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, {_META: json.dumps(told)})
    os.replace(part, path)
    return sha256_of(path)


def load_compact(path: str | Path = "embedded", device: str | torch.device = "cpu") -> CompactSam:
    """Build the network that the file describes, in float32 and evaluation mode.

    Raises:
        WeightsError: the file is missing, damaged, of another model, or not what its card says.
    """
    file = EMBEDDED if str(path) == "embedded" else Path(path)
    check_file(file, "segmenter.weights", required=file == EMBEDDED)
    try:
        with safe_open(file, framework="pt") as reader:
            told = json.loads((reader.metadata() or {}).get(_META, "{}"))
            tensors = {name: reader.get_tensor(name).float() for name in reader.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{file} is not a readable safetensors file: {error}") from error
    if told.get("format") not in (FORMAT, WITHOUT_HINTS):
        raise WeightsError(
            f"{file} holds no compact segmenter ({FORMAT}); "
            "train one with scripts/train_segmenter.py"
        )
    model = CompactSam(CompactConfig.from_dict(told["config"]))
    try:
        missing, unexpected = model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{file} does not fit the network it describes: {error}") from error
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if told["format"] == WITHOUT_HINTS:
        missing = [name for name in missing if not name.startswith("image_encoder.hints.")]
    if missing or unexpected:
        raise WeightsError(f"{file}: weights missing {missing[:3]}, unknown {unexpected[:3]}")
    model.to(device).eval()
    return model


def read_card(weights: Path) -> dict[str, Any] | None:
    """The card beside a weights file, if there is one and it speaks of that file."""
    path = weights.with_name(CARD)
    if not path.is_file():
        return None
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{path} is not JSON: {error}") from error
    return card if card.get("file") == weights.name else None


def check_file(file: Path, key: str, *, required: bool) -> None:
    """Check that the weights that `key` of the configuration names are those of their card.

    Raises:
        WeightsError: the file is missing or differs, or a card that is `required` is missing.
    """
    if not file.is_file():
        hint = "reinstall eyecut" if required else f"check {key}, or set it to embedded"
        raise WeightsError(f"weights {file} not found; {hint}")
    card = read_card(file)
    if card is None:
        if required:
            raise WeightsError(f"{file.with_name(CARD)} is missing; reinstall eyecut")
        return
    if card.get("sha256") != sha256_of(file):
        raise WeightsError(f"{file} is not the file of its {CARD} (SHA-256 differs): damaged?")


def write_card(weights: Path, card: dict[str, Any]) -> None:
    """Write the card as JSON and as Markdown beside the weights."""
    _replace(weights.with_name(CARD), json.dumps(card, indent=1) + "\n")
    lines = [f"# {card.get('name', weights.stem)}", "", str(card.get("summary", "")), ""]
    for key, value in card.items():
        if key in {"name", "summary"}:
            continue
        text = json.dumps(value) if isinstance(value, dict | list) else str(value)
        lines.append(f"- **{key}**: {text}")
    _replace(weights.with_name("model_card.md"), "\n".join(lines) + "\n")


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
