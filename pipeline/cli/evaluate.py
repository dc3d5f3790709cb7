"""The command `eyecut evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.console import (
    FAILED,
    check_targets,
    counting,
    err,
    out,
    plainly,
    stop,
    tell_names,
)
from pipeline.errors import ConfigError, EyecutError

if TYPE_CHECKING:
    from pipeline.config import Config
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
            help="A folder of masks, or the OUTPUT of a run.",
        ),
    ] = None,
    columns: Annotated[
        bool | None,
        typer.Option(
            "--columns/--no-columns",
            help="Also cut the photos of TRUTH out now: with the detector's and with the truth's "
            "boxes, with and without finish. Done unless PRED is a folder of another origin.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="For the columns: a preset or a YAML file. If not said, what PRED was run with.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="For the columns: a key.")
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
        reports = _reports(truth, pred, _config(truth, pred, columns, config, set_ or []), worst)
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


def _config(
    truth: Path, pred: Path | None, columns: bool | None, name: str | None, overrides: list[str]
) -> Config | None:
    """The configuration of the columns; None for the default, and with `pred` for none."""
    from pipeline.config import load_config
    from pipeline.evaluation.judge import photos_of
    from pipeline.evaluation.origin import config_of
    from pipeline.evaluation.readers import find_truth

    if columns is False and (pred is None or name is not None or overrides):
        raise ConfigError("--no-columns needs PRED, and neither --config nor --set")
    if name is not None or overrides:
        return load_config(name or "default", overrides)
    if pred is None or columns is False:
        return None
    try:
        found = config_of(pred)
        if found is None:
            return load_config() if columns else None
        photos_of(find_truth(truth), truth)
    except EyecutError as error:
        if columns:
            raise
        out.print(plainly(f"as delivered alone: {error}"), soft_wrap=True)
        return None
    return found


def _reports(
    truth: Path, pred: Path | None, config: Config | None, watch: Watch | None
) -> dict[str, Report]:
    """By column, that of `pred` first."""
    from pipeline.config import load_config
    from pipeline.evaluation import evaluate as score_masks
    from pipeline.evaluation import evaluate_flow

    if pred is not None and config is None:
        with counting() as progress:
            return {"masks": score_masks(truth, pred, progress=progress, watch=watch)}
    from pipeline import flow

    with err.status("Loading the networks"):
        stages = flow.build(config or load_config())
    with counting() as progress:
        return evaluate_flow(truth, stages, pred, progress=progress, watch=watch)


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
