"""Plots as SVG text, for pages and documents.

The same values give the same bytes: no date, no random ids. Text stays text, in sizes that can be
read when the plot is as wide as a phone. Matplotlib is loaded when the first plot is drawn, and
none of its global state (pyplot) is used. Colours are those of Okabe and Ito ("Color Universal
Design", 2008), which people with any colour vision can tell apart.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import ValidationError
from pipeline.evaluation.statistics import Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vPX"
_QUIET = "#595959"
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "eyecut",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name may hold dollar signs
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _QUIET,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "xtick.color": _QUIET,
    "ytick.color": _QUIET,
}
_WIDTH = 4.0
"""Of every plot, in inches: 384 CSS pixels, about a phone."""
_LONGEST_NAME = 22
_MANY_POINTS = 2000
"""More points than these are stored as a picture within the SVG: a mark each would be megabytes."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve, with a band around it where `low` and `high` are given.

    NaN in `y` leaves a gap.

    Raises:
        ValidationError: the lengths differ, or only one side of the band is given.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValidationError(f"curve {self.label!r}: give both low and high, or neither")
        lengths = {len(v) for v in (self.x, self.y, self.low, self.high) if v is not None}
        if len(lengths) != 1:
            raise ValidationError(f"curve {self.label!r}: its values have lengths {lengths}")


def curves_svg(
    title: str,
    xlabel: str,
    ylabel: str,
    series: Sequence[Series],
    *,
    floor: float | None = None,
    logx: bool = False,
) -> str:
    """Draw curves with their bands; `floor` is a dashed line across.

    The y axis covers [0, 1] if every value does.
    """
    with _axes(title, 2.7) as (figure, axes):
        lines = []
        for index, curve in enumerate(series):
            colour = _COLOURS[index % len(_COLOURS)]
            marker = _MARKERS[index % len(_MARKERS)]
            lines += axes.plot(curve.x, curve.y, color=colour, marker=marker, ms=3.5, lw=1.5)
            if curve.low is not None and curve.high is not None:
                axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, lw=0)
        _floor(axes, floor)
        if logx:
            places = [place for one in series for place in one.x]
            _logarithmic(axes, max(places) / min(places))
        values = [v for s in series for part in (s.y, s.low, s.high) if part for v in part]
        if all(0 <= v <= 1 for v in values if not math.isnan(v)):
            axes.set_ylim(-0.02, 1.02)
        axes.set(xlabel=_plain(xlabel), ylabel=_plain(ylabel))
        if len(lines) > 1:
            # labels are set afterwards: the legend would drop those that begin with "_"
            legend = axes.legend(lines, ["-"] * len(lines), frameon=False, fontsize=8.5)
            for text, curve in zip(legend.get_texts(), series, strict=True):
                text.set_text(_plain(curve.label))
        return _svg(figure)


def histogram_svg(
    title: str, xlabel: str, values: Sequence[float], *, floor: float | None = None
) -> str:
    """Draw how many photos lie where; values within [0, 1] get forty bars of 0.025.

    Values that are not finite are left out.
    """
    from matplotlib.ticker import MaxNLocator

    finite = [value for value in values if math.isfinite(value)]
    within = all(0 <= value <= 1 for value in finite)
    with _axes(title, 2.3) as (figure, axes):
        axes.grid(False, axis="x")
        span = (0.0, 1.0) if within else None
        axes.hist(finite, bins=40 if within else 30, range=span, color=_COLOURS[0])
        if floor is not None:
            axes.axvline(floor, color=_COLOURS[1], lw=1, ls="--")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=_plain(xlabel), ylabel="photos")
        return _svg(figure)


def intervals_svg(
    title: str, groups: Sequence[Group], *, xlabel: str = "", overall: float | None = None
) -> str:
    """Draw a dot and its interval a group, the first on top; `overall` is a dashed line."""
    with _axes(title, 0.9 + 0.24 * max(len(groups), 2)) as (figure, axes):
        axes.grid(False, axis="y")
        for place, group in enumerate(groups):
            axes.plot([group.low, group.high], [place, place], color=_COLOURS[0], lw=2)
            axes.plot([group.mean], [place], color=_COLOURS[0], marker="o", ms=5)
        if overall is not None:
            axes.axvline(overall, color=_QUIET, lw=1, ls="--")
        names = [f"{_short(group.name)} ({group.count})" for group in groups]
        axes.set_yticks(range(len(groups)), names)
        axes.set_ylim(max(len(groups), 2) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0, labelcolor="black")
        axes.set_xlabel(_plain(xlabel))
        return _svg(figure)


def scatter_svg(
    title: str, xlabel: str, ylabel: str, x: Sequence[float], y: Sequence[float]
) -> str:
    """Draw a point a photo, such as the predicted quality against the true IoU.

    Raises:
        ValidationError: the lengths differ.
    """
    if len(x) != len(y):
        raise ValidationError(f"{title!r}: {len(x)} values across but {len(y)} up")
    with _axes(title, 2.7) as (figure, axes):
        axes.plot(
            x, y, "o", color=_COLOURS[0], ms=3, alpha=0.5, mew=0, rasterized=len(x) > _MANY_POINTS
        )
        axes.set(xlabel=_plain(xlabel), ylabel=_plain(ylabel))
        return _svg(figure)


@contextmanager
def _axes(title: str, height: float) -> Iterator[tuple[Figure, Axes]]:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # a name in a script that the layout's font lacks is still written as text
    with rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        figure.suptitle(_plain(title), x=0.01, ha="left", fontsize=10, fontweight="bold")
        yield figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", facecolor="white", dpi=144, metadata=nothing)
    return buffer.getvalue()


def _logarithmic(axes: Axes, span: float) -> None:
    """A logarithmic x axis over `span`, its ticks as plain numbers: powers need mathematics."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if span < 200 else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _floor(axes: Axes, floor: float | None) -> None:
    if floor is not None:
        axes.axhline(floor, color=_QUIET, lw=1, ls="--")


def _plain(text: str) -> str:
    """Return `text` without what XML cannot hold: control characters and lone surrogates."""
    kept = re.sub(r"[\x00-\x1f\x7f\ufffe\uffff]", " ", text)
    return kept.encode("utf-8", "replace").decode("utf-8")


def _short(name: str) -> str:
    name = _plain(name)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
