"""The command `eyecut`.

Exit status: 0 every photo done (or every rule kept); 1 some photos failed, each named with the
reason (or a rule broken); 2 nothing could start, or the run had to stop; 130 stopped by Ctrl-C.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pipeline.cli.compare import compare
from pipeline.cli.evaluate import evaluate
from pipeline.cli.run import run
from pipeline.cli.stress import stress

app = typer.Typer(
    name="eyecut",
    help="Photos of eyewear in, catalogue cut-outs on pure white out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


for _command in (run, evaluate, compare, stress):
    app.command()(_command)


def main() -> None:
    """Run the command line."""
    # Threads that wait should sleep: spinning, as is the default, wastes the cores that decode.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    app()
