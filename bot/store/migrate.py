"""Brings the database to this version's schema. Two processes that start at once do it once."""

import asyncio
from functools import cache
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import migrations
from bot.errors import StoreError
from bot.store.session import Store

log = structlog.get_logger()

_LOCK = 7_266_354
"""Any number, the same for every process: PostgreSQL's advisory lock for the migration."""

TRIES = 30
"""How often a database that is not there yet is asked, a second apart."""


def config(connection: Connection | None = None) -> Config:
    """Make Alembic's configuration, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__path__[0])))
    made.attributes["connection"] = connection
    return made


async def migrate(store: Store, *, tries: int = TRIES) -> None:
    """Run what is missing. Waits for a database that isn't there yet; StoreError at last."""
    for attempt in range(tries):
        try:
            await _upgrade(store)
        except (StoreError, OSError) as error:
            if attempt == tries - 1:
                raise StoreError(f"the database can't be migrated: {error}") from error
            await asyncio.sleep(1.0)
        else:
            return


async def standing(store: Store) -> tuple[str | None, tuple[str, ...]]:
    """Tell which schema the database has, and which ones this version knows, newest first."""
    async with store.read() as session:
        connection = await session.connection()
        stored = await connection.run_sync(_stored)
    return stored, _known()


async def _upgrade(store: Store) -> None:
    async with store.write() as session:
        connection = await session.connection()
        if not store.is_sqlite:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await connection.run_sync(_to_head)


def _to_head(connection: Connection) -> None:
    """Run what is missing. Alembic's own way to find out that nothing is takes much longer.

    A schema that only a newer version knows is left: migrations only add for one version, so that
    the one before works on it, beside the newer one or after it was taken back.
    """
    stored, known = _stored(connection), _known()
    if stored is not None and stored not in known:
        log.warning("schema_newer", stored=stored, newest_known=known[0])
    elif stored != known[0]:
        command.upgrade(config(connection), "head")


@cache
def _known() -> tuple[str, ...]:
    """List the schemas that this version knows, newest first."""
    scripts = ScriptDirectory.from_config(config())
    return tuple(script.revision for script in scripts.walk_revisions())


def _stored(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
