"""The curves as table, JSON, Markdown and plots."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.images import write_bytes
from pipeline.stress.changes import Change
from pipeline.stress.curves import LABELS, Curve, curves_of
from pipeline.stress.sweep import Swept

if TYPE_CHECKING:
    from rich.table import Table


FROM_THE_START = "from the start"
CURVES = "Every curve:"
"""What the tables of the single curves follow in Markdown."""


@dataclass(frozen=True, slots=True)
class StressReport:
    """What a sweep found out.

    Attributes:
        curves: by change, then by column.
        floor: under which a figure counts as fallen off.
        photos: how many the curves speak of.
        failures: why other photos are not among them, by name.
        weights: SHA-256 of what was measured, by stage.
    """

    curves: tuple[Curve, ...]
    floor: float
    photos: int
    failures: dict[str, str]
    weights: dict[str, str]

    @classmethod
    def of(
        cls, swept: Swept, changes: Sequence[Change], floor: float, weights: Mapping[str, str]
    ) -> StressReport:
        """Draw the curves of what was measured."""
        curves = tuple(curves_of(swept.points, changes))
        return cls(curves, floor, swept.photos, dict(swept.failures), dict(weights))

    @property
    def changes(self) -> list[Change]:
        """The changes that have curves."""
        return list(dict.fromkeys(curve.change for curve in self.curves))

    def shown(self, change: Change) -> list[Curve]:
        """Return the curves of `change` that tables and plots show, as `LABELS` orders them."""
        mine = {curve.column: curve for curve in self.curves if curve.change == change}
        return [mine[column] for column in LABELS if column in mine]

    def write(self, output: Path) -> None:
        """Write stress.json, stress.md and a plot for each change, in place of older ones.

        Raises:
            OutputError: the disk refuses.
        """
        texts = {"stress.json": self.to_json(), "stress.md": self.to_markdown()}
        texts |= {f"{change.name}.svg": self._plot(change) for change in self.changes}
        for name, text in texts.items():
            write_bytes(output / name, text.encode(), overwrite=True)

    def to_json(self) -> str:
        """Return everything, the columns without finish too, as JSON."""
        told = {
            "floor": self.floor,
            "photos": self.photos,
            "failures": self.failures,
            "weights": self.weights,
            "changes": [self._change_as_json(change) for change in self.changes],
        }
        return json.dumps(told, indent=1) + "\n"

    def _change_as_json(self, change: Change) -> dict[str, Any]:
        columns = {}
        for curve in self.curves:
            if curve.change == change:
                figures = asdict(curve)
                low, high = curve.falls_below(self.floor)
                columns[curve.column] = {
                    **{name: figures[name] for name in ("strengths", "mean", "low", "high")},
                    "starts_below": curve.starts_below(self.floor),
                    "falls_below": {"down": low, "up": high},
                }
        return {
            "name": change.name,
            "unit": change.unit,
            "neutral": change.neutral,
            "columns": columns,
        }

    def to_markdown(self) -> str:
        """Return where the figures fall off, and every curve as a table."""
        parts = [
            f"{self.photos} photos; means over photos (of pairs found: over pairs) with their "
            f"95 % bootstrap intervals. {self._weights()}",
            f"Where the curves first fall under {self.floor:g}, going from the unchanged photo "
            f"towards lower and higher strengths (– where they do not, “{FROM_THE_START}” where "
            "the unchanged photo is under it already):",
            markdown_table(*self._falls()),
            CURVES,
        ]
        for change in self.changes:
            head = [f"{change.name} ({change.unit})"]
            head += [LABELS[curve.column] for curve in self.shown(change)]
            parts += [markdown_table(head, self._rows(change))]
        return "\n\n".join(parts) + "\n"

    def _weights(self) -> str:
        """Say what was measured, so that a page tells when it is of other weights."""
        named = (f"{stage} {digest[:8]}" for stage, digest in self.weights.items())
        return f"Weights by the first digits of their SHA-256: {', '.join(named)}."

    def to_tables(self) -> list[Table]:
        """Return the curves, and where they fall off, as tables for the terminal."""
        from rich.table import Table

        curves = Table("change", "strength", *LABELS.values())
        for change in self.changes:
            for number, row in enumerate(self._rows(change)):
                curves.add_row(change.name if number == 0 else "", *row)
            curves.add_section()
        head, rows = self._falls()
        falls = Table(*head, title=f"first under {self.floor:g}, down and up from unchanged")
        for row in rows:
            falls.add_row(*row)
        return [curves, falls]

    def _rows(self, change: Change) -> list[list[str]]:
        curves = self.shown(change)
        return [
            [f"{strength:g}"]
            + [f"{c.mean[i]:.3f} ({c.low[i]:.3f}–{c.high[i]:.3f})" for c in curves]
            for i, strength in enumerate(curves[0].strengths)
        ]

    def _falls(self) -> tuple[list[str], list[list[str]]]:
        rows = []
        for change in self.changes:
            cells = [self._fall(curve) for curve in self.shown(change)]
            rows.append([change.name, change.unit, *cells])
        return ["change", "unit", *LABELS.values()], rows

    def _fall(self, curve: Curve) -> str:
        if curve.starts_below(self.floor):
            return FROM_THE_START
        return " / ".join(_strength(end) for end in curve.falls_below(self.floor))

    def _plot(self, change: Change) -> str:
        from pipeline.report.plots import Series, curves_svg

        series = [
            Series(LABELS[c.column], c.strengths, c.mean, c.low, c.high) for c in self.shown(change)
        ]
        title = change.name.replace("_", " ")
        return curves_svg(title, change.unit, "share", series, floor=self.floor, logx=change.log)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _strength(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
