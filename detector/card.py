"""The model card: what weights are, what they were trained on and how well they do."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from detector.errors import WeightsError

CARD_NAME = "model_card.json"
_PACKAGES = ("ultralytics", "torch", "torchvision", "albumentations", "opencv-python", "numpy")


def git_commit(folder: Path) -> str | None:
    """Commit checked out around `folder`, "+changes" appended if files differ; None outside git."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+changes" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def package_versions() -> dict[str, str]:
    """Versions of the packages that training depends on, as installed here."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read_card(card: Path, remedy: str) -> dict[str, Any]:
    """A model_card.json; empty where it holds something else than names and values.

    Raises:
        WeightsError: it cannot be read; `remedy` says what to do about it.
    """
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{card}: not a model card ({error}); {remedy}") from error
    return content if isinstance(content, dict) else {}


def write_card(card: dict[str, Any], folder: Path) -> None:
    """Write `card` as model_card.json, and for people as model_card.md, into `folder`."""
    text = json.dumps(card, indent=2, sort_keys=True) + "\n"
    (folder / CARD_NAME).write_text(text, encoding="utf-8")
    (folder / CARD_NAME).with_suffix(".md").write_text(_markdown(card), encoding="utf-8")


def _markdown(card: dict[str, Any]) -> str:
    """A short page: one table of facts, one of data, one of figures."""
    facts = {
        "file": card["file"],
        "SHA-256": card["sha256"],
        "architecture": f"{card['architecture']}, {card['parameters']:,} weights, float16",
        "classes": ", ".join(card["classes"]),
        "training size": f"{card['imgsz']} px",
        "start": card["init"],
        "seed": card["seed"],
        "trained": f"{card['epochs']} epochs, {card['minutes']:.0f} minutes on {card['device']}",
        "commit": card["commit"] or "unknown",
        "packages": ", ".join(f"{k} {v}" for k, v in card["packages"].items()),
        "licence": "AGPL-3.0-or-later (ultralytics)",
    }
    if "averaged" in card:
        facts["mean of"] = ", ".join(card["averaged"])
    lines = [f"# {Path(card['file']).stem}", "", "Finds eyeglasses and their lenses in photos.", ""]
    lines += ["| | |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in facts.items())]
    lines += ["", "## Data", "", "| dataset | training | validation | seeds | fingerprint |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for data in card["data"]:
        seeds = "-" if data["seeds"] is None else " to ".join(map(str, data["seeds"]))
        lines.append(
            f"| {data['name']}{_times(data)} | {data['train']} | {data['val']} | {seeds} "
            f"| `{data['fingerprint'][:16]}` |"
        )
    credits = [credit for data in card["data"] for credit in data["credits"]]
    if credits:
        lines += ["", "## Credits", "", *(f"- {credit}" for credit in dict.fromkeys(credits))]
    lines += ["", "## Figures", "", "On the validation pictures, which training has not seen.", ""]
    lines += ["| | |", "| --- | --- |"]
    lines += [f"| {name} | {_figure(value)} |" for name, value in card["figures"].items()]
    return "\n".join(lines) + "\n"


def _times(data: dict[str, Any]) -> str:
    times = data.get("times", 1)  # older cards do not say
    return "" if times == 1 else f" ({times} times)"


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)
