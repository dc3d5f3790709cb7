"""Two runs are compared photo by photo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import EvaluationError
from pipeline.evaluation.compare import compare, read_scores


def runs(gain: float, spread: float, count: int = 60) -> tuple[dict, dict]:
    rng = np.random.default_rng(5)
    first = rng.uniform(0.6, 0.9, count)
    second = first + rng.normal(gain, spread, count)
    return (
        {f"p{i}": {"iou": float(v), "roughness": 1 - float(v)} for i, v in enumerate(first)},
        {f"p{i}": {"iou": float(v), "roughness": 1 - float(v)} for i, v in enumerate(second)},
    )


def test_a_small_but_steady_gain_is_sure_though_photos_differ_by_more() -> None:
    iou = compare(*runs(gain=0.01, spread=0.005)).changes[0]
    assert iou.sure and iou.difference.mean == pytest.approx(0.01, abs=0.003)
    assert iou.second - iou.first == pytest.approx(iou.difference.mean)


def test_luck_is_not_sure() -> None:
    iou = compare(*runs(gain=0.0, spread=0.05)).changes[0]
    assert not iou.sure and iou.difference.low < 0 < iou.difference.high


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_handful_of_photos_is_never_sure(count: int) -> None:
    first = {f"p{i}": {"iou": 0.91} for i in range(count)}
    second = {f"p{i}": {"iou": 0.90} for i in range(count)}
    assert not compare(first, second).changes[0].sure


def test_better_and_worse_mind_the_figures_direction() -> None:
    iou, rough = compare(*runs(gain=0.02, spread=0.01)).changes
    assert (iou.name, rough.name) == ("iou", "roughness")
    assert (iou.better, iou.worse) == (rough.better, rough.worse)
    assert iou.better > iou.worse
    assert rough.difference.mean < 0


def test_photos_are_told_largest_loss_first_and_lonely_ones_named() -> None:
    found = compare({"a": {"iou": 0.9}, "b": {"iou": 0.5}, "c": {"iou": 1}},
                    {"a": {"iou": 0.1}, "b": {"iou": 0.6}, "d": {"iou": 1}})  # fmt: skip
    assert [name for name, _ in found.by_photo] == ["a", "b"]
    assert (found.only_first, found.only_second) == (("c",), ("d",))


@pytest.mark.parametrize(
    ("gain", "rules", "fails"),
    [
        (-0.02, {"iou": 0.0}, True),
        (-0.02, {"iou": 0.05}, False),
        (+0.02, {"iou": 0.0}, False),
        (-0.02, {"roughness": 0.0}, True),
        (+0.02, {"roughness": 0.0}, False),
        (0.0, {"iou": 0.0, "roughness": 0.0}, False),
    ],
)
def test_a_loss_beyond_the_tolerance_is_told(
    gain: float, rules: dict[str, float], fails: bool
) -> None:
    assert bool(compare(*runs(gain, spread=0.0)).worsened(rules)) == fails


def test_a_rule_for_a_figure_that_no_photo_has_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="alpha_mae"):
        compare(*runs(0, 0)).worsened({"alpha_mae": 0})


def test_runs_without_a_common_photo_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError, match="no photo in common"):
        compare({"a": {"iou": 1}}, {"b": {"iou": 1}})


@pytest.mark.parametrize("text", ["", "[]", '{"photos": 3}', '{"photos": {"a": {"iou": "x"}}}'])
def test_a_file_that_is_no_evaluation_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=r"wrong\.json"):
        read_scores(path)


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"photos": {"a": {"iou": 0.5, "found": 1.0, "tags": {"x": "y"}}}}))
    assert read_scores(path) == {"a": {"iou": 0.5}}
