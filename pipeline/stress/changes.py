"""The controlled changes: what is done to a photo, in which unit, how strongly.

A change of a strength is a fixed function: the same photo gives the same pixels, however often
and in whatever order it is asked. Chance, where a change needs it (noise, where a shadow falls),
is drawn from the photo's key, so that along a curve only the strength differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.evaluation.truth import TruthMasks
from pipeline.types import Photo


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A photo and its truth, which move together."""

    photo: Photo
    truth: TruthMasks


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which photos differ.

    Attributes:
        name: as ``--changes`` knows it.
        unit: of the strength, for axes and tables.
        neutral: the strength at which the photo counts as unchanged; one of `strengths`.
        strengths: those of a sweep, ascending.
        moves: whether the truth moves along.
        log: whether the strengths are ratios, to be drawn on a logarithmic axis.
    """

    name: str
    unit: str
    neutral: float
    strengths: tuple[float, ...]
    moves: bool = False
    log: bool = False

    def apply(self, case: Case, strength: float) -> Case:
        """Return the photo changed by `strength`, its truth moved along; `case` when neutral.

        Raises:
            ConfigError: albumentations is not installed.
        """
        if strength == self.neutral:
            return case
        require_albumentations()
        from pipeline.stress.transforms import changed

        return changed(case, self.name, strength, moves=self.moves)


_ALL = (
    Change("exposure", "stops", 0, (-3, -2, -1, 0, 1, 2, 3)),
    Change("white_balance", "K", 6500, (2500, 3000, 3500, 4500, 5500, 6500, 8000, 10000)),
    Change("contrast", "times", 1, (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3), log=True),
    Change("shadow", "share of the value taken", 0, (0, 0.2, 0.4, 0.6, 0.8, 0.95)),
    Change("noise", "ISO", 100, (100, 400, 1600, 6400, 25600, 102400), log=True),
    Change("blur", "1/1000 of the longer side", 0, (0, 0.5, 1, 2, 4, 8)),
    Change("jpeg", "quality", 100, (10, 20, 30, 50, 75, 95, 100)),
    Change("scale", "times", 1, (0.1, 0.15, 0.25, 0.5, 1, 1.5, 2), moves=True, log=True),
    Change("distance", "times as far", 1, (1, 1.5, 2, 3, 5, 10), moves=True, log=True),
    Change("rotation", "degrees", 0, tuple(range(-180, 181, 30)), moves=True),
    Change("perspective", "degrees", 0, (-45, -30, -15, 0, 15, 30, 45), moves=True),
    Change("crop", "share of the glasses cut off", 0, (0, 0.1, 0.2, 0.3, 0.5), moves=True),
)
CHANGES: dict[str, Change] = {change.name: change for change in _ALL}


def choose(names: Iterable[str]) -> list[Change]:
    """Return the changes of these names, all of them where none is named.

    Raises:
        ConfigError: no such change.
    """
    wanted = list(dict.fromkeys(names)) or list(CHANGES)
    unknown = [name for name in wanted if name not in CHANGES]
    if unknown:
        raise ConfigError(f"no change named {unknown[0]!r}; known: {', '.join(CHANGES)}")
    return [CHANGES[name] for name in wanted]


def require_albumentations() -> None:
    """Say what to install where albumentations is missing.

    Raises:
        ConfigError: it cannot be imported.
    """
    import os

    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks its server for news
    try:
        import albumentations  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"sweeps need albumentations ({error}); in eyecut's own folder: pip install '.[train]'"
        ) from error
