"""The command `eyecut run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.console import (
    FAILED,
    INTERRUPTED,
    err,
    out,
    plainly,
    printable,
    progress_bar,
    stop,
)
from pipeline.errors import EyecutError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from pipeline.batch import Summary
    from pipeline.types import Record


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
    canvas: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A canvas in configs/canvas, e.g. amazon; short for --set canvas.preset=.",
        ),
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
        overrides = [f"canvas.preset={canvas}"] if canvas is not None else []
        summary = _run(source, output, config, [*overrides, *(set_ or [])], force, limit)
    except EyecutError as error:
        stop(str(error))
    except KeyboardInterrupt:
        err.print("Stopped; run the same command again to go on.")
        raise typer.Exit(INTERRUPTED) from None
    _tell(summary, output)
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(FAILED)


def _run(
    source: Path, output: Path, name: str, overrides: list[str], force: bool, limit: int | None
) -> Summary:
    from pipeline.config import load_config
    from pipeline.discovery import check_places

    told = load_config(name, overrides)
    check_places(source, output)  # before seconds are spent on loading networks
    from pipeline import batch, flow

    with err.status("Loading the networks"):
        stages = flow.build(told)
    with progress_bar() as progress:
        bar = _Bar(progress, progress.add_task("", total=None))
        return batch.run(source, output, told, stages, force=force, limit=limit, watch=bar)


class _Bar:
    """Moves the progress bar, and names failures as they happen."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task = progress, task

    def __call__(self, record: Record, *, skipped: bool, number: int, total: int) -> None:
        self.progress.update(
            self.task, completed=number, total=total, description=printable(record.key)
        )
        if record.status == "failed" and not skipped:
            reason = plainly(f"{record.key}: {record.error}")
            self.progress.console.print(f"[red]failed[/red] {reason}", soft_wrap=True)


def _tell(summary: Summary, output: Path) -> None:
    """Print what a run did, photos that failed or wait for a look by name."""
    counts = summary.counts
    for record in summary.records:
        for flag in record.flags:
            out.print(plainly(f"{record.key}: {flag}"), soft_wrap=True)
    for record in summary.failed:
        text = plainly(f"{record.key}: failed: {record.error}")
        out.print(text, soft_wrap=True)
    parts = [
        f"{counts['done']} cut out",
        f"{counts['review']} of them to review" if counts["review"] else "",
        f"{counts['unfit']} not fit for the canvas" if counts["unfit"] else "",
        f"{counts['no_glasses']} without glasses" if counts["no_glasses"] else "",
        f"{summary.skipped} done before" if summary.skipped else "",
        f"{counts['failed']} failed" if counts["failed"] else "",
        f"{summary.left} left for the next run" if summary.left else "",
    ]
    worked = len(summary.records)
    pace = f", {summary.seconds / worked:.1f} s a photo" if worked else ""
    out.print(f"{', '.join(filter(None, parts))}; {summary.seconds:.0f} s{pace}")
    if not worked and not summary.skipped and not summary.left:
        out.print("No photos found: eyecut looks at file names' suffixes, hidden files left out.")
    if summary.interrupted:
        out.print("Stopped; run the same command again to go on.")
    if summary.report:
        out.print(f"Report: {plainly(str(summary.report))}", soft_wrap=True)
