"""What model cards say of where weights come from; shared by the training scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from detector.card import git_commit


def commit() -> str:
    """The checkout's commit, "+changes" appended where files differ, or "unknown"."""
    return git_commit(Path(__file__).resolve().parent) or "unknown"


def credits_of(roots: Sequence[Path]) -> list[str]:
    """Whom the material in datasets' scenes has to be credited to, by each `dataset.yaml`."""
    lines: set[str] = set()
    for root in roots:
        card = root / "dataset.yaml"
        content = yaml.safe_load(card.read_text(encoding="utf-8")) if card.is_file() else {}
        lines.update(str(line) for line in content.get("credits", []))
    return sorted(lines)
