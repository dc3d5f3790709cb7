"""Curves are means with intervals; where they fall off is read between the strengths."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.stress.changes import Change
from pipeline.stress.curves import DETECTOR, FOUND, TRUTH, Curve, curves_of
from pipeline.stress.points import UNCHANGED, Point
from pipeline.stress.result import StressReport, markdown_table
from pipeline.stress.sweep import Swept

TURN = Change("turn", "degrees", 0, (-20, -10, 0, 10, 20))


def curve(*mean: float, change: Change = TURN) -> Curve:
    strengths = tuple(float(s) for s in change.strengths)
    return Curve(change, TRUTH, strengths, mean, mean, mean)


@pytest.mark.parametrize(
    ("mean", "floor", "ends"),
    [
        ((1.0, 1.0, 1.0, 1.0, 1.0), 0.9, (None, None)),
        ((0.9, 0.9, 0.9, 0.9, 0.9), 0.9, (None, None)),
        ((0.8, 1.0, 1.0, 1.0, 0.8), 0.9, (-15, 15)),
        ((1.0, 0.8, 1.0, 0.5, 0.0), 0.9, (-5, 2)),
        ((1.0, 0.8, 1.0, 1.0, 1.0), 0.9, (-5, None)),
        ((1.0, 1.0, 0.9, 0.8, 1.0), 0.9, (None, 0)),
        ((1.0, 1.0, 0.5, 1.0, 1.0), 0.9, (0, 0)),
        ((0.0, 0.4, 0.8, 1.0, 1.0), 0.6, (-5, None)),
    ],
)
def test_the_floor_is_met_between_strengths(
    mean: tuple[float, ...], floor: float, ends: tuple[float | None, float | None]
) -> None:
    assert curve(*mean).falls_below(floor) == pytest.approx(ends)


def test_a_neutral_end_has_one_side_alone() -> None:
    noise = Change("noise", "ISO", 100, (100, 400, 1600))
    assert curve(1.0, 1.0, 0.5, change=noise).falls_below(0.75) == (None, 1000)


@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.floats(0.01, 1),
)
def test_above_the_floor_until_it_falls(mean: list[float], floor: float) -> None:
    low, high = curve(*mean).falls_below(floor)
    fine = np.linspace(-20, 20, 401)
    drawn = np.interp(fine, TURN.strengths, mean)
    inside = (fine > (-21 if low is None else low)) & (fine < (21 if high is None else high))
    assert (drawn[inside] >= floor - 1e-9).all()


def points(iou: dict[float, list[float]], pairs: int = 2) -> list[Point]:
    return [
        Point(
            f"photo{i}",
            TURN.name if strength else UNCHANGED,
            strength,
            "f",
            pairs,
            round(value * pairs),
            {DETECTOR: value / 2, TRUTH: value},
        )
        for strength, values in iou.items()
        for i, value in enumerate(values)
    ]


def test_curves_hold_means_over_photos_and_pairs() -> None:
    found = curves_of(points({0: [1, 1, 1], 10: [0.5, 1, 0.9], 20: [0, 0, 1]}), [TURN])
    assert [c.column for c in found] == [DETECTOR, TRUTH, FOUND]
    for one in found:
        assert one.strengths == (0, 10, 20)
        assert all(
            low <= mean <= high for low, mean, high in zip(one.low, one.mean, one.high, strict=True)
        )
    assert found[0].mean == pytest.approx((0.5, 0.4, 1 / 6))
    assert found[1].mean == pytest.approx((1, 0.8, 1 / 3))
    assert found[2].mean == pytest.approx((1, 5 / 6, 1 / 3))
    assert (found[1].low[0], found[1].high[0]) == (1, 1)
    assert found[1].low[2] < 0.05


def test_points_of_which_nothing_is_left_do_not_count() -> None:
    gone = Point("gone", TURN.name, 10.0, "f", 0, 0, {})
    found = curves_of([*points({0: [1.0], 10: [1.0]}), gone], [TURN])
    assert found[-1].mean == (1, 1)


def test_the_report_reads_as_table_json_and_markdown() -> None:
    swept = Swept(tuple(points({0: [1, 1], 10: [0.5, 0.5], 20: [0, 0]})), {"bad": "why"})
    report = StressReport.of(swept, [TURN], 0.75, {"detector": "0123456789", "edges": "abcdef0123"})
    data = json.loads(report.to_json())
    assert data["photos"] == 2
    assert data["failures"] == {"bad": "why"}
    assert data["weights"]["detector"] == "0123456789"
    columns = data["changes"][0]["columns"]
    assert [columns[name]["starts_below"] for name in (DETECTOR, TRUTH)] == [True, False]
    assert columns[TRUTH]["falls_below"] == {"down": None, "up": 5.0}
    text = report.to_markdown()
    assert "detector 01234567, edges abcdef01." in text
    assert "| turn | degrees | from the start | – / 5 | – / 5 |" in text
    assert "| 10 | 0.250 (0.250–0.250) | 0.500 (0.500–0.500) |" in text
    console = Console(width=120, record=True, quiet=True)
    with console.capture():
        for table in report.to_tables():
            console.print(table)
    assert report.to_tables()[0].row_count == 3


def test_markdown_tables_have_a_rule_and_a_line_a_row() -> None:
    lines = markdown_table(["a", "b"], [["1", "2"], ["3", "4"]]).splitlines()
    assert lines == ["| a | b |", "| --- | ---: |", "| 1 | 2 |", "| 3 | 4 |"]
