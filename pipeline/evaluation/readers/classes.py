"""Which classes of a data set are glasses, and which are parts of them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pipeline.errors import EvaluationError

Kind = Literal["glasses", "frame", "lens"]
Key = TypeVar("Key", bound=Hashable)

_KNOWN: dict[Kind, tuple[str, ...]] = {
    "glasses": (
        "glasses", "eyeglasses", "eyeglass", "sunglasses", "spectacles", "eyewear", "goggles",
    ),
    "frame": ("frame", "frames", "eyeglassframe", "glassesframe"),
    "lens": ("lens", "lenses", "demolens", "eyeglasslens", "glasseslens"),
}  # fmt: skip
_KINDS: dict[str, Kind] = {name: kind for kind, names in _KNOWN.items() for name in names}


def kinds_of(names: Mapping[Key, str], source: Path) -> dict[Key, Kind]:
    """Say what each class is; those that are no part of glasses are left out.

    Letter case, spaces and signs do not matter. Where no class is called by a name for glasses,
    the only class that is not ``lens`` is taken for them, whatever it is called.

    Raises:
        EvaluationError: several classes could be the glasses, or none.
    """
    found: dict[Key, Kind] = {}
    for key, name in names.items():
        kind = _KINDS.get(re.sub(r"[^a-z]", "", name.lower()))
        if kind is not None:
            found[key] = kind
    if not {"glasses", "frame"} & set(found.values()):
        others = [key for key in names if key not in found]
        if len(others) != 1:
            had = ", ".join(names.values()) or "none"
            raise EvaluationError(
                f"{source}: which class is the glasses? It has {had}; "
                f"call it one of {', '.join((*_KNOWN['glasses'], 'frame'))}"
            )
        found[others[0]] = "glasses"
    return found
