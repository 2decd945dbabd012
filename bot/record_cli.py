"""`release-bot audit …`: verify the record, sign checkpoints, export, erase people.

Used by the command line. Needs `DATABASE_URL` only; a bot may run beside it.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from bot.app import now_at
from bot.command_line import RefusedError, read_settings, run
from bot.domain.checkpoints import Signed, read_keys, read_notes, written_key
from bot.domain.erasure import is_slack_id
from bot.domain.exports import Selection
from bot.engine import checkpoints, proof
from bot.engine.erasing import erase, look
from bot.engine.exporting import ExportFault
from bot.engine.signing import Signer, new_pair
from bot.record_export import Export, Format
from bot.record_keeping import keeping_of
from bot.record_prune import Prune, Removed
from bot.settings import Settings, revealed
from bot.store import audit, catalogs
from bot.store.session import Session, Store
from bot.views import record_lines
from integrations import checkpoint_file

cli = typer.Typer(no_args_is_help=True, help="Verify, sign and export the record; erase people.")


KeyOption = Annotated[
    Path | None, typer.Option("--public-key", help="Public keys, one a line; old ones too.")
]


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings.database_url)
    try:
        yield store
    finally:
        await store.close()


@cli.command("verify")
def audit_verify(
    *,
    kept: Annotated[
        Path | None,
        typer.Option("--checkpoints", help="Checkpoints kept elsewhere; see AUDIT_CHECKPOINT_FILE"),
    ] = None,
    public_key: KeyOption = None,
    removed: Annotated[
        list[Path] | None, typer.Option(help="An export of entries that were removed since.")
    ] = None,
) -> None:
    """Verify the record: chain, texts, checkpoints. Names the first bad entry."""
    run(_verify(read_settings(), kept, public_key, removed or []))


async def _verify(
    settings: Settings, kept: Path | None, key_file: Path | None, folders: list[Path]
) -> int:
    keys = _keys(settings, key_file)
    signed, strays = _kept(settings, kept)
    exports = [Removed.read(folder, key_file) for folder in folders]
    hashes = {seq: link for one in exports for seq, link in one.hashes.items()}
    async with _store(settings) as store, store.read() as session:
        await audit.snapshot(session)
        found = await proof.prove(session, keys, signed, hashes)
    if found.faults or strays:
        typer.echo(record_lines.faults(found.faults, strays), err=True)
        return 1
    fits = [one.fits(found.anchors) for one in exports]
    typer.echo("\n".join([record_lines.whole(found), *fits]))
    return 0


def _keys(settings: Settings, file: Path | None) -> dict[str, bytes]:
    """Collect the public keys that are believed: those handed in, and the present key's own."""
    keys = {}
    if file is not None:
        try:
            keys = read_keys(_text(file))
        except ValueError as error:
            raise RefusedError(f"{file}: {error}.") from None
        if not keys:
            raise RefusedError(f"{file} holds no public key. `audit keygen` prints one.")
    pem = revealed(settings.audit_signing_key)
    own = Signer(pem).public if pem else None
    return {**keys, **(read_keys(written_key(own)) if own else {})}


def _kept(settings: Settings, given: Path | None) -> tuple[list[Signed], list[str]]:
    """Read the checkpoints kept elsewhere: the file named, else the one that the bot adds to."""
    own = settings.audit_checkpoint_file
    file = given or own
    if file is None:
        return [], []
    text = _text(file) if given else checkpoint_file.read(file)
    signed, strays = read_notes(text, str(file))
    if given and not signed and not strays:
        raise RefusedError(f"{file} holds no checkpoint.")
    return signed, strays


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{file}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise RefusedError(f"{file} is no text.") from None


@cli.command("keygen")
def audit_keygen() -> None:
    """Print a new key pair: the private key for AUDIT_SIGNING_KEY, the public one to keep."""
    private, public = new_pair()
    typer.echo(private, nl=False)
    typer.echo(public)


@cli.command("checkpoint")
def audit_checkpoint() -> None:
    """Sign a checkpoint of the record now, print it, and publish it as the settings say."""
    run(_checkpoint(read_settings()))


async def _checkpoint(settings: Settings) -> int:
    keeping = keeping_of(settings)
    if keeping is None:
        raise RefusedError("AUDIT_SIGNING_KEY is not set. `release-bot audit keygen` makes a key.")
    async with _store(settings) as store:
        now = await now_at(store)
        async with store.write() as session:
            made = await checkpoints.take(session, keeping.signer, now, await _channel(session))
        if keeping.file is not None:
            await checkpoints.file_missing(store, keeping.file)
    if made is None:
        typer.echo("The newest checkpoint has every entry already.")
    else:
        typer.echo(made.note(), nl=False)
    return 0


async def _channel(session: Session) -> str | None:
    catalog = await catalogs.newest(session)
    return catalog.audit.checkpoints if catalog and catalog.audit else None


@cli.command("export")
def audit_export(
    *,
    since: Annotated[
        str | None, typer.Option("--from", help="First day or moment, in UTC unless it says so.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="The day or moment at which it ends, not in it.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="jsonl, csv or html.")] = "jsonl",
    out: Annotated[
        Path | None, typer.Option(help="An empty folder: with manifest and verifier.")
    ] = None,
    release: Annotated[str | None, typer.Option(help="Only what is on this release.")] = None,
) -> None:
    """Print the record, one entry a line, as JSON; or part of it, in a form to hand on."""
    selection = _selection(since, until, release)
    for known in get_args(Format):
        if known == form:
            run(_export(read_settings(), selection, known, out))
    raise typer.BadParameter(f"there is no format {form}; there are jsonl, csv and html")


def _selection(since: str | None, until: str | None, release: str | None) -> Selection:
    begin, end = _moment(since, "--from"), _moment(until, "--to")
    if begin and end and begin >= end:
        raise typer.BadParameter(f"--from {since} is not before --to {until}")
    return Selection(since=begin, until=end, release=release)


def _moment(text: str | None, option: str) -> datetime | None:
    """Read a day (its beginning) or a moment; without a zone it is UTC."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f'{option} "{text}" is no date such as 2026-03-04, or 2026-03-04T16:30'
        ) from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


async def _export(settings: Settings, selection: Selection, form: Format, out: Path | None) -> int:
    keys = [written_key(key) for key in _keys(settings, None).values()]
    async with _store(settings) as store:
        now = await now_at(store)
        async with store.read() as session:
            await audit.snapshot(session)
            if out is None and selection.whole and form == "jsonl":
                async for link in audit.chain(session):
                    typer.echo(link.model_dump_json())
                return 0
            export = Export(session, selection, form, now, keys)
            try:
                return await _write(export, out)
            except ExportFault as fault:
                raise RefusedError(f"{fault}") from fault


async def _write(export: Export, out: Path | None) -> int:
    if out is None:
        await export.to_screen(sys.stdout)
        return 0
    count, digest = await export.to_folder(out)
    typer.echo(record_lines.exported(count, str(out), digest))
    return 0


@cli.command("prune")
def audit_prune(
    *,
    before: Annotated[
        str, typer.Option(help="Older entries go: a day or a moment, in UTC unless it says so.")
    ],
    out: Annotated[
        Path | None, typer.Option("--export", help="An empty folder for what is removed.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Your Slack id, for the record.")] = None,
    kept: Annotated[
        Path | None, typer.Option("--checkpoints", help="Those kept elsewhere.")
    ] = None,
    public_key: KeyOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; nothing brings it back.")] = False,
) -> None:
    """Remove entries that need no longer be kept, once they are exported. The rest stays whole.

    Without --yes it only says what it would remove.
    """
    moment = _moment(before, "--before")
    assert moment is not None  # noqa: S101 - the option is required
    run(_prune(read_settings(), moment, (out, by) if yes else None, (kept, public_key)))


async def _prune(
    settings: Settings,
    before: datetime,
    orders: tuple[Path | None, str | None] | None,
    proofs: tuple[Path | None, Path | None],
) -> int:
    keeping = keeping_of(settings)
    if keeping is None:
        raise RefusedError("AUDIT_SIGNING_KEY is not set: what is removed has to be signed for.")
    kept, strays = _kept(settings, proofs[0])
    if strays:
        raise RefusedError(f"{strays[0]}.")
    keys = _keys(settings, proofs[1])
    async with _store(settings) as store:
        now = await now_at(store)
        work = Prune(store, keeping.signer, before, now, settings.audit_retention_days, keys, kept)
        if orders is None:
            typer.echo(await work.preview())
        else:
            typer.echo(await work.carry_out(*orders))
    return 0


@cli.command("erase")
def audit_erase(
    user: Annotated[str, typer.Argument(help="The person's Slack id, such as U024BE7LH.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; nothing brings it back.")] = False,
) -> None:
    """Erase a person: salts, texts, and the id in every other table. The record stays whole.

    Without --yes it only says what it would erase.
    """
    run(_erase(read_settings(), user, yes=yes))


async def _erase(settings: Settings, user: str, *, yes: bool) -> int:
    if not is_slack_id(user):
        raise RefusedError(f'"{user}" is no Slack id of a person, such as U024BE7LH.')
    async with _store(settings) as store:
        now = await now_at(store)
        if not yes:
            async with store.read() as session:
                found = await look(session, user)
        else:
            async with store.write() as session:
                found = await erase(session, user, now)
    typer.echo(record_lines.erased(user, found, done=yes), err=bool(found.obstacles))
    return 1 if found.obstacles else 0
