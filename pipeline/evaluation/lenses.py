"""How well lenses are cleared, against exact cut-outs that show white through them. Arrays only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import ValidationError
from pipeline.evaluation.ciede import ciede2000
from pipeline.evaluation.statistics import Interval, mean_interval
from pipeline.types import Bools, Bytes, Floats

ALL = "all"
TO_CLEAR = ("clear", "tinted", "gradient")
"""Lenses that show what is behind them; the others are to be left alone."""


@dataclass(frozen=True, slots=True)
class LensFigure:
    """What became of the lenses of one scene.

    Attributes:
        kind: of the lenses, as drawn.
        errors: mean CIEDE2000 over the lenses, by the mode that they were finished with.
        cleared: modes that changed them.
    """

    kind: str
    errors: Mapping[str, float]
    cleared: frozenset[str]


@dataclass(frozen=True, slots=True)
class LensSummary:
    """Figures of all scenes that have one kind of lens.

    Attributes:
        kind: of the lenses, or `ALL` of `TO_CLEAR`.
        share: of all scenes.
        errors: mean over scenes, by mode.
        worst: largest error, by mode.
        cleared: number of scenes that were changed, by mode.
        chosen: mean errors of those that were changed by the last mode, by mode.
    """

    kind: str
    count: int
    share: float
    errors: Mapping[str, Interval]
    worst: Mapping[str, float]
    cleared: Mapping[str, int]
    chosen: Mapping[str, float]


def lens_error(truth: Bytes, lens: Bools, foreground: Bytes, alpha: Floats) -> float:
    """Return the mean CIEDE2000 over the lenses, both pictures laid on white.

    Args:
        truth: uint8 (H, W, 4), the exact cut-out, straight alpha.
        lens: bool (H, W), where lenses are seen, at least one pixel.
        foreground: uint8 (H, W, 3), and alpha: float32 (H, W) in [0, 1], the matte to judge.

    Raises:
        ValidationError: sizes differ, or there is no lens.
    """
    if not truth.shape[:2] == lens.shape == foreground.shape[:2] == alpha.shape:
        raise ValidationError(
            f"truth {truth.shape}, lens {lens.shape}, foreground {foreground.shape} and alpha "
            f"{alpha.shape} are not of one size"
        )
    if not lens.any():
        raise ValidationError("there is no lens to judge")
    exact = truth[lens]
    share = np.asarray(exact[:, 3] / np.float32(255), np.float32)
    pairs = ((exact[:, :3], share), (foreground[lens], alpha[lens]))
    first, second = (_on_white(colour, part) for colour, part in pairs)
    return float(ciede2000(first, second).mean())


def _on_white(colour: Bytes, alpha: Floats) -> Bytes:
    ink = (255 - colour.astype(np.float32)) * alpha[:, None]
    return np.asarray(np.rint(255 - ink), np.uint8)


def summarise_lenses(figures: Sequence[LensFigure]) -> list[LensSummary]:
    """One summary for `TO_CLEAR` together and one for each kind, most frequent first."""
    kinds: dict[str, list[LensFigure]] = {}
    for figure in figures:
        kinds.setdefault(figure.kind, []).append(figure)
    together = [figure for figure in figures if figure.kind in TO_CLEAR]
    groups = [(ALL, together)] if together else []
    groups += sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_summary(kind, group, len(figures)) for kind, group in groups]


def _summary(kind: str, group: Sequence[LensFigure], total: int) -> LensSummary:
    modes = list(group[0].errors)
    by_mode = {mode: [figure.errors[mode] for figure in group] for mode in modes}
    chosen = [figure for figure in group if modes[-1] in figure.cleared]
    return LensSummary(
        kind,
        len(group),
        len(group) / total,
        {mode: mean_interval(values) for mode, values in by_mode.items()},
        {mode: max(values) for mode, values in by_mode.items()},
        {mode: sum(mode in figure.cleared for figure in group) for mode in modes},
        {mode: float(np.mean([f.errors[mode] for f in chosen])) for mode in modes if chosen},
    )


def lens_table(summaries: Sequence[LensSummary]) -> str:
    """The summaries as a table in Markdown."""
    lines = [
        "| lenses | scenes | share | keep | clear | auto | cleared by clear, auto "
        "| keep, auto where auto clears | worst of clear |",
        "| --- " + "| ---: " * 8 + "|",
    ]
    for one in summaries:
        keep, clear, auto = (one.errors[mode] for mode in ("keep", "clear", "auto"))
        chosen = f"{one.chosen['keep']:.2f}, {one.chosen['auto']:.2f}" if one.chosen else ""
        name, changed = _NAMES.get(one.kind, one.kind), one.cleared
        lines.append(
            f"| {name} | {one.count} | {one.share:.2f} | {keep.mean:.2f} "
            f"| {clear.mean:.2f} ({clear.low:.2f} to {clear.high:.2f}) | {auto.mean:.2f} "
            f"| {changed['clear']}, {changed['auto']} | {chosen} | {one.worst['clear']:.1f} |"
        )
    return "\n".join(lines)


_NAMES = {ALL: "clear, tinted and gradient"}
