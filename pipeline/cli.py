"""The command `eyecut`.

Exit status: 0 every photo done (or every rule kept); 1 some photos failed, each named with the
reason (or a rule broken); 2 nothing could start, or the run had to stop; 130 stopped by Ctrl-C.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.errors import EyecutError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from pipeline.batch import Summary
    from pipeline.stress.result import StressReport
    from pipeline.types import Record

FAILED, NOT_STARTED, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="eyecut",
    help="Photos of eyewear in, catalogue cut-outs on pure white out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


def _version(wanted: bool) -> None:
    if wanted:
        from pipeline.provenance import eyecut_version

        typer.echo(f"eyecut {eyecut_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A photo, or a folder, searched recursively.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The folder for the results.")],
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A preset, or a YAML file.")
    ] = "default",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. detector.size=960."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Do every photo again; replace results that are there."),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Stop after N photos; run again to go on."),
    ] = None,
) -> None:
    """Cut the glasses out of every photo of INPUT.

    Run again, it goes on where it was stopped: what is done is skipped.
    """
    try:
        summary = _run(source, output, config, set_ or [], force, limit)
    except EyecutError as error:
        _stop(str(error))
    except KeyboardInterrupt:
        _err.print("Stopped before the first photo.")
        raise typer.Exit(INTERRUPTED) from None
    _tell(summary, output)
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(FAILED)


def _run(
    source: Path, output: Path, name: str, overrides: list[str], force: bool, limit: int | None
) -> Summary:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from pipeline.config import load_config
    from pipeline.discovery import check_places

    told = load_config(name, overrides)
    check_places(source, output)  # before seconds are spent on loading networks
    from pipeline import batch, flow

    with _err.status("Loading the networks"):
        stages = flow.build(told)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=_err) as progress:
        bar = _Bar(progress, progress.add_task("", total=None))
        return batch.run(source, output, told, stages, force=force, limit=limit, watch=bar)


class _Bar:
    """Moves the progress bar, and names failures as they happen."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task = progress, task

    def __call__(self, record: Record, *, skipped: bool, number: int, total: int) -> None:
        self.progress.update(
            self.task, completed=number, total=total, description=_printable(record.key)
        )
        if record.status == "failed" and not skipped:
            reason = escape(_printable(f"{record.key}: {record.error}"))
            self.progress.console.print(f"[red]failed[/red] {reason}", soft_wrap=True)


def _tell(summary: Summary, output: Path) -> None:
    """Print what a run did, photos that failed or wait for a look by name."""
    counts = summary.counts
    for record in summary.records:
        for flag in record.flags:
            _out.print(escape(_printable(f"{record.key}: {flag}")), soft_wrap=True)
    for record in summary.failed:
        text = escape(_printable(f"{record.key}: failed: {record.error}"))
        _out.print(text, soft_wrap=True)
    parts = [
        f"{counts['done']} cut out",
        f"{counts['review']} of them to review" if counts["review"] else "",
        f"{counts['no_glasses']} without glasses" if counts["no_glasses"] else "",
        f"{summary.skipped} done before" if summary.skipped else "",
        f"{counts['failed']} failed" if counts["failed"] else "",
        f"{summary.left} left for the next run" if summary.left else "",
    ]
    worked = len(summary.records)
    pace = f", {summary.seconds / worked:.1f} s a photo" if worked else ""
    _out.print(f"{', '.join(filter(None, parts))}; {summary.seconds:.0f} s{pace}")
    if not worked and not summary.skipped and not summary.left:
        _out.print("No photos found: eyecut looks at file names' suffixes, hidden files left out.")
    if summary.interrupted:
        _out.print("Stopped; run the same command again to go on.")
    if summary.report:
        _out.print(f"Report: {escape(_printable(str(summary.report)))}", soft_wrap=True)


@app.command()
def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH", help="A folder of truth masks, or a COCO json file; see README."
        ),
    ],
    pred: Annotated[
        Path, typer.Argument(metavar="PRED", help="A folder of masks, or the OUTPUT of a run.")
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")
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
    from pipeline.evaluation import evaluate as score_all
    from pipeline.evaluation import parse_rule
    from pipeline.images import write_bytes

    try:
        rules = [parse_rule(text) for text in fail_below or []]
        report = score_all(truth, pred)
        if json_file is not None:
            write_bytes(json_file, report.to_json().encode() + b"\n", overwrite=True)
    except EyecutError as error:
        _stop(str(error))
    _out.print(report.to_table())
    failures = report.failures(rules)
    for failure in failures:
        _out.print(f"below the rule: {failure}", soft_wrap=True)
    if failures:
        raise typer.Exit(FAILED)


@app.command()
def stress(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Photos with truth, as evaluate reads them.")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The folder for curves, tables and plots.")
    ],
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A preset, or a YAML file.")
    ] = "default",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this change, e.g. exposure; may be repeated."),
    ] = None,
    floor: Annotated[
        float, typer.Option(min=0, max=1, help="Say where the figures fall under this.")
    ] = 0.9,
    longest_side: Annotated[
        int, typer.Option(metavar="PIXELS", min=0, help="Shrink larger photos; 0 keeps them.")
    ] = 1600,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Take the first N photos alone.")
    ] = None,
) -> None:
    """Measure how the cut-outs hold up when light, camera, scale and orientation change.

    Run again, it goes on where it was stopped.
    """
    try:
        report = _stress(
            data, output, config, set_ or [], changes or [], floor, longest_side, limit
        )
    except EyecutError as error:
        _stop(str(error))
    except KeyboardInterrupt:
        _err.print("Stopped; run the same command again to go on.")
        raise typer.Exit(INTERRUPTED) from None
    for table in report.to_tables():
        _out.print(table)
    for name, reason in report.failures.items():
        _out.print(escape(_printable(f"{name}: failed: {reason}")), soft_wrap=True)
    failed = f", {len(report.failures)} failed" if report.failures else ""
    _out.print(escape(_printable(f"{report.photos} photos{failed}: {output}")), soft_wrap=True)
    if report.failures:
        raise typer.Exit(FAILED)


def _stress(
    data: Path,
    output: Path,
    name: str,
    overrides: list[str],
    wanted: list[str],
    floor: float,
    longest_side: int,
    limit: int | None,
) -> StressReport:
    from rich.progress import Progress

    from pipeline.config import load_config
    from pipeline.stress.changes import choose

    told, changes = load_config(name, overrides), choose(wanted)
    from pipeline.stress.run import stress as sweep

    with Progress(console=_err) as progress:
        task = progress.add_task("Loading the networks", total=None)

        def watch(photo: str, done: int, total: int) -> None:
            shown = escape(_printable(photo))
            progress.update(task, completed=done, total=total, description=shown)

        return sweep(
            data,
            output,
            told,
            changes,
            floor=floor,
            longest_side=longest_side,
            limit=limit,
            watch=watch,
        )


def _printable(text: str) -> str:
    """Return `text` fit for any terminal; bytes of a name that are not UTF-8 show as `?`."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _stop(reason: str) -> NoReturn:
    _err.print(f"eyecut: {escape(_printable(reason))}", soft_wrap=True)
    raise typer.Exit(NOT_STARTED)


def main() -> None:
    """Run the command line."""
    # Threads that wait should sleep: spinning, as is the default, wastes the cores that decode.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    app()
