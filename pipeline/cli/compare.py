"""The command `eyecut compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.console import (
    FAILED,
    check_targets,
    counting,
    out,
    plainly,
    stop,
    tell_names,
)
from pipeline.errors import EvaluationError, EyecutError

if TYPE_CHECKING:
    from pipeline.evaluation.compare import Comparison, Scores

PICTURED = 100
"""Photos whose pictures stand on the page: those that changed most."""


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="Masks or a run's OUTPUT, or evaluate's json file.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="As A; is it better?")],
    truth: Annotated[
        Path | None, typer.Option(metavar="TRUTH", help="Needed where A or B is a folder.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the changes there too.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page; pictures need folders.")
    ] = None,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit 1 if B's mean is lower."),
    ] = None,
    fail_if_worse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC[=TOLERANCE]",
            help="Exit 1 if B's mean is worse than A's by more than the tolerance, 0 if not said.",
        ),
    ] = None,
) -> None:
    """Say whether B is better than A, on which photos, and whether it may be luck."""
    from pipeline.evaluation import compare as pairs
    from pipeline.evaluation.rules import parse_rule, parse_tolerance
    from pipeline.images import write_bytes

    try:
        rules = [parse_rule(text, worst=False) for text in fail_below or []]
        tolerances = dict(parse_tolerance(text) for text in fail_if_worse or [])
        check_targets((json_file, page), (first, second, truth))
        scores = _scores(first, truth), _scores(second, truth)
        comparison = pairs.compare(*scores)
        _tell(comparison)
        if json_file is not None:
            text = json.dumps(comparison.to_dict(), indent=1)
            write_bytes(json_file, text.encode(), overwrite=True)
        if page is not None:
            _write_page(page, comparison, scores, (first, second), truth)
        broken = [*comparison.failures(rules), *comparison.worsened(tolerances)]
    except EyecutError as error:
        stop(str(error))
    for text in broken:
        out.print(f"below the rule: {text}", soft_wrap=True)
    if broken:
        raise typer.Exit(FAILED)


def _tell(comparison: Comparison) -> None:
    out.print(comparison.to_table())
    for name, change in _most(comparison.by_photo):
        out.print(plainly(f"{name}: iou {change:+.4f}"), soft_wrap=True)
    tell_names(comparison.only_first, "only in A")
    tell_names(comparison.only_second, "only in B")


def _scores(path: Path, truth: Path | None) -> Scores:
    """The photos' figures, read or made."""
    from pipeline.evaluation import evaluate
    from pipeline.evaluation.compare import read_scores

    if not path.is_dir():
        return read_scores(path)
    if truth is None:
        raise EvaluationError(f"{path} is a folder of masks: name their --truth")
    with counting(path.name) as progress:
        report = evaluate(truth, path, photos=False, progress=progress)
    return {row.name: row.scores for row in report.rows}


def _write_page(
    page: Path,
    comparison: Comparison,
    scores: tuple[Scores, Scores],
    places: tuple[Path, Path],
    truth: Path | None,
) -> None:
    from pipeline.report.compare_page import write_compare_page
    from pipeline.report.evaluation_view import compared_pictures, comparison_page, largest

    pictures = {}
    if truth is not None and all(place.is_dir() for place in places):
        pictures = compared_pictures(truth, places, largest(comparison, PICTURED))
    write_compare_page(page, comparison_page(comparison, scores, pictures, places), overwrite=True)


def _most(changes: tuple[tuple[str, float], ...], count: int = 5) -> list[tuple[str, float]]:
    """The largest losses and the largest gains."""
    losses = [(name, change) for name, change in changes if change < 0]
    gains = [(name, change) for name, change in changes if change > 0]
    return [*losses[:count], *gains[-count:]]
