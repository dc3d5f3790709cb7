"""Does a finished picture keep the rules of its canvas?

What can be measured on the picture is, and not taken from the placement that should have made it
so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from pipeline.canvas.extent import HALF, Extent, measure
from pipeline.canvas.place import Placement
from pipeline.canvas.preset import CanvasPreset, Fill
from pipeline.canvas.render import Canvas
from pipeline.types import Floats, Picture

_SLACK = 0.004
"""By how much a measured share may miss its bound: edges are known to a fraction of a pixel."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and how the picture keeps it.

    Attributes:
        name: one word, such as ``"fill"``.
        passed: whether it is kept.
        measured: what the picture has.
        wanted: what the preset asks for.
        reason: a sentence for people where it is not kept, else empty.
    """

    name: str
    passed: bool
    measured: str
    wanted: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rules of one picture.

    Attributes:
        preset: name of the canvas.
        rules: each that applies.
    """

    preset: str
    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        """Whether every rule is kept."""
        return all(rule.passed for rule in self.rules)

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each rule that is not kept."""
        return tuple(rule.reason for rule in self.rules if not rule.passed)

    def to_dict(self) -> dict[str, Any]:
        """Return what `json.dumps` takes."""
        return {"preset": self.preset, "passed": self.passed, "reasons": list(self.reasons)} | {
            "rules": [asdict(rule) for rule in self.rules]
        }


def check(canvas: Canvas, extent: Extent, placement: Placement, preset: CanvasPreset) -> Verdict:
    """Judge one finished picture.

    Args:
        canvas: the picture.
        extent: of the glasses in their photo.
        placement: from the photo to the canvas. With a group, the least share to fill is asked of
            its largest member; the others stand smaller beside it.
        preset: the canvas' rules.
    """
    there = measure(canvas.matte.alpha)
    rules = [
        _rule(
            "glasses",
            not there.is_empty,
            "none" if there.is_empty else "some",
            "some",
            "there are no glasses on the canvas",
        ),
        *_sizes(canvas.white, extent, preset),
        *_whites(canvas),
        _touching(extent),
        _clipped(canvas.matte.alpha, placement),
    ]
    if preset.fill is not None and not there.is_empty:
        rules += [_fill(there, placement, preset.fill), _margin(there, preset.margin)]
    rules.append(_upscaling(placement.scale, preset.max_upscaling))
    return Verdict(preset.name, tuple(rules))


def _rule(name: str, passed: bool, measured: str, wanted: str, reason: str) -> Rule:
    return Rule(name, bool(passed), measured, wanted, "" if passed else reason)


def _sizes(white: Picture, extent: Extent, preset: CanvasPreset) -> Iterator[Rule]:
    height, width = white.shape[:2]
    have = f"{width} x {height}"
    longest = max(width, height)
    if preset.aspect is not None:
        # A whole number of pixels misses the aspect by half a pixel of the shorter side at most.
        off = abs(min(width, height) - longest / max(preset.aspect, 1 / preset.aspect))
        upright = (width >= height) == (preset.aspect >= 1) or width == height
        yield _rule(
            "aspect",
            off <= 1 and upright,
            f"{width / height:.3f}",
            f"{preset.aspect:.3f}",
            f"the canvas is {have}, not of width by height {preset.aspect:g}",
        )
    else:
        wanted = "{} x {}".format(*(preset.size or extent.size))
        yield _rule(
            "size",
            have == wanted,
            have,
            wanted,
            f"the canvas is {have} pixels, not {wanted}",
        )
    least, most = preset.least_side, preset.most_side
    yield _rule(
        "longest side",
        least <= longest <= most,
        f"{longest}",
        f"{least} to {most}",
        f"the longer side has {longest} pixels, not {least} to {most}",
    )


def _whites(canvas: Canvas) -> Iterator[Rule]:
    """Corners, border and background are exactly white, to the last pixel."""
    full = np.iinfo(canvas.white.dtype).max
    pure = (int(full),) * 3
    stained = cv2.inRange(canvas.white, pure, pure) == 0
    corners = int(
        np.count_nonzero(stained[:: stained.shape[0] - 1 or 1, :: stained.shape[1] - 1 or 1])
    )
    border = _on_border(stained)
    behind = canvas.matte.alpha == 0
    if canvas.shadow is not None:
        behind[canvas.shadow.window] &= canvas.shadow.plane == 0
    background = int(np.count_nonzero(stained & behind))
    for name, count, where in (
        ("corners", corners, "in the corners"),
        ("border", border, "on the border"),
        ("background", background, "of the background"),
    ):
        plural = "" if count == 1 else "s"
        yield _rule(
            name,
            count == 0,
            f"{count} not white",
            "0",
            f"{count} pixel{plural} {where} {'are' if plural else 'is'} not exactly {full}",
        )


def _on_border(where: np.typing.NDArray[np.bool_]) -> int:
    inner = where[1:-1, 1:-1]
    return int(np.count_nonzero(where) - np.count_nonzero(inner))


def _touching(extent: Extent) -> Rule:
    sides = ", ".join(extent.touches)
    return _rule(
        "whole in photo",
        not extent.touches,
        sides or "touches no border",
        "touches no border",
        f"the glasses touch the photo's border ({sides}) and may be cut off there",
    )


def _clipped(alpha: Floats, placement: Placement) -> Rule:
    width, height = placement.size
    x0, y0, x1, y1 = placement.box
    over = max(0.0, -x0, -y0, x1 - width, y1 - height)
    count = _on_border(alpha > HALF)
    return _rule(
        "whole on canvas",
        over <= 0.01 and count == 0,
        f"{count} pixels on the border, {over:.1f} beyond",
        "0, 0",
        "the glasses are clipped by the border of the canvas",
    )


def _fill(there: Extent, placement: Placement, fill: Fill) -> Rule:
    """The share of the group's largest member, from this one's as it is on the picture."""
    own = _share(there.box, there.size)
    planned = _share(placement.box, placement.size)
    share = own * placement.fill / planned if planned > 0 else own
    grouped = placement.fill > planned + 1e-6
    of_group = f" (these {100 * own:.1f} %)" if grouped else ""
    who = "the largest of the group" if grouped else "the glasses"
    why = (
        f"; the photo has too few pixels to be enlarged further than {placement.scale:.2f} times"
        if placement.limit == "upscaling" and share < fill.least
        else ""
    )
    return _rule(
        "fill",
        fill.least - _SLACK <= share <= fill.most + _SLACK,
        f"{100 * share:.1f} %{of_group}",
        f"{100 * fill.least:g} to {100 * fill.most:g} %",
        f"{who} take up {100 * share:.1f} % of the canvas, not {100 * fill.least:g} to "
        f"{100 * fill.most:g} %{why}",
    )


def _share(box: tuple[float, float, float, float], size: tuple[int, int]) -> float:
    x0, y0, x1, y1 = box
    return max((x1 - x0) / size[0], (y1 - y0) / size[1])


def _margin(there: Extent, margin: float) -> Rule:
    x0, y0, x1, y1 = there.box
    width, height = there.size
    free = min(x0 / width, y0 / height, 1 - x1 / width, 1 - y1 / height)
    return _rule(
        "margin",
        free >= margin - _SLACK,
        f"{100 * free:.1f} %",
        f"at least {100 * margin:g} %",
        f"the glasses come within {100 * free:.1f} % of the border, less than {100 * margin:g} %",
    )


def _upscaling(scale: float, limit: float) -> Rule:
    return _rule(
        "upscaling",
        scale <= limit + 1e-6,
        f"{scale:.2f}",
        f"at most {limit:g}",
        f"the glasses are enlarged {scale:.2f} times, more than {limit:g}: take a larger photo",
    )
