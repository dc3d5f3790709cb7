"""What the commands share: consoles, exit statuses, and how they stop."""

from __future__ import annotations

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

FAILED, NOT_STARTED, INTERRUPTED = 1, 2, 130

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
