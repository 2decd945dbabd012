"""`release-bot evidence …`: what the bot sees in a report that a tool wrote.

Used by the command line. Reads a file and prints; needs no settings and no database.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.app import LARGEST_REPORT, read_report
from bot.domain.evidence import Format
from bot.errors import UserError
from bot.views import evidence_lines

cli = typer.Typer(help="What the bot sees in tools' reports.", no_args_is_help=True)

STDIN = "-"


@cli.callback()
def evidence() -> None:
    """Group the commands, however few there are."""


@cli.command()
def read(
    file: Annotated[str, typer.Argument(help="The report; - is standard input.")],
    *,
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="What wrote it; without it that is recognised."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what the bot sees in a report. Status 1: it is refused, and why."""
    try:
        report = read_report(_bytes(file), format_)
    except OSError as error:
        _refuse(file, f"{error.strerror}.", error)
    except UserError as error:
        _refuse(file, error.sentence, error)
    if as_json:
        typer.echo(json.dumps(evidence_lines.as_data(report), indent=2))
    else:
        typer.echo(evidence_lines.summary(report))


def _refuse(file: str, sentence: str, error: Exception) -> None:
    typer.echo(f"{'standard input' if file == STDIN else file}: {sentence}", err=True)
    raise typer.Exit(1) from error


def _bytes(file: str) -> bytes:
    """Read one byte more than a report may have: a device or a pipe may never end."""
    if file == STDIN:
        return sys.stdin.buffer.read(LARGEST_REPORT + 1)
    with Path(file).open("rb") as stream:
        return stream.read(LARGEST_REPORT + 1)
