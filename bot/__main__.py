"""The command line: serve, demo, migrate, catalog, audit, events, analysis, evidence, doctor.

Exit status 0: good; 1: something was found wrong; 2: misused.
"""

import asyncio
import gc
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bot import analysis, evidence, logs, policy, record_cli
from bot import demo as demo_
from bot.app import App, CatalogError, catalog_schema, load_catalog, now_at
from bot.command_line import read_settings, run
from bot.demo_evidence import DemoError
from bot.domain.catalog import Catalog
from bot.domain.deliveries import Which
from bot.engine.resending import resend
from bot.settings import Settings
from bot.store import catalogs
from bot.store import events as event_store
from bot.store.migrate import migrate as migrate_store
from bot.store.session import Store
from bot.views import event_lines, finding_lines

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__.split("\n\n")[0])
catalog_cli = typer.Typer(no_args_is_help=True, help="Check the catalogue, draw it, describe it.")
cli.add_typer(catalog_cli, name="catalog")
cli.add_typer(record_cli.cli, name="audit")
events_cli = typer.Typer(no_args_is_help=True, help="See what became of events; send one again.")
cli.add_typer(events_cli, name="events")
cli.add_typer(analysis.cli, name="analysis")
cli.add_typer(policy.cli, name="policy")
cli.add_typer(evidence.cli, name="evidence")

FileArgument = Annotated[
    Path | None, typer.Argument(help="The catalogue; by default RELEASE_BOT_CATALOG.")
]


def main() -> None:
    """Run the command line."""
    cli()


@cli.command()
def serve() -> None:
    """Run the bot. It answers while GitHub, Kubernetes or Slack are out of reach."""
    settings = read_settings()
    logs.set_up(settings)
    run(_serve(settings))


SWITCH_SECONDS = 0.001
"""How long a thread (GitHub's client has some) may keep the event loop's thread waiting: Python's
own 5 ms are as long as all that a click costs."""


GC_THRESHOLDS = (10_000, 20, 20)
"""Garbage is looked for less often than by default: what is loaded at the start stays, and most of
what a request makes is gone when it ends."""


async def _serve(settings: Settings) -> int:
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*GC_THRESHOLDS)
    catalog = await _first_catalog(settings)
    if catalog is None:
        return 1
    app = App(settings, catalog)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    await app.start()
    app.watch_catalog(settings.release_bot_catalog)
    gc.collect()
    gc.freeze()
    await ending.wait()
    await app.stop()
    return 0


async def _first_catalog(settings: Settings) -> Catalog | None:
    """Read the file; where it is broken, the last good one from the database will do."""
    try:
        return load_catalog(settings.release_bot_catalog).catalog
    except CatalogError as error:
        typer.echo(str(error), err=True)
    store = Store(settings.database_url)
    try:
        await migrate_store(store)
        async with store.read() as session:
            last = await catalogs.newest(session)
    finally:
        await store.close()
    if last is None:
        typer.echo("There is no earlier catalogue to go on with. Mend the file.", err=True)
    else:
        typer.echo("Going on with the last good catalogue.", err=True)
    return last


@cli.command()
def demo(
    *,
    play: Annotated[bool, typer.Option(help="Tell the whole story unattended.")] = False,
    data: Annotated[Path | None, typer.Option(help="Leave database and logs here.")] = None,
) -> None:
    """Run the main job on simulated Slack, GitHub and Kubernetes, in this terminal."""
    with tempfile.TemporaryDirectory(prefix="release-bot-") as scratch:
        folder = data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "bot.log").open("a", encoding="utf-8") as stream:
            logs.set_up(Settings(log_format="json"), stream)
            try:
                asyncio.run(demo_.play(folder) if play else demo_.by_hand(folder))
            except DemoError as error:
                typer.echo(f"The demo went wrong: {error}", err=True)
                raise typer.Exit(1) from error
            except KeyboardInterrupt:
                raise typer.Exit(0) from None


@cli.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    settings = read_settings()
    run(_migrate(settings))


async def _migrate(settings: Settings) -> int:
    store = Store(settings.database_url)
    try:
        await migrate_store(store)
    finally:
        await store.close()
    typer.echo("The database is up to date.")
    return 0


@catalog_cli.command("check")
def catalog_check(file: FileArgument = None) -> None:
    """Say what is wrong with the catalogue, with line and column."""
    path = file or read_settings().release_bot_catalog
    try:
        loaded = load_catalog(path)
    except CatalogError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    for warning in loaded.warnings:
        typer.echo(f"{path}:{warning.line}:{warning.column}: warning: {warning.message}", err=True)
    catalog = loaded.catalog
    typer.echo(
        f"{path}: good. {len(catalog.services)} services, {len(catalog.environments)} "
        f"environments, fingerprint {loaded.fingerprint[:12]}."
    )


@catalog_cli.command("graph")
def catalog_graph(file: FileArgument = None) -> None:
    """Print the services and what they depend on, in Graphviz' language."""
    path = file or read_settings().release_bot_catalog
    try:
        catalog = load_catalog(path).catalog
    except CatalogError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo("digraph services {\n  rankdir=LR;")
    for name, service in catalog.services.items():
        typer.echo(f'  "{name}" [group="{service.tier}"];')
        for needed, constraint in service.depends_on.items():
            typer.echo(f'  "{name}" -> "{needed}" [label="{constraint}"];')
    typer.echo("}")


@catalog_cli.command("schema")
def catalog_schema_() -> None:
    """Print the catalogue's JSON Schema, for editors."""
    typer.echo(json.dumps(catalog_schema(), indent=2))


@events_cli.command("list")
def events_list(
    *,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what is to be sent.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, from the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List events and what became of each, newest first. With --dead: status 1 if there are any."""
    if dead and waiting:
        raise typer.BadParameter("--dead or --waiting, not both")
    which: Which = "dead" if dead else "waiting" if waiting else "all"
    run(_list_events(read_settings(), which, limit, as_json=as_json))


async def _list_events(settings: Settings, which: Which, limit: int, *, as_json: bool) -> int:
    store = Store(settings.database_url)
    try:
        async with store.read() as session:
            rows = await event_store.listed(session, which, limit)
    finally:
        await store.close()
    if as_json:
        typer.echo(json.dumps(event_lines.as_data(rows), indent=2))
    else:
        typer.echo(event_lines.listing(rows, which, limit))
    return 1 if which == "dead" and rows else 0


@events_cli.command("resend")
def events_resend(
    event_id: Annotated[str | None, typer.Argument(metavar="ID", help="The event's id.")] = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="Every event that was given up.")] = False,
    sink: Annotated[str | None, typer.Option(help="To this sink only.")] = None,
) -> None:
    """Send one event again, or all that were given up. A bot that runs does the sending."""
    if (event_id is None) != dead:
        raise typer.BadParameter("name one event, or say --dead for all that were given up")
    run(_resend_events(read_settings(), event_id, sink))


async def _resend_events(settings: Settings, event_id: str | None, sink: str | None) -> int:
    store = Store(settings.database_url)
    try:
        now = await now_at(store)
        async with store.write() as session:
            done = await resend(session, now, event_id=event_id, sink=sink)
    finally:
        await store.close()
    typer.echo(done.problem or event_lines.resent(done.count), err=done.problem is not None)
    return 1 if done.problem else 0


@cli.command()
def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check each connection and permission, and say how to mend what is missing."""
    settings = read_settings()
    logs.set_up(settings)
    run(_doctor(settings, as_json=as_json))


async def _doctor(settings: Settings, *, as_json: bool) -> int:
    try:
        catalog = load_catalog(settings.release_bot_catalog).catalog
    except CatalogError as error:
        typer.echo(str(error), err=True)
        return 1
    app = App(settings, catalog)
    try:
        findings = await app.doctor()
    finally:
        await app.close()
    if as_json:
        typer.echo(json.dumps(finding_lines.as_data(findings), indent=2))
    else:
        typer.echo(finding_lines.report(findings))
    return 0 if all(finding.good for finding in findings) else 1


if __name__ == "__main__":
    main()
