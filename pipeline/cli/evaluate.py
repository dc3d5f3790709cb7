"""The command `eyecut evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.console import FAILED, check_targets, counting, err, out, stop, tell_names
from pipeline.errors import ConfigError, EyecutError

if TYPE_CHECKING:
    from pipeline.evaluation import Report
    from pipeline.evaluation.judge import Watch


def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH",
            help="A folder of truth masks, a COCO json file or a YOLO YAML; see docs.",
        ),
    ],
    pred: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PRED]",
            help="A folder of masks, or the OUTPUT of a run. Without it the photos of TRUTH are "
            "cut out now: with the detector's and with the truth's boxes, with and without finish.",
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Without PRED: a preset or a YAML file.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Without PRED: a key.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with pictures, worst photos first."),
    ] = None,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Exit 1 if the mean is lower; min:METRIC=VALUE speaks of the worst photo.",
        ),
    ] = None,
) -> None:
    """Score predicted masks against the truth."""
    from pipeline.evaluation import parse_rule
    from pipeline.images import write_bytes
    from pipeline.report.evaluation_page import write_evaluation_page
    from pipeline.report.evaluation_view import WorstPictures, evaluation_page

    worst = None if page is None else WorstPictures()
    try:
        rules = [parse_rule(text) for text in fail_below or []]
        check_targets((json_file, page), (truth, pred))
        if pred is not None:
            if config is not None or set_:
                raise ConfigError("--config and --set are for an evaluation without PRED")
            reports = _of_masks(truth, pred, worst)
        else:
            reports = _of_stages(truth, config or "default", set_ or [], worst)
        report = next(iter(reports.values()))
        _tell(report, reports)
        if json_file is not None:
            write_bytes(json_file, json.dumps(_plain(reports), indent=1).encode(), overwrite=True)
        if page is not None and worst is not None:
            told = evaluation_page(_titled(reports), worst.pictures, truth, pred)
            write_evaluation_page(page, told, overwrite=True)
        failures = report.failures(rules)
    except EyecutError as error:
        stop(str(error))
    for failure in failures:
        out.print(f"below the rule: {failure}", soft_wrap=True)
    if failures:
        raise typer.Exit(FAILED)


def _of_masks(truth: Path, pred: Path, watch: Watch | None) -> dict[str, Report]:
    from pipeline.evaluation import evaluate as score_masks

    with counting() as progress:
        return {"masks": score_masks(truth, pred, progress=progress, watch=watch)}


def _of_stages(
    truth: Path, name: str, overrides: list[str], watch: Watch | None
) -> dict[str, Report]:
    from pipeline import flow
    from pipeline.config import load_config
    from pipeline.evaluation import evaluate_flow

    told = load_config(name, overrides)
    with err.status("Loading the networks"):
        stages = flow.build(told)
    with counting() as progress:
        return evaluate_flow(truth, stages, progress=progress, watch=watch)


def _titled(reports: Mapping[str, Report]) -> dict[str, Report]:
    from pipeline.evaluation.columns import LABELS

    return {LABELS.get(name, name): report for name, report in reports.items()}


def _plain(reports: Mapping[str, Report]) -> dict[str, Any]:
    """The first report; where there are several, all of them under "columns" too."""
    plain = {name: report.to_dict() for name, report in reports.items()}
    first = next(iter(plain.values()))
    return first if len(plain) == 1 else first | {"columns": plain}


def _tell(first: Report, reports: Mapping[str, Report]) -> None:
    out.print(first.to_table())
    if len(reports) > 1:
        from pipeline.evaluation.result import columns_table

        out.print(columns_table(_titled(reports)))
    for label, value in first.boxes.items():
        if value is not None:
            out.print(f"boxes: {label} {value:.4f}")
    for note in first.notes:
        out.print(note, soft_wrap=True)
    tell_names(first.unexpected, "a prediction without truth")
