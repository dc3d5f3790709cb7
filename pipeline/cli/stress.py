"""The command `eyecut stress`."""

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
    progress_bar,
    stop,
)
from pipeline.errors import EyecutError

if TYPE_CHECKING:
    from pipeline.stress.result import StressReport


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
        stop(str(error))
    except KeyboardInterrupt:
        err.print("Stopped; run the same command again to go on.")
        raise typer.Exit(INTERRUPTED) from None
    for table in report.to_tables():
        out.print(table)
    for name, reason in report.failures.items():
        out.print(plainly(f"{name}: failed: {reason}"), soft_wrap=True)
    failed = f", {len(report.failures)} failed" if report.failures else ""
    out.print(plainly(f"{report.photos} photos{failed}: {output}"), soft_wrap=True)
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
    from pipeline.config import load_config
    from pipeline.stress.changes import choose

    told, changes = load_config(name, overrides), choose(wanted)
    from pipeline.stress.run import stress as sweep

    with progress_bar() as progress:
        task = progress.add_task("Loading the networks", total=None)

        def watch(photo: str, done: int, total: int) -> None:
            shown = plainly(photo)
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
