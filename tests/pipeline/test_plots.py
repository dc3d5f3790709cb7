from __future__ import annotations

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from pipeline.errors import ValidationError
from pipeline.evaluation.statistics import Group
from pipeline.report.plots import (
    Series,
    curves_svg,
    histogram_svg,
    intervals_svg,
    scatter_svg,
)

ODD = '_$a_b$ <&> "ü" 眼鏡 \x07 \udce9'
SHOWN = '_$a_b$ <&> "ü" 眼鏡   ?'
BAND = Series("band", [0, 1, 2], [0.5, 0.6, math.nan], [0.4, 0.5, math.nan], [0.6, 0.7, math.nan])


def curves(title: str = "t", label: str = "x") -> str:
    return curves_svg(title, "stops", "IoU", [BAND, Series(label, [0, 2], [0.1, 1])], floor=0.9)


def histogram(title: str = "t", label: str = "x") -> str:
    return histogram_svg(title, label, [0.1, 0.9, 0.95, math.nan], floor=0.9)


def intervals(title: str = "t", label: str = "x") -> str:
    return intervals_svg(title, [Group(label, 12, 0.9, 0.8, 0.95)], xlabel="IoU", overall=0.9)


def scatter(title: str = "t", label: str = "x") -> str:
    return scatter_svg(title, label, "IoU", [0.1, 0.5], [0.2, 0.9])


DRAWN = pytest.mark.parametrize("draw", [curves, histogram, intervals, scatter])


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if "text" in node.tag]


@DRAWN
def test_a_plot_is_well_formed_and_the_same_every_time(draw: Callable[..., str]) -> None:
    first = draw()
    assert ET.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
    assert first == draw()
    assert not re.search(r"<dc:date|matplotlib\.org|<metadata", first)


@DRAWN
def test_text_stays_text_whatever_it_holds(draw: Callable[..., str]) -> None:
    written = texts(draw(ODD, ODD))
    assert sum(SHOWN in text for text in written) == 2, written


@DRAWN
def test_a_plot_fits_a_phone_and_its_text_can_be_read_there(draw: Callable[..., str]) -> None:
    svg = draw()
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
    sizes += [float(size) for size in re.findall(r"font: (?:bold |\d+ )?([\d.]+)px", svg)]
    assert sizes
    assert min(sizes) * 343 / width >= 10  # a phone of 375 pixels, with its margins


@DRAWN
def test_the_background_is_white_whatever_the_page(draw: Callable[..., str]) -> None:
    assert re.search(r'id="patch_1">\s*<path[^>]*fill: #ffffff', draw())


def test_curves_within_0_and_1_are_drawn_between_0_and_1() -> None:
    assert {"0.0", "1.0"} <= set(texts(curves()))
    assert "40" in texts(curves_svg("t", "x", "y", [Series("a", [0, 1], [3, 40])]))


def test_a_floor_adds_a_dashed_line() -> None:
    without = curves_svg("t", "stops", "IoU", [BAND])
    assert "stroke-dasharray" not in without
    assert "stroke-dasharray" in curves_svg("t", "stops", "IoU", [BAND], floor=0.9)


@pytest.mark.parametrize(
    ("x", "ticks"),
    [([0.1, 1, 2], {"0.1", "0.2", "0.5", "1", "2"}), ([100, 1600, 102400], {"100", "100,000"})],
)
def test_a_logarithmic_axis_has_plain_numbers(x: list[float], ticks: set[str]) -> None:
    written = texts(curves_svg("t", "x", "y", [Series("a", x, [0.2, 0.5, 0.9])], logx=True))
    assert ticks <= set(written)
    assert not any("$" in text for text in written)


def test_a_logarithmic_axis_spaces_powers_evenly() -> None:
    svg = curves_svg("t", "scale", "IoU", [Series("a", [0.1, 1, 10], [0.2, 0.5, 0.9])], logx=True)
    line = next(
        d for d in re.findall(r'<path d="(M[^"]*)" clip-path', svg, re.S) if d.count("L") == 2
    )
    x = [float(place.split()[0]) for place in re.split("[ML]", line)[1:]]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.01)


def test_one_curve_needs_no_legend_and_two_name_theirs() -> None:
    assert "band" not in texts(curves_svg("t", "x", "y", [BAND]))
    assert {"band", "other"} <= set(texts(curves(label="other")))


def test_groups_are_named_with_their_count_the_first_on_top() -> None:
    groups = [Group("metal", 12, 0.9, 0.8, 0.95), Group("a" * 80, 3, 0.8, 0.7, 0.9)]
    written = {
        text: float(re.search(r'y="([\d.]+)"', line)[1])  # type: ignore[index]
        for line, text in re.findall(
            r"<text ([^>]*)>([^<]*\(\d+\))</text>", intervals_svg("t", groups)
        )
    }
    assert list(written) == ["metal (12)", "a" * 21 + "… (3)"]
    assert written["metal (12)"] < min(y for name, y in written.items() if name != "metal (12)")


def test_many_points_do_not_make_a_huge_file() -> None:
    values = [n / 50_000 for n in range(50_000)]
    assert len(scatter_svg("t", "x", "y", values, values)) < 150_000


@pytest.mark.parametrize(
    "draw", [lambda: histogram_svg("t", "x", []), lambda: intervals_svg("t", [])]
)
def test_a_plot_of_nothing_is_still_a_plot(draw: Callable[[], str]) -> None:
    ET.fromstring(draw())


def test_curves_whose_values_do_not_pair_are_refused() -> None:
    with pytest.raises(ValidationError, match="'a'"):
        Series("a", [1, 2], [1])
    with pytest.raises(ValidationError, match="both"):
        Series("a", [1], [1], low=[1])
    with pytest.raises(ValidationError, match="1 values across but 2"):
        scatter_svg("t", "x", "y", [1], [1, 2])


def test_matplotlib_is_loaded_by_the_first_plot_only_and_never_its_pyplot() -> None:
    code = (
        "import sys, pipeline.report.evaluation_page, pipeline.report.plots as plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plots.histogram_svg('t', 'x', [0.5])\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
