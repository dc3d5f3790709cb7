"""What the commands share: consoles, exit statuses, and how they stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from pipeline.errors import OutputError

FAILED, NOT_STARTED, INTERRUPTED = 1, 2, 130
MOST_NAMES = 20

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def printable(text: str) -> str:
    """Return `text` fit for any terminal; bytes of a name that are not UTF-8 show as `?`."""
    return "".join(c if c.isprintable() else "?" for c in text)


def plainly(text: str) -> str:
    """Return `text` fit for any terminal, and without a meaning as markup."""
    return escape(printable(text))


def stop(reason: str) -> NoReturn:
    """Say why nothing could start, and leave."""
    err.print(f"eyecut: {plainly(reason)}", soft_wrap=True)
    raise typer.Exit(NOT_STARTED)


def progress_bar() -> Progress:
    """A bar with counts, the time left and a description, on stderr."""
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=err,
    )


@contextmanager
def counting(description: str = "") -> Iterator[Callable[[int, int], None]]:
    """A progress bar that is moved by the number done and the number of all."""
    with progress_bar() as progress:
        task = progress.add_task(printable(description), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def tell_names(names: Sequence[str], remark: str) -> None:
    """Print what is remarkable about `names`, a line each up to `MOST_NAMES`."""
    for name in names[:MOST_NAMES]:
        out.print(plainly(f"{name}: {remark}"), soft_wrap=True)
    if len(names) > MOST_NAMES:
        out.print(plainly(f"... and {len(names) - MOST_NAMES} more: {remark}"), soft_wrap=True)


def check_targets(targets: Iterable[Path | None], sources: Iterable[Path | None]) -> None:
    """Let no file that is named for writing be one that is read.

    Raises:
        OutputError: names it.
    """
    read = {path.resolve() for path in sources if path is not None}
    for path in targets:
        if path is not None and path.resolve() in read:
            raise OutputError(f"{path} is read by this command; name another file to write")
