"""`release-bot evidence …`: what the bot sees in a report that a tool wrote, and handing one in.

Used by the command line. Only `raw` needs a database.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.app import LARGEST_REPORT, read_report, submit_report
from bot.domain.evidence import Format, Kind
from bot.errors import PermanentError, StoreError, TemporaryError, UserError
from bot.settings import Settings
from bot.store import evidence as evidence_store
from bot.store.session import Store
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


@cli.command()
def submit(  # noqa: PLR0913 - each is an option of its own
    file: Annotated[str, typer.Argument(help="The report; - is standard input.")],
    *,
    service: Annotated[str, typer.Option(help="The service, as in the catalogue.")],
    version: Annotated[str, typer.Option(help="The version whose commit it is about.")],
    kind: Annotated[Kind, typer.Option(help="What it is to prove.")],
    url: Annotated[str, typer.Option(envvar="RELEASE_BOT_URL", help="The bot's address.")],
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="What wrote it; without it that is recognised."),
    ] = None,
    part: Annotated[str, typer.Option(help="Which part of the whole, such as 2 of 4.")] = "",
    digest: Annotated[str, typer.Option(help="The image's digest, sha256:…")] = "",
    run: Annotated[str, typer.Option(help="Address of the run, with a service's token.")] = "",
    audience: Annotated[str, typer.Option(help="As in the catalogue.")] = "release-bot",
) -> None:
    """Hand a report to the bot. Status 0: it has it; 1: refused, or not to be reached.

    The token is RELEASE_BOT_EVIDENCE_TOKEN, or in GitHub Actions the job's own.
    """
    given = {"kind": kind.value, "part": part, "digest": digest, "url": run}
    query = {name: value for name, value in given.items() if value}
    if format_ is not None:
        query["format"] = format_.value
    try:
        report = _bytes(file)
        sent = submit_report(url, service, version, query, report, audience=audience)
        taken = asyncio.run(sent)
    except OSError as error:
        _refuse(file, f"{error.strerror}.", error)
    except (PermanentError, TemporaryError) as error:
        _refuse(file, str(error), error)
    typer.echo(evidence_lines.taken(taken))


@cli.command()
def raw(number: Annotated[int, typer.Argument(metavar="ID", help="The report's number.")]) -> None:
    """Print a submitted report as it came. Status 1: it is not kept. Reads DATABASE_URL."""
    try:
        content = asyncio.run(_stored(number))
    except StoreError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from error
    if content is None:
        typer.echo(evidence_lines.not_kept(number), err=True)
        raise typer.Exit(1)
    sys.stdout.buffer.write(content)


async def _stored(number: int) -> bytes | None:
    store = Store(Settings().database_url)
    try:
        async with store.read() as session:
            found = await evidence_store.raw(session, number)
    finally:
        await store.close()
    return found.content if found else None


def _refuse(file: str, sentence: str, error: Exception) -> None:
    typer.echo(f"{'standard input' if file == STDIN else file}: {sentence}", err=True)
    raise typer.Exit(1) from error


def _bytes(file: str) -> bytes:
    """Read one byte more than a report may have: a device or a pipe may never end."""
    if file == STDIN:
        return sys.stdin.buffer.read(LARGEST_REPORT + 1)
    with Path(file).open("rb") as stream:
        return stream.read(LARGEST_REPORT + 1)
